"""Names of the counters that results and campaigns are read from."""

from typing import Literal

Counted = Literal[
    "eligible", "sent", "held_out", "delivered", "displayed", "read", "replied", "dismissed", "expired",
    "withdrawn", "converted", "converted_held_out",
]  # fmt: skip
RULE = "r|"
CAMPAIGN = "c|"
CHAT_MESSAGES = "u|chat"
"""Counts the messages of a workspace's visitors."""
TOKENS = "u|tokens|"


def rule_count(rule: str, variant: str, what: Counted) -> str:
    """Name the counter of a rule's variant; `variant` "" for a rule without variants."""
    return f"{RULE}{rule}|{variant}|{what}"


def campaign_count(campaign: str, what: Counted) -> str:
    """Name the counter of a campaign: a caller's `campaign_id`, or a rule's name."""
    return f"{CAMPAIGN}{campaign}|{what}"


def tokens_count(assistant: str) -> str:
    """Name the counter of the tokens that an assistant's model read and wrote."""
    return TOKENS + assistant


def split_count(name: str) -> tuple[str, ...]:
    """Split a counter's name into its parts without the kind: (rule, variant, what) or (campaign, what).

    A campaign may hold `|`; what is counted never does.
    """
    kind, rest = name[:2], name[2:]
    if kind == RULE:
        return tuple(rest.split("|", 2))
    campaign, _, what = rest.rpartition("|")
    return campaign, what
