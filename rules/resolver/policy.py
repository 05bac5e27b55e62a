"""The policy and the score: clauses into plans, defaults filled in."""

from collections.abc import Sequence
from typing import assert_never

from rules.checked import (
    CapPlan,
    EventTerm,
    Holdout,
    PageList,
    PolicyPlan,
    ScorePlan,
    StartTerm,
    Term,
    TimeTerm,
    WhenTerm,
)
from rules.diagnostics import diagnose
from rules.durations import AFTER_WAIT, IN_SESSION
from rules.nodes import (
    Allow,
    Cap,
    Cooldown,
    FirstAfter,
    Literal,
    NeverOn,
    PointsPerEvent,
    PointsPerTime,
    PointsWhen,
    Policy,
    PolicyHoldout,
    PolicyItem,
    Quiet,
    Score,
    ScoreItem,
    StartAt,
)
from rules.resolver.conditions import condition
from rules.resolver.findings import Nameless, mended
from rules.resolver.pages import page_list
from rules.resolver.patterns import pattern
from rules.resolver.scope import Scope
from rules.resolver.times import cap, day_range
from rules.schema import CLOCKS
from rules.span import Span
from rules.value_types import parse_number, print_number

CAP_MAX = 1_000
POINTS_MAX = 1_000.0

NO_CLOCK = Nameless("OP110", "clock", "Points per time follow a clock.")


def once_key(item: PolicyItem) -> str | None:
    """Name a clause that may stand once, None for one that may repeat."""
    match item:
        case FirstAfter():
            return "first message after"
        case Cooldown():
            return f"wait … after {item.after}"
        case PolicyHoldout():
            return "holdout"
        case Cap() | Quiet() | NeverOn() | Allow():
            return None
        case never:
            assert_never(never)


def policy_plan(scope: Scope, node: Policy | None) -> PolicyPlan:
    """Resolve the policy block; clauses that were reported keep their defaults."""
    if node is None:
        return PolicyPlan()
    report_repeats(scope, [(once_key(item), item.span) for item in node.items])
    waits = _waits(scope, node)
    defaults = PolicyPlan()
    return PolicyPlan(
        first_after_ms=_first_after(scope, node, defaults.first_after_ms),
        caps=_caps(scope, node, defaults.caps),
        wait_dismiss_ms=waits.get("dismiss", defaults.wait_dismiss_ms),
        wait_message_ms=waits.get("message", defaults.wait_message_ms),
        wait_chat_ms=waits.get("chat", defaults.wait_chat_ms),
        quiet=tuple(
            found
            for item in node.items
            if isinstance(item, Quiet)
            for found in [day_range(scope, item.start, item.end, item.clock, ())]
            if found is not None
        ),
        never_on=_never_on(scope, node),
        holdout=_holdout(scope, node),
    )


def report_repeats(scope: Scope, clauses: Sequence[tuple[str | None, Span]]) -> None:
    """Report clauses that stand twice but may stand once (OP022)."""
    first: dict[str, Span] = {}
    for name, span in clauses:
        if name is None:
            continue
        if name in first:
            message = f'"{name}" stands here a second time'
            why = "Only one of the two can hold, and nobody can tell which; remove the other."
            scope.findings.twice(mended(diagnose("OP022", span, message, why), ""), first[name])
        first.setdefault(name, span)


def _first_after(scope: Scope, node: Policy, default: int) -> int:
    for item in node.items:
        if isinstance(item, FirstAfter):
            ms = scope.duration(item.duration, IN_SESSION)
            return default if ms is None else ms
    return default


def _waits(scope: Scope, node: Policy) -> dict[str, int]:
    waits: dict[str, int] = {}
    for item in node.items:
        if isinstance(item, Cooldown):
            ms = scope.duration(item.duration, AFTER_WAIT)
            if ms is not None:
                waits.setdefault(item.after, ms)
    return waits


