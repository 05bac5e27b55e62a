"""A live session as the interpreter sees it: `rules.facts.Facts` read from the program's registers."""

from collections.abc import Sequence
from typing import Literal

from engine.session import State
from rules.checked import ClockName, Pattern, ScorePlan, SequenceTest, Throughout, Value
from rules.compiler.program import Program
from rules.compiler.registers import RegisterKind, held_key, pattern_key, sequence_key
from rules.facts import SequenceState


class StateFacts:
    """Facts of a state that was folded under `program`; what no rule asks is answered as never seen."""

    __slots__ = ("_program", "_state")

    def __init__(self, program: Program, state: State) -> None:
        """Read `state`, which has been advanced to the instant that is asked about."""
        self._program = program
        self._state = state

    @property
    def start_ms(self) -> int:
        """Return the session's start."""
        return self._state.start_ms

    @property
    def score_plan(self) -> ScorePlan:
        """Return the score block in force."""
        return self._program.checked.score

    def attribute(self, name: str) -> Value | None:
        """Return an attribute's value as received, None while absent."""
        return self._state.attrs.get(name)

    def clock_ms(self, clock: ClockName, now_ms: int) -> int:
        """Return a clock's reading at an instant."""
        state = self._state
        match clock:
            case "time_on_page":
                return _visible_ms(state.page_seen_ms, state.page_since_ms, now_ms)
            case "time_on_site":
                return _visible_ms(state.site_seen_ms, state.site_since_ms, now_ms)
            case "page_age":
                return now_ms - state.page_ms if state.page_ms >= 0 else 0
            case "session_age":
                return now_ms - state.start_ms

    def clock_runs(self, clock: ClockName) -> bool:
        """Tell whether a clock moves by itself now."""
        state = self._state
        match clock:
            case "time_on_page":
                return state.page_since_ms >= 0
            case "time_on_site":
                return state.site_since_ms >= 0
            case "page_age":
                return state.page_ms >= 0
            case "session_age":
                return True

    def page_key(self) -> str:
        """Return the current page's normalised address."""
        return self._state.page_key

    def scroll_percent(self) -> float:
        """Return the deepest scroll on this page."""
        return self._state.scroll

    def count(self, pattern: Pattern, scope: Literal["session", "page"]) -> int:
        """Return how many events matched since the session, or the page, began."""
        kind: RegisterKind = "session_count" if scope == "session" else "page_count"
        cell = self._cell(pattern_key(kind, pattern))
        return cell if isinstance(cell, int) else 0

    def times(self, pattern: Pattern, number: int) -> Sequence[int]:
        """Return the times of the newest matches, oldest first, as far as they are kept."""
        cell = self._cell(pattern_key("times", pattern))
        if isinstance(cell, list):
            return cell[-number:]
        latest = self.latest(pattern)
        return () if latest is None else (latest,)

    def latest(self, pattern: Pattern) -> int | None:
        """Return the time of the newest match."""
        cell = self._cell(pattern_key("last", pattern))
        if isinstance(cell, int) and cell >= 0:
            return cell
        times = self._cell(pattern_key("times", pattern))
        return times[-1] if isinstance(times, list) and times else None

    def sequence(self, test: SequenceTest) -> SequenceState:
        """Return what is remembered of a sequence."""
        cell = self._cell(sequence_key(test))
        match test.tail:
            case "ever":
                done = cell if isinstance(cell, int) else 0
                return SequenceState(done >= len(test.steps), None, broken=False)
            case "within":
                return SequenceState(cell is True, None, broken=False)
            case "in_last" | "then_no":
                end = cell[-1] if isinstance(cell, list) else -1
                return SequenceState(end >= 0, end if end >= 0 else None, broken=False)

    def since(self, test: Throughout, now_ms: int) -> int | None:
        """Return the start of the stretch in which the inner condition has been true up to now."""
        cell = self._cell(held_key(test))
        return cell if isinstance(cell, int) and cell >= 0 else None

    def _cell(self, key: str) -> object:
        number = self._program.cell_numbers.get(key)
        return None if number is None else self._state.regs[number]


def _visible_ms(seen_ms: int, since_ms: int, now_ms: int) -> int:
    return seen_ms + (now_ms - since_ms if since_ms >= 0 else 0)
