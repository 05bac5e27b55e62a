"""Queries and answers of decisions and of `why` (API.md 3.7)."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from engine.decision import RowOutcome
from engine.explain import Record
from server.wire.paging import PageQuery

Id = Annotated[str, Meta(max_length=256)]
Instant = Annotated[datetime, Meta(tz=True)]


class DecisionsQuery(PageQuery, frozen=True, kw_only=True):
    """Which decisions to list; all conditions must hold, `until` is not included."""

    session_id: Id | None = None
    visitor_id: Id | None = None
    rule: Id | None = None
    outcome: RowOutcome | None = None
    since: Instant | None = None
    until: Instant | None = None


class StreamQuery(Struct, frozen=True, kw_only=True):
    """Which decisions to stream; `until` is not included."""

    since: Instant | None = None
    until: Instant | None = None


class WhyQuery(Struct, frozen=True, kw_only=True):
    """Which rule, and when; every rule of the page, and now or the session's end, when left out."""

    rule: Id | None = None
    at: Instant | None = None


class OperatorWhyQuery(Struct, frozen=True, kw_only=True):
    """The question of `opportune why`: an instant, a time of the site's clock, or neither."""

    workspace: Id
    session: Id
    rule: Id | None = None
    at_ms: int | None = None
    clock: Annotated[str, Meta(max_length=8)] = ""


class DecisionReply(Struct, frozen=True):
    """One decision. `rule_version` is the number of the rule set's version, null when it is not kept.

    `estimated` is there when it is true: the rule uses visible time that nobody measured.
    """

    decision_id: str
    at_ms: int
    session_id: str
    visitor_id: str
    rule: str
    rule_version: int | None
    variant: str
    kind: str
    outcome: RowOutcome
    reason: str
    score: int
    message_id: str | None
    estimated: bool | UnsetType = UNSET


class DecisionTraceReply(DecisionReply, frozen=True, kw_only=True):
    """One decision with the record that explains it; without clauses once the journal is gone."""

    trace: Record


class StreamEnd(Struct, frozen=True):
    """The last line of a stream: without it the stream was cut off."""

    end: bool
    count: int


WhyReply = Record | list[Record]
"""One record when a rule is named, else one for each rule of the page, nearest first."""
