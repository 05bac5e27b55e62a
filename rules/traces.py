"""What a condition saw: its value, the reason in a marketer's words, and when it can change."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as OneOf
from typing import assert_never

from rules.bounds import earliest_false, earliest_true, next_change
from rules.checked import (
    All,
    AnyOf,
    AttributePair,
    AttributePlan,
    AttributeTest,
    ClockTest,
    Cond,
    Constant,
    CountTest,
    Known,
    Member,
    Negation,
    PageTest,
    QuietFor,
    RulePlan,
    ScoreTest,
    ScrollTest,
    SequenceTest,
    TextCheck,
    Throughout,
    YesNo,
)
from rules.facts import Facts
from rules.interpreter import attribute, quiet_since, score, value
from rules.page_globs import matches
from rules.value_types import print_number, print_value

SEEN_TEXT_MAX = 80
"""Characters of an attribute's text that a trace repeats; the rest is cut."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One condition at one instant.

    `seen` is what it looked at, in words, times relative to the instant. `true_ms` and `false_ms`
    are the earliest instants >= the instant at which it can be true, false; `change_ms` the next one
    at which it can begin or cease to be true; each NEVER_MS for "only an event". `missing` names the
    attribute that makes it unknown. `items` are the conditions it is made of, in their order.
    """

    cond: Cond
    value: bool | None
    seen: str
    true_ms: int
    false_ms: int
    change_ms: int
    missing: str | None
    items: tuple["Trace", ...] = ()


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of a rule at one instant; `holds` tells whether it lets the rule speak."""

    kind: OneOf["on", "except", "when", "unless"]
    holds: bool
    trace: Trace


def trace(cond: Cond, facts: Facts, now_ms: int, symbol: str = "$") -> Trace:
    """Evaluate a condition and every part of it; `symbol` is how money prints."""
    items = tuple(trace(item, facts, now_ms, symbol) for item in _parts(cond))
    current = value(cond, facts, now_ms)
    return Trace(
        cond,
        current,
        _seen(cond, facts, now_ms, symbol) or _seen_parts(items),
        earliest_true(cond, facts, now_ms),
        earliest_false(cond, facts, now_ms),
        next_change(cond, facts, now_ms),
        _missing(cond, facts, items) if current is None else None,
        items,
    )


def rule_clauses(
    rule: RulePlan, facts: Facts, now_ms: int, symbol: str = "$"
) -> tuple[Clause, ...]:
    """Trace each clause of a rule in file order; the parts of its `when` stand one by one."""
    return tuple(_clauses(rule, facts, now_ms, symbol))


def rule_seen(rule: RulePlan, facts: Facts, now_ms: int, symbol: str = "$") -> tuple[str, ...]:
    """Say what each condition of a rule's `when` looked at, without asking when it can change."""
    whens = rule.when.items if isinstance(rule.when, All) else (rule.when,)
    found = (_said(cond, facts, now_ms, symbol) for cond in whens)
    return tuple(text for text in found if text)


def _said(cond: Cond, facts: Facts, now_ms: int, symbol: str) -> str:
    own = _seen(cond, facts, now_ms, symbol)
    if own:
        return own
    parts = [_said(part, facts, now_ms, symbol) for part in _parts(cond)]
    return parts[0] if len(parts) == 1 else ", ".join(part for part in parts if part)


def _clauses(rule: RulePlan, facts: Facts, now_ms: int, symbol: str) -> Iterator[Clause]:
    if rule.on is not None:
        on = trace(PageTest(rule.on, f"page {rule.on.key}"), facts, now_ms, symbol)
        yield Clause("on", on.value is True, on)
    if rule.except_on is not None:
        off = trace(PageTest(rule.except_on, f"page {rule.except_on.key}"), facts, now_ms, symbol)
        yield Clause("except", off.value is False, off)
    whens = rule.when.items if isinstance(rule.when, All) else (rule.when,)
    for cond in whens:
        seen = trace(cond, facts, now_ms, symbol)
        yield Clause("when", seen.value is True, seen)
    for cond in rule.unless:
        seen = trace(cond, facts, now_ms, symbol)
        yield Clause("unless", seen.value is False, seen)


