"""One tab's session as a plain list of happenings: the facts by their definition.

Nothing is remembered between questions but the list: each answer is counted anew. Registers and
generated code are tested against this; it is written to be read, not to be fast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal as OneOf
from typing import assert_never

from rules.bounds import next_change
from rules.checked import (
    ClockName,
    Cond,
    FieldFilter,
    Pattern,
    ScorePlan,
    SequenceTest,
    Throughout,
    Value,
)
from rules.facts import SequenceState
from rules.interpreter import comparable, compare, value
from rules.page_globs import matches


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened, in the order in which it took effect.

    `event` is "" for a bare change of attributes, which is no event. `page_key` is the page that
    was current, for `view` the viewed one. `attributes` are changed before the event counts; None
    makes one absent. `fields` have their defaults. `scroll_percent` is what `scroll` reported.
    `counted_only`: it came more than ten seconds late; it sets attributes and counts for the whole
    session, no more, and `at_ms` is when it was received.
    """

    at_ms: int
    event: str
    page_key: str = ""
    fields: Mapping[str, Value] = field(default_factory=dict)
    is_activity: bool = False
    attributes: Mapping[str, Value | None] = field(default_factory=dict)
    scroll_percent: float = 0.0
    counted_only: bool = False


def pattern_matches(pattern: Pattern, happening: Happening) -> bool:
    """Tell whether a happening is one of a pattern's events, its page and fields included."""
    if not happening.event:
        return False
    if pattern.event == "activity":
        if not happening.is_activity:
            return False
    elif pattern.event != happening.event:
        return False
    if pattern.page is not None:
        key = happening.page_key
        if not any(matches(glob, key) for glob in pattern.page.globs):
            return False
    return all(_filter_holds(test, happening.fields) for test in pattern.filters)


def _filter_holds(test: FieldFilter, fields: Mapping[str, Value]) -> bool:
    received = fields.get(test.field)
    if received is None:
        return False
    own = comparable(received)
    match test.test:
        case "compare":
            assert test.op is not None
            return compare(own, test.op, test.values[0])
        case "in":
            return own in test.values
        case "between":
            low, high = test.values
            return compare(own, ">=", low) and compare(own, "<=", high)
        case "contains":
            return str(test.values[0]) in str(own)
        case "starts_with":
            return str(own).startswith(str(test.values[0]))
    assert_never(test.test)


