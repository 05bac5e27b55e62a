"""The query and the rows of results (API.md 3.7)."""

from typing import Annotated

from msgspec import Meta, Struct

from engine.results.results import Outcome

DAYS_DEFAULT = 30
DAYS_MAX = 400

Day = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d{2}-\d{2}([Tt ].{1,40})?$",
        description="A UTC date, or an instant with an offset, of which the UTC date counts.",
    ),
]


class ResultsQuery(Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """Whose results, and from which day to which, both included; the last 30 days when left out."""

    rule: Annotated[str, Meta(max_length=256)] | None = None
    campaign_id: Annotated[str, Meta(max_length=256)] | None = None
    first: Day | None = None
    last: Day | None = None


class ResultRow(Outcome, frozen=True, kw_only=True):
    """One rule's variant, or one campaign (then `rule` is empty). Intervals are two-sided, 95 %."""

    campaign_id: str | None
