"""What was decided at one instant, and why: values only."""

from typing import Literal

import msgspec

from rules.facts import NEVER_MS

GateName = Literal[
    "hidden",
    "never_on",
    "active",
    "during",
    "first_after",
    "quiet",
    "cooldown",
    "cap",
    "limit",
    "holdout",
]
ReasonName = Literal[
    "fired", "page", "except", "when", "unless", "priority",
    "hidden", "never_on", "active", "during", "first_after", "quiet", "cooldown", "cap", "limit", "holdout",
]  # fmt: skip
RowOutcome = Literal["sent", "held", "suppressed", "held_out", "none", "expired"]


class Gate(msgspec.Struct, frozen=True, gc=False):
    """A closed gate; `reopens_ms` is the instant at which it opens by itself, or NEVER_MS."""

    name: GateName
    reopens_ms: int = NEVER_MS


class DecisionRow(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The ledger row: what was decided, by which rule, why, and what was closest.

    `why` is one sentence. `gates` are the closed ones, in their order; `beaten` the rules that could
    have spoken too; `closest` the rule that came nearest without, and the condition that kept it silent.
    `estimated`: the rule uses visible time, and that of the page was measured by nobody.
    """

    id: str
    at_ms: int
    rule: str
    outcome: RowOutcome
    reason: str
    score: int
    variant: str = ""
    kind: Literal["rule", "api"] = "rule"
    message: str = ""
    program: str = ""
    gates: tuple[str, ...] = ()
    why: str = ""
    beaten: tuple[str, ...] = ()
    closest: str = ""
    estimated: bool = False
