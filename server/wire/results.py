"""The query and the rows of results (API.md 3.7)."""

from typing import Annotated

from msgspec import Meta, Struct

from engine.results.stats import Interval, Verdict

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


class ResultRow(Struct, frozen=True):
    """One rule's variant, or one campaign (then `rule` is empty).

    `conversion_rate` is of the messages sent; `lift` is that minus the rate of the held-out visitors,
    null without any. Intervals are two-sided, 95 %.
    """

    rule: str
    variant: str
    campaign_id: str | None
    eligible: int
    held_out: int
    sent: int
    delivered: int
    displayed: int
    read: int
    replied: int
    dismissed: int
    expired: int
    converted: int
    converted_held_out: int
    conversion_rate: Interval
    lift: Interval | None
    verdict: Verdict