def _caps(scope: Scope, node: Policy, default: tuple[CapPlan, ...]) -> tuple[CapPlan, ...]:
    caps = []
    for item in node.items:
        if isinstance(item, Cap):
            number = scope.whole(item.number, 0, CAP_MAX, "a cap")
            found = cap(scope, number, item.scope, unless_engaged=item.unless_engaged)
            if found is not None:
                caps.append(found)
    # Without a cap for the session, the default one stays in force beside the others.
    per_session = any(found.scope == "session" for found in caps)
    return tuple(caps) if per_session else default + tuple(caps)


def _never_on(scope: Scope, node: Policy) -> PageList | None:
    refs = [ref for item in node.items if isinstance(item, NeverOn) for ref in item.pages]
    return page_list(scope, refs) if refs else None


def _holdout(scope: Scope, node: Policy) -> Holdout | None:
    for item in node.items:
        if isinstance(item, PolicyHoldout):
            share = scope.percent(item.share)
            if item.unit == "company":
                scope.used.add(("attribute", "visitor.company"))
            return None if share is None else Holdout(share, item.unit)
    return None


def score_plan(scope: Scope, node: Score) -> ScorePlan:
    """Resolve a score block; terms that were reported are left out."""
    scope.in_score = True
    if sum(isinstance(item, StartAt) for item in node.items) > 1:
        report_repeats(
            scope, [("start" if isinstance(i, StartAt) else None, i.span) for i in node.items]
        )
    terms = [_term(scope, item, likelihood=node.likelihood) for item in node.items]
    scope.in_score = False
    return ScorePlan(node.likelihood, tuple(term for term in terms if term is not None))


def _term(scope: Scope, item: ScoreItem, *, likelihood: bool) -> Term | None:
    match item:
        case StartAt():
            amount = _amount(scope, item.amount, likelihood=likelihood)
            return None if amount is None else StartTerm(amount, item.span)
        case PointsWhen():
            amount = _amount(scope, item.points, likelihood=likelihood)
            found = condition(scope, item.condition)
            return None if amount is None or found is None else WhenTerm(amount, found, item.span)
        case PointsPerTime():
            return _per_time(scope, item, likelihood=likelihood)
        case PointsPerEvent():
            amount = _amount(scope, item.points, likelihood=likelihood)
            up_to = _amount(scope, item.up_to, likelihood=likelihood)
            found_pattern = pattern(scope, item.pattern)
            if amount is None or up_to is None or found_pattern is None:
                return None
            return EventTerm(amount, found_pattern, abs(up_to), item.span)
        case never:
            assert_never(never)


def _per_time(scope: Scope, item: PointsPerTime, *, likelihood: bool) -> TimeTerm | None:
    amount = _amount(scope, item.points, likelihood=likelihood)
    up_to = _amount(scope, item.up_to, likelihood=likelihood)
    every = scope.duration(item.every, IN_SESSION)
    name = item.clock.text
    if name not in CLOCKS:
        scope.findings.unknown(NO_CLOCK, item.clock.span, name, CLOCKS)
        return None
    if amount is None or up_to is None or every is None:
        return None
    return TimeTerm(amount, name, every, abs(up_to), item.span)


def _amount(scope: Scope, literal: Literal, *, likelihood: bool) -> float | None:
    number = parse_number(literal.text)
    if number is None or abs(number) > POINTS_MAX:
        scope.findings.mend(
            "OP105",
            literal.span,
            "these points are out of range",
            f"Points are from -{print_number(POINTS_MAX)} to {print_number(POINTS_MAX)}.",
            "-100" if literal.text.startswith("-") else "+100",
        )
        return None
    if not likelihood and "." in literal.text:
        sign = literal.text[0] if literal.text[0] in "+-" else ""
        scope.findings.mend(
            "OP137",
            literal.span,
            f"{literal.text} is not a whole number of points",
            "A score of points adds whole numbers; score likelihood takes decimals.",
            f"{sign}{max(1, round(abs(number)))}",
        )
        return None
    return float(number)
