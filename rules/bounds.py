"""When a condition can change by itself: never late, and always ahead (LANGUAGE.md 9)."""

from collections.abc import Callable, Iterable
from typing import assert_never

from rules.checked import (
    All,
    AnyOf,
    ClockTest,
    Cond,
    CountTest,
    EventTerm,
    Negation,
    QuietFor,
    RulePlan,
    ScorePlan,
    ScoreTest,
    SequenceTest,
    StartTerm,
    Term,
    Throughout,
    TimeTerm,
    WhenTerm,
)
from rules.facts import NEVER_MS, Facts
from rules.interpreter import on_pages, quiet_since, value

SCORE_STEPS_MAX = 250
"""Steps of a score's time terms looked at ahead; a bound beyond them is the last one, and early."""


def earliest_true(cond: Cond, facts: Facts, now_ms: int) -> int:
    """Return the earliest instant >= now at which a condition can be true without a new event.

    Now when it is true, later than now when it is not, NEVER_MS when only an event can do it.
    """
    return _turns(cond, facts, now_ms, wanted=True)


def earliest_false(cond: Cond, facts: Facts, now_ms: int) -> int:
    """Return the earliest instant >= now at which a condition can be false without a new event."""
    return _turns(cond, facts, now_ms, wanted=False)


def earliest_untrue(cond: Cond, facts: Facts, now_ms: int) -> int:
    """Return the earliest instant >= now at which a condition can be false or unknown.

    Not the same as `earliest_false`: `a or b` with an unknown b goes from true to unknown with a.
    """
    return _leaves(cond, facts, now_ms, wanted=True)


def next_change(cond: Cond, facts: Facts, now_ms: int) -> int:
    """Return the next instant > now at which a condition can begin or cease to be true."""
    if value(cond, facts, now_ms) is True:
        return earliest_untrue(cond, facts, now_ms)
    return earliest_true(cond, facts, now_ms)


def next_score_change(plan: ScorePlan, facts: Facts, now_ms: int) -> int:
    """Return the next instant > now at which a term of the score can change."""
    return min((_next_term_change(term, facts, now_ms) for term in plan.terms), default=NEVER_MS)


def rule_bound(rule: RulePlan, facts: Facts, now_ms: int) -> int:
    """Return the earliest instant >= now at which a rule's stages can all hold without an event."""
    if rule.on is not None and not on_pages(rule.on, facts):
        return NEVER_MS
    if rule.except_on is not None and on_pages(rule.except_on, facts):
        return NEVER_MS
    bounds = [earliest_true(rule.when, facts, now_ms)]
    bounds.extend(earliest_false(cond, facts, now_ms) for cond in rule.unless)
    return max(bounds)


def _turns(cond: Cond, facts: Facts, now_ms: int, *, wanted: bool) -> int:
    """Return the earliest instant at which a condition can have the wanted value."""
    match cond:
        case All():
            join = _latest if wanted else _earliest
            return join(_turns(item, facts, now_ms, wanted=wanted) for item in cond.items)
        case AnyOf():
            join = _earliest if wanted else _latest
            return join(_turns(item, facts, now_ms, wanted=wanted) for item in cond.items)
        case Negation():
            return _turns(cond.item, facts, now_ms, wanted=not wanted)
        case _:
            current = value(cond, facts, now_ms)
            if current is wanted:
                return now_ms
            return NEVER_MS if current is None else _atom_change(cond, facts, now_ms)


def _leaves(cond: Cond, facts: Facts, now_ms: int, *, wanted: bool) -> int:
    """Return the earliest instant at which a condition can have any other value."""
    match cond:
        case All():
            join = _earliest if wanted else _latest
            return join(_leaves(item, facts, now_ms, wanted=wanted) for item in cond.items)
        case AnyOf():
            join = _latest if wanted else _earliest
            return join(_leaves(item, facts, now_ms, wanted=wanted) for item in cond.items)
        case Negation():
            return _leaves(cond.item, facts, now_ms, wanted=not wanted)
        case _:
            current = value(cond, facts, now_ms)
            return _atom_change(cond, facts, now_ms) if current is wanted else now_ms


_Join = Callable[[Iterable[int]], int]
_latest: _Join = max
_earliest: _Join = min