@dataclass(frozen=True, slots=True)
class History:
    """Facts by definition, over all happenings of a session in their order.

    The session starts at `start_ms` with its first happening, the tab visible, attributes `given`.
    """

    score_plan: ScorePlan
    start_ms: int
    happenings: tuple[Happening, ...]
    given: Mapping[str, Value] = field(default_factory=dict)

    def first(self, number: int) -> "History":
        """Return the history as it was when only the first `number` happenings had happened."""
        return History(self.score_plan, self.start_ms, self.happenings[:number], self.given)

    # ---- attributes, page, clocks

    def attribute(self, name: str) -> Value | None:
        """Return the latest value an attribute was given."""
        latest: Value | None = self.given.get(name)
        for happening in self.happenings:
            if name in happening.attributes:
                latest = happening.attributes[name]
        return latest

    def page_key(self) -> str:
        """Return the address of the latest view."""
        view = self._view()
        return "" if view is None else self.happenings[view].page_key

    def scroll_percent(self) -> float:
        """Return the deepest scroll since the latest view; 0 before the first."""
        if self._view() is None:
            return 0.0
        depths = [it.scroll_percent for it in self._on_page() if it.event == "scroll"]
        return max(depths, default=0.0)

    def clock_runs(self, clock: ClockName) -> bool:
        """Tell whether a clock moves: visible ones while visible, the page's only on a page."""
        if clock in ("page_age", "time_on_page") and self._view() is None:
            return False
        return clock in ("page_age", "session_age") or self._is_visible()

    def clock_ms(self, clock: ClockName, now_ms: int) -> int:
        """Return a clock's reading by adding up intervals."""
        view = self._view()
        match clock:
            case "session_age":
                return now_ms - self.start_ms
            case "time_on_site":
                return self._visible_ms(self.start_ms, now_ms)
            case "page_age":
                return 0 if view is None else now_ms - self.happenings[view].at_ms
            case "time_on_page":
                return 0 if view is None else self._visible_ms(self.happenings[view].at_ms, now_ms)
        assert_never(clock)

    def _in_order(self) -> list[Happening]:
        return [it for it in self.happenings if it.event and not it.counted_only]

    def _view(self) -> int | None:
        """Return the place of the latest view, None before the first."""
        views = [
            place
            for place, it in enumerate(self.happenings)
            if it.event == "view" and not it.counted_only
        ]
        return views[-1] if views else None

    def _on_page(self) -> list[Happening]:
        """Return what happened on this page, its view included."""
        view = self._view()
        if view is None:
            return self._in_order()
        return [it for it in self.happenings[view:] if it.event and not it.counted_only]

    def _is_visible(self) -> bool:
        turns = [it.event for it in self._in_order() if it.event in ("show", "hide")]
        return not turns or turns[-1] == "show"

    def _visible_ms(self, from_ms: int, to_ms: int) -> int:
        total, since, visible = 0, self.start_ms, True
        for happening in self._in_order():
            if happening.event not in ("show", "hide"):
                continue
            if visible:
                total += max(0, happening.at_ms - max(since, from_ms))
            since, visible = happening.at_ms, happening.event == "show"
        return total + (max(0, to_ms - max(since, from_ms)) if visible else 0)

    # ---- events

    def count(self, pattern: Pattern, scope: OneOf["session", "page"]) -> int:
        """Count the matches in the session, late ones included, or since the latest view."""
        among = self.happenings if scope == "session" else self._on_page()
        return sum(pattern_matches(pattern, it) for it in among)

    def times(self, pattern: Pattern, number: int) -> Sequence[int]:
        """List the times of the newest matches, oldest first."""
        times = [it.at_ms for it in self._in_order() if pattern_matches(pattern, it)]
        return times[-number:] if number > 0 else []

    def latest(self, pattern: Pattern) -> int | None:
        """Return the time of the newest match."""
        times = self.times(pattern, 1)
        return times[0] if times else None

    def sequence(self, test: SequenceTest) -> SequenceState:
        """Search the list for matches: each step a later event than the step before."""
        events = self._in_order()
        ends: list[int] = []
        matched = False
        for place in range(len(events)):
            start_ms = _latest_start(test.steps, events[: place + 1])
            if start_ms is None:
                continue
            ends.append(place)
            length_ms = events[place].at_ms - start_ms
            if test.tail != "within" or length_ms <= (test.tail_ms or 0):
                matched = True
        if not ends:
            return SequenceState(matched=False, end_ms=None, broken=False)
        after = events[ends[-1] + 1 :]
        absent = test.absent
        broken = absent is not None and any(pattern_matches(absent, it) for it in after)
        return SequenceState(matched, events[ends[-1]].at_ms, broken)

    # ---- held conditions

    def since(self, test: Throughout, now_ms: int) -> int | None:
        """Walk all instants at which the inner condition can change, from the start to now.

        It is looked at after each happening, and between two of them at each of its own bounds; at
        the very instant of a happening only what holds after it counts.
        """
        since: int | None = None
        for number, happening in enumerate(self.happenings, start=1):
            is_last = number == len(self.happenings)
            end_ms = now_ms if is_last else self.happenings[number].at_ms - 1
            at_ms = happening.at_ms
            since = _stretch(since, at_ms, self.held(test.item, number, at_ms))
            while (at_ms := self.changes(test.item, number, at_ms)) <= end_ms:
                since = _stretch(since, at_ms, self.held(test.item, number, at_ms))
        return since

    def held(self, cond: Cond, number: int, at_ms: int) -> bool:
        """Tell whether a condition was true at an instant, after the first `number` happenings."""
        return value(cond, self.first(number), at_ms) is True

    def changes(self, cond: Cond, number: int, at_ms: int) -> int:
        """Return when a condition could change next, after the first `number` happenings."""
        change_ms = next_change(cond, self.first(number), at_ms)
        # INVARIANT: a bound is ahead, or whoever walks from bound to bound never arrives.
        assert change_ms > at_ms
        return change_ms


def _stretch(since: int | None, at_ms: int, held: bool) -> int | None:  # noqa: FBT001
    if not held:
        return None
    return at_ms if since is None else since


def _latest_start(steps: Sequence[Pattern], events: Sequence[Happening]) -> int | None:
    """Return the latest first step of the matches that end with the last event, None without."""
    if not events or not pattern_matches(steps[-1], events[-1]):
        return None
    if len(steps) == 1:
        return events[-1].at_ms
    starts = [
        start
        for place in range(len(events))
        if (start := _latest_start(steps[:-1], events[:place])) is not None
    ]
    return max(starts, default=None)
