"""The registry of all diagnostic codes: number, name, severity and a short title.

A code keeps its meaning for ever; a retired one is not used again.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "hint"]


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of diagnostic; `title` says in a few words what is wrong."""

    code: str
    name: str
    severity: Severity
    title: str


CODES: tuple[Code, ...] = (
    Code("OP001", "unknown-character", "error", "unknown character"),
    Code("OP002", "curly-quotes", "warning", "curly quotes"),
    Code("OP003", "unclosed-text", "error", "text without its closing quote"),
    Code("OP004", "not-utf8", "error", "not UTF-8"),
    Code("OP005", "too-large", "error", "file too large"),
    Code("OP006", "bad-import", "error", "import that does not work"),
    Code("OP010", "missing-brace", "error", "missing }"),
    Code("OP011", "unknown-clause", "error", "unknown clause or word"),
    Code("OP012", "mixed-and-or", "error", "mixed and/or"),
    Code("OP013", "foreign-operator", "error", "operator of another language"),
    Code("OP014", "within-or-in-last", "error", "within and in last confused"),
    Code("OP015", "missing-word", "error", "missing word"),
    Code("OP016", "extra-brace", "error", "} that closes nothing"),
    Code("OP017", "unknown-block", "error", "unknown block"),
    Code("OP018", "incomplete-clause", "error", "clause that ends too early"),
    Code("OP019", "not-expected-here", "error", "not expected here"),
    Code("OP020", "reserved-name", "error", "reserved name"),
    Code("OP021", "stray-reply", "error", "reply without a say"),
    Code("OP022", "clause-twice", "error", "clause twice"),
    Code("OP023", "block-twice", "error", "block twice"),
    Code("OP101", "unit-missing", "error", "missing unit"),
    Code("OP102", "unit-unknown", "error", "unknown unit"),
    Code("OP103", "unit-not-here", "error", "unit not allowed here"),
    Code("OP104", "duration-form", "error", "malformed duration"),
    Code("OP105", "out-of-range", "error", "out of range"),
    Code("OP107", "unknown-day", "error", "unknown day"),
    Code("OP110", "unknown-attribute", "error", "unknown attribute"),
    Code("OP111", "unknown-event", "error", "unknown event"),
    Code("OP112", "unknown-name", "error", "unknown pages or set"),
    Code("OP113", "unknown-field", "error", "unknown field"),
    Code("OP114", "unknown-in-test", "error", "unknown name in a test"),
    Code("OP115", "duplicate-name", "error", "name declared twice"),
    Code("OP116", "built-in-name", "error", "built-in name declared"),
    Code("OP117", "cycle", "error", "circular definition"),
    Code("OP118", "score-in-score", "error", "score inside the score"),
    Code("OP119", "unused", "hint", "declared, never used"),
    Code("OP120", "type-mismatch", "error", "two different types"),
    Code("OP121", "operator-type", "error", "operator does not fit the type"),
    Code("OP122", "not-in-list", "error", "value not in the list"),
    Code("OP123", "not-yes-no", "error", "not a yes/no attribute"),
    Code("OP124", "money-form", "error", "malformed money"),
    Code("OP125", "percent-form", "error", "malformed percent"),
    Code("OP126", "page-pattern", "error", "malformed page pattern"),
    Code("OP127", "regex", "error", "regular expression"),
    Code("OP128", "presence-missing", "error", "optional or default missing"),
    Code("OP129", "default-type", "error", "default does not fit the type"),
    Code("OP130", "time-zone", "error", "unknown time zone"),
    Code("OP131", "reply-payload", "error", "reply action and its text"),
    Code("OP132", "same-value", "error", "two replies with one value"),
    Code("OP134", "message-missing", "error", "not exactly one message"),
    Code("OP137", "points-whole", "error", "decimal points"),
    Code("OP138", "page-missing", "error", "page missing"),
    Code("OP140", "time-goes-back", "error", "test goes back in time"),
    Code("OP141", "empty-range", "error", "empty range"),
    Code("OP142", "bad-placeholder", "error", "malformed placeholder"),
    Code("OP230", "weights", "error", "variant weights"),
    Code("OP231", "holdout-size", "warning", "holdout size"),
    Code("OP301", "too-early", "warning", "first message too early"),
    Code("OP302", "reply-count", "warning", "number of replies"),
    Code("OP303", "any-page", "warning", "every page"),
    Code("OP304", "off-topic", "hint", "off topic"),
    Code("OP305", "fallback-missing", "error", "fallback missing"),
    Code("OP306", "too-frequent", "warning", "too frequent"),
    Code("OP307", "long-text", "hint", "long text"),
    Code("OP308", "two-questions", "hint", "two questions"),
    Code("OP309", "no-way-out", "hint", "no way out"),
    Code("OP310", "no-pause", "warning", "no pause after a dismissal"),
    Code("OP311", "page-only", "hint", "page alone"),
    Code("OP313", "long-reply", "hint", "long reply"),
    Code("OP401", "unguarded", "error", "unguarded optional attribute"),
    Code("OP510", "test-failed", "error", "test failed"),
)

_BY_NUMBER = {entry.code: entry for entry in CODES}


def code_of(code: str) -> Code:
    """Look up one entry of the registry; an unknown code is a bug and raises KeyError."""
    return _BY_NUMBER[code]