def spoken_time(ms: int) -> str:
    """Print a time as one says it, the two largest units: `4 s`, `1 m 30 s`, `2 h 5 m`."""
    if ms < 60_000:
        return f"{print_number(ms // 100 / 10)} s"
    minutes, seconds = divmod(ms // 1_000, 60)
    if minutes < 60:
        return f"{minutes} m {seconds} s" if seconds else f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if minutes else f"{hours} h"


def _parts(cond: Cond) -> tuple[Cond, ...]:
    match cond:
        case All() | AnyOf():
            return cond.items
        case Negation() | Throughout():
            return (cond.item,)
        case _:
            return ()


def _seen_parts(items: tuple[Trace, ...]) -> str:
    if len(items) == 1:
        return items[0].seen
    holding = sum(item.value is True for item in items)
    return f"{holding} of {len(items)} hold"


def _missing(cond: Cond, facts: Facts, items: tuple[Trace, ...]) -> str | None:
    if items:
        return next((item.missing for item in items if item.missing is not None), None)
    if isinstance(cond, AttributePair) and attribute(cond.attribute, facts) is not None:
        return cond.other.name
    if isinstance(cond, AttributeTest | AttributePair | Member | TextCheck | YesNo):
        return cond.attribute.name
    return None


def _seen(cond: Cond, facts: Facts, now_ms: int, symbol: str) -> str:
    """Say what an atom looked at; "" for a condition made of others."""
    match cond:
        case All() | AnyOf() | Negation():
            return ""
        case Throughout():
            since = facts.since(cond, now_ms)
            return "" if since is None else f"true for {spoken_time(now_ms - since)}"
        case ClockTest():
            return _seen_clock(cond, facts, now_ms)
        case ScoreTest():
            return str(score(facts.score_plan, facts, now_ms))
        case ScrollTest():
            return f"{print_number(facts.scroll_percent())}%"
        case PageTest():
            return _seen_page(cond, facts)
        case CountTest():
            return _seen_count(cond, facts, now_ms)
        case SequenceTest():
            return _seen_sequence(cond, facts, now_ms)
        case QuietFor():
            return _seen_quiet(cond, facts, now_ms)
        case Constant():
            return "always" if cond.value else "never"
        case AttributePair():
            own = _printed(cond.attribute, facts, symbol)
            return f"{own}, {cond.other.name} {_printed(cond.other, facts, symbol)}"
        case AttributeTest() | Member() | TextCheck() | Known() | YesNo():
            return _printed(cond.attribute, facts, symbol)
    assert_never(cond)


def _printed(plan: AttributePlan, facts: Facts, symbol: str) -> str:
    received = attribute(plan, facts)
    if received is None:
        return "not known"
    printed = print_value(plan.type, received, symbol)[:SEEN_TEXT_MAX]
    quoted = f'"{printed}"' if plan.type.kind in ("text", "one_of") else printed
    return quoted if facts.attribute(plan.name) is not None else f"{quoted} (default)"


def _seen_clock(cond: ClockTest, facts: Facts, now_ms: int) -> str:
    reading = spoken_time(facts.clock_ms(cond.clock, now_ms))
    if facts.clock_runs(cond.clock):
        return reading
    is_early = cond.clock in ("page_age", "time_on_page") and not facts.page_key()
    return f"{reading} ({'no page yet' if is_early else 'the tab is hidden'})"


def _seen_page(cond: PageTest, facts: Facts) -> str:
    key = facts.page_key()
    if not key:
        return "no page yet"
    fits = next((glob for glob in cond.pages.globs if matches(glob, key)), None)
    if fits is None:
        return f"the page is {key[:SEEN_TEXT_MAX]}"
    return f"in pages {', '.join(cond.pages.names)}" if cond.pages.names else f"on {fits.source}"


def _seen_count(cond: CountTest, facts: Facts, now_ms: int) -> str:
    if cond.scope != "window":
        return _times(facts.count(cond.pattern, cond.scope))
    assert cond.window_ms is not None
    deciding = cond.number if cond.bound == "least" else cond.number + 1
    times = facts.times(cond.pattern, max(deciding, 1))
    latest = f"{spoken_time(now_ms - times[-1])} ago" if times else "not seen"
    if deciding <= 1 or not times:
        return latest
    inside = sum(at > now_ms - cond.window_ms for at in times)
    more = " or more" if inside == deciding else ""
    return f"{_times(inside)}{more}, latest {latest}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _seen_sequence(cond: SequenceTest, facts: Facts, now_ms: int) -> str:
    state = facts.sequence(cond)
    absent = "" if cond.absent is None else cond.absent.event
    if state.end_ms is None and not state.matched:
        return f"not seen, or {absent} came after it" if absent else "not seen"
    if state.end_ms is None:
        return "seen"
    seen = f"{spoken_time(now_ms - state.end_ms)} ago"
    if state.broken:
        return f"{seen}, then {absent} came"
    return seen if state.matched else f"{seen}, but too slowly"


def _seen_quiet(cond: QuietFor, facts: Facts, now_ms: int) -> str:
    quiet = spoken_time(now_ms - quiet_since(cond, facts))
    if facts.latest(cond.pattern) is None:
        return f"none since the visit began, {quiet} ago"
    return f"latest {quiet} ago"