def _atom_change(cond: Cond, facts: Facts, now_ms: int) -> int:
    """Return the next instant > now at which an atom that is known can have the other value."""
    match cond:
        case ClockTest():
            return _clock_change(cond, facts, now_ms)
        case ScoreTest():
            return _score_turns(cond, facts, now_ms)
        case CountTest():
            return _count_change(cond, facts, now_ms)
        case SequenceTest():
            return _sequence_change(cond, facts, now_ms)
        case QuietFor():
            due_ms = quiet_since(cond, facts) + cond.quiet_ms
            return due_ms if due_ms > now_ms else NEVER_MS
        case Throughout():
            return _held_change(cond, facts, now_ms)
        case _:
            return NEVER_MS


def _clock_change(cond: ClockTest, facts: Facts, now_ms: int) -> int:
    if not facts.clock_runs(cond.clock):
        return NEVER_MS
    reading = facts.clock_ms(cond.clock, now_ms)
    steps: tuple[int, ...]
    match cond.op:
        case ">=" | "<":
            steps = (cond.ms,)
        case ">" | "<=":
            steps = (cond.ms + 1,)
        case "=" | "!=":
            steps = (cond.ms, cond.ms + 1)
        case _:
            assert_never(cond.op)
    return min((now_ms + step - reading for step in steps if step > reading), default=NEVER_MS)


def _score_turns(cond: ScoreTest, facts: Facts, now_ms: int) -> int:
    """Return when the score can cross the number, by walking from one term's change to the next.

    Until a `when` term changes only time terms do, so the score at each of their steps is known.
    """
    plan = facts.score_plan
    holds = value(cond, facts, now_ms)
    times = [term for term in plan.terms if isinstance(term, TimeTerm)]
    others = [term for term in plan.terms if not isinstance(term, TimeTerm)]
    known_until = min((_next_term_change(it, facts, now_ms) for it in others), default=NEVER_MS)
    at_ms = now_ms
    for _ in range(SCORE_STEPS_MAX):
        at_ms = min((_next_period(term, facts, at_ms) for term in times), default=NEVER_MS)
        if at_ms >= known_until:
            return known_until
        if value(cond, facts, at_ms) is not holds:
            return at_ms
    return at_ms


def _count_change(cond: CountTest, facts: Facts, now_ms: int) -> int:
    """Return when the oldest match that decides leaves the window; elsewhere only events count."""
    if cond.scope != "window":
        return NEVER_MS
    assert cond.window_ms is not None
    deciding = cond.number if cond.bound == "least" else cond.number + 1
    times = facts.times(cond.pattern, deciding)
    if deciding == 0 or len(times) < deciding:
        return NEVER_MS
    leaves_ms = times[0] + cond.window_ms
    return leaves_ms if leaves_ms > now_ms else NEVER_MS


def _sequence_change(cond: SequenceTest, facts: Facts, now_ms: int) -> int:
    state = facts.sequence(cond)
    if cond.tail in ("ever", "within") or state.end_ms is None or state.broken:
        return NEVER_MS
    assert cond.tail_ms is not None
    due_ms = state.end_ms + cond.tail_ms
    return due_ms if due_ms > now_ms else NEVER_MS


def _held_change(cond: Throughout, facts: Facts, now_ms: int) -> int:
    since = facts.since(cond, now_ms)
    if since is None:
        return _after(earliest_true(cond.item, facts, now_ms), cond.hold_ms)
    due_ms = since + cond.hold_ms
    return due_ms if due_ms > now_ms else earliest_untrue(cond.item, facts, now_ms)


def _after(start_ms: int, delay_ms: int) -> int:
    return NEVER_MS if start_ms >= NEVER_MS else start_ms + delay_ms


def _next_term_change(term: Term, facts: Facts, now_ms: int) -> int:
    match term:
        case StartTerm() | EventTerm():
            return NEVER_MS
        case WhenTerm():
            return next_change(term.condition, facts, now_ms)
        case TimeTerm():
            return _next_period(term, facts, now_ms)
    assert_never(term)


def _next_period(term: TimeTerm, facts: Facts, now_ms: int) -> int:
    reading = facts.clock_ms(term.clock, now_ms)
    spent = abs(term.amount) * (reading // term.every_ms) >= term.up_to
    if spent or not facts.clock_runs(term.clock):
        return NEVER_MS
    return now_ms + term.every_ms - reading % term.every_ms
