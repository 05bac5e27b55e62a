"""OP231: a holdout that is too large to earn, or too small to learn from."""

from collections.abc import Iterator

from rules.diagnostics import Diagnostic, diagnose
from rules.nodes import Literal, Policy, PolicyHoldout, Rule, RuleHoldout
from rules.resolver import Scope
from rules.resolver.findings import mended
from rules.value_types import parse_percent

LARGEST = 50
SMALLEST = 1


def holdout_size(block: Policy | Rule, scope: Scope) -> Iterator[Diagnostic]:
    """Report a holdout over 50 % or under 1 %; none at all (0 %) is a choice."""
    del scope
    for item in block.items:
        if isinstance(item, PolicyHoldout | RuleHoldout):
            yield from _sized(item.share)


def _sized(share: Literal) -> Iterator[Diagnostic]:
    percent = parse_percent(share.text) if share.kind == "percent" else None
    if percent is None or percent == 0 or SMALLEST <= percent <= LARGEST:
        return
    if percent > LARGEST:
        message = f"a holdout of {share.text} keeps most visitors from any message"
        why = "Half is the most that still compares the two groups well."
        yield mended(diagnose("OP231", share.span, message, why), "20%")
    else:
        message = f"a holdout of {share.text} is too small to compare with"
        why = "With so few visitors, nobody can tell what the messages do."
        yield mended(diagnose("OP231", share.span, message, why), "5%")
