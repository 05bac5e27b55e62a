"""What an evaluator may ask of its host: `Facts` for the interpreter, `State` for generated code.

Neither knows a clock: every question about time takes `now_ms`, Unix milliseconds UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal as OneOf
from typing import Protocol

from rules.checked import ClockName, Pattern, ScorePlan, SequenceTest, Throughout, Value

NEVER_MS = 1 << 62
"""The instant that does not come by itself: only an event can change anything."""


@dataclass(frozen=True, slots=True)
class SequenceState:
    """What is remembered of a sequence.

    `matched`: a match exists (for tail "within": one with last - first <= d). `end_ms`: end of the
    newest match, None without one. `broken`: for "then_no", the absent pattern came after it.
    """

    matched: bool
    end_ms: int | None
    broken: bool


class Facts(Protocol):
    """One session as the interpreter sees it at the instant it was asked about."""

    @property
    def start_ms(self) -> int:
        """Return the session's start."""
        ...

    @property
    def score_plan(self) -> ScorePlan:
        """Return the score block in force; the score itself is the interpreter's to add up."""
        ...

    def attribute(self, name: str) -> Value | None:
        """Return an attribute as received: text not folded, no default, None while absent."""
        ...

    def clock_ms(self, clock: ClockName, now_ms: int) -> int:
        """Return a clock's reading, >= 0; 0 for the page's clocks before the first view."""
        ...

    def clock_runs(self, clock: ClockName) -> bool:
        """Tell whether the clock moves by itself: visible ones while visible, the page's on a page."""
        ...

    def page_key(self) -> str:
        """Return the page's normalised address (`addresses.address_key`), "" before the first view."""
        ...

    def scroll_percent(self) -> float:
        """Return the deepest scroll on this page, 0..100."""
        ...

    def count(self, pattern: Pattern, scope: OneOf["session", "page"]) -> int:
        """Return how many events matched since the session, or the page, began."""
        ...

    def times(self, pattern: Pattern, number: int) -> Sequence[int]:
        """Return the times of the newest `number` matches, oldest first, as far as they are kept."""
        ...

    def latest(self, pattern: Pattern) -> int | None:
        """Return the time of the newest match."""
        ...

    def sequence(self, test: SequenceTest) -> SequenceState:
        """Return what is remembered of a sequence."""
        ...

    def since(self, test: Throughout, now_ms: int) -> int | None:
        """Return since when the inner condition has been true without a break, None when it is not."""
        ...


class State(Protocol):
    """The fields of a session state that generated code reads and writes; the engine owns the class.

    Visible time on the page is `page_seen_ms`, plus `now - page_since_ms` while `page_since_ms >= 0`;
    the same for the site. `page_ms` is the view's time, -1 before the first view. `attrs` holds every
    attribute by its name in rules (also `page.url`, `page.query.x`, `visitor.plan`, `utm.source`,
    `agents_online`), in the checked form's units, text as received; absent means unknown, defaults are
    not stored. `regs` has one cell a register, in the program's order. Held registers are valid for
    `clock_ms`.
    """

    start_ms: int
    clock_ms: int
    page_key: str
    page_ms: int
    page_seen_ms: int
    page_since_ms: int
    site_seen_ms: int
    site_since_ms: int
    scroll: float
    attrs: dict[str, Value]
    regs: list[object]
