"""Conditions of every kind: `and`, `or`, `not`, `for`, pages, events, and names of defines."""

from typing import assert_never

from rules.checked import Cond, CountTest, PageTest, Pattern, QuietFor, SequenceTest, Throughout
from rules.durations import IN_SESSION
from rules.nodes import (
    Absent,
    And,
    Between,
    Compare,
    Condition,
    Count,
    Held,
    InSet,
    Not,
    OnPage,
    Or,
    Presence,
    Seen,
    TextTest,
    ThenNo,
    Truthy,
    Window,
    Within,
)
from rules.resolver.comparisons import between, compare, in_set, presence, text_test, truthy
from rules.resolver.keys import conjunction, disjunction, negation
from rules.resolver.pages import page_list, report_cycle, report_nesting
from rules.resolver.patterns import pattern, patterns
from rules.resolver.scope import KEY_LEN_MAX, NESTING_MAX, Scope
from rules.span import Span

COUNT_MAX = 10_000
STEPS_MAX = 20

DEPTH_MAX = 100
"""Levels of a condition with its defines written out; each costs a few frames of the stack."""


def condition(scope: Scope, node: Condition) -> Cond | None:
    """Resolve a condition; None when it was reported as a whole.

    A part of an `and` or `or` that was reported is left out, so that the other parts can be checked.
    """
    return _condition(scope, node, len(scope.resolving))


def _condition(scope: Scope, node: Condition, depth: int) -> Cond | None:
    if depth > DEPTH_MAX:
        report_nesting(scope, node.span)
        return None
    match node:
        case And() | Or():
            return _joined(scope, node, depth)
        case Not():
            item = _condition(scope, node.item, depth + 1)
            return None if item is None else negation(item, node.span)
        case Held():
            return _held(scope, node, depth)
        case Compare():
            return compare(scope, node)
        case InSet():
            return in_set(scope, node)
        case Between():
            return between(scope, node)
        case TextTest():
            return text_test(scope, node)
        case Presence():
            return presence(scope, node)
        case Truthy():
            return _named(scope, node, depth)
        case OnPage():
            pages = page_list(scope, node.pages)
            return None if pages is None else PageTest(pages, f"page {pages.key}", node.span)
        case Seen():
            return _seen(scope, node)
        case Count():
            return _count(scope, node)
        case Absent():
            return _absent(scope, node)
        case never:
            assert_never(never)


def _joined(scope: Scope, node: And | Or, depth: int) -> Cond | None:
    items = [_condition(scope, item, depth + 1) for item in node.items]
    found = [item for item in items if item is not None]
    if not found:
        return None
    if sum(len(item.key) for item in found) > KEY_LEN_MAX:
        scope.findings.say(
            "OP105",
            node.span,
            "this condition is too long with its defines written out",
            "Each define stands for its whole text; split the rule.",
        )
        return None
    join = conjunction if isinstance(node, And) else disjunction
    return join(found, node.span)


def _held(scope: Scope, node: Held, depth: int) -> Cond | None:
    item = _condition(scope, node.item, depth + 1)
    ms = scope.duration(node.duration, IN_SESSION)
    if item is None or ms is None:
        return None
    return Throughout(item, ms, f"({item.key}) for {ms}", node.span)


def _named(scope: Scope, node: Truthy, depth: int) -> Cond | None:
    name = node.ref.name
    block = scope.defines.get(name)
    if block is None:
        return None if scope.is_broken("define", name) else truthy(scope, node)
    scope.used.add(("define", name))
    mark = f"define {name}"
    # A term of the score may not reach the score through a define either, so those are not shared.
    memory = f"{'score ' if scope.in_score else ''}{name}"
    if memory in scope.conditions:
        return scope.conditions[memory]
    if mark in scope.resolving:
        report_cycle(scope, node.span, mark)
        return None
    if depth >= NESTING_MAX:
        report_nesting(scope, node.span)
        return None
    scope.resolving.append(mark)
    found = _condition(scope, block.condition, depth + 1)
    scope.resolving.pop()
    scope.conditions[memory] = found
    return found


def _window(scope: Scope, window: Window | None) -> tuple[str, int | None] | None:
    """Read a window as words of a key and milliseconds; None when it was reported."""
    if window is None or window.kind == "this_session":
        return "session", None
    if window.kind == "this_page":
        return "page", None
    ms = None if window.duration is None else scope.duration(window.duration, IN_SESSION)
    return None if ms is None else ("window", ms)


def _seen(scope: Scope, node: Seen) -> Cond | None:
    if len(node.steps) > STEPS_MAX:
        scope.findings.say(
            "OP105",
            node.span,
            f"a sequence has up to {STEPS_MAX} steps, and this one has {len(node.steps)}",
            "No visitor does so many things in a row; count them with at least.",
        )
        return None
    steps = patterns(scope, node.steps)
    match node.tail:
        case ThenNo() as tail:
            absent = pattern(scope, tail.pattern)
            ms = scope.duration(tail.duration, IN_SESSION)
            if steps is None or absent is None or ms is None:
                return None
            key = f"seen {_chain(steps)} then no {absent.key} for {ms}"
            return SequenceTest(steps, "then_no", ms, absent, key, node.span)
        case Within() as tail:
            return _seen_within(scope, node, steps, tail)
        case Window() as tail:
            return _seen_in_last(scope, steps, tail, node.span)
        case None:
            if steps is None:
                return None
            if len(steps) == 1:
                return _at_least(1, steps[0], "session", None, node.span)
            return SequenceTest(steps, "ever", None, None, f"seen {_chain(steps)}", node.span)
        case never:
            assert_never(never)


def _chain(steps: tuple[Pattern, ...]) -> str:
    return " then ".join(step.key for step in steps)


def _seen_within(
    scope: Scope, node: Seen, steps: tuple[Pattern, ...] | None, tail: Within
) -> Cond | None:
    ms = scope.duration(tail.duration, IN_SESSION)
    if steps is None or ms is None:
        return None
    if len(steps) == 1:
        # The parser says that this is no gap (OP014); what can be meant holds once it was seen.
        return _at_least(1, steps[0], "session", None, node.span)
    key = f"seen {_chain(steps)} within {ms}"
    return SequenceTest(steps, "within", ms, None, key, node.span)


def _seen_in_last(
    scope: Scope, steps: tuple[Pattern, ...] | None, tail: Window, span: Span
) -> Cond | None:
    window = _window(scope, tail)
    if steps is None or window is None:
        return None
    scope_word, ms = window
    if len(steps) == 1:
        return _at_least(1, steps[0], scope_word, ms, span)
    return SequenceTest(steps, "in_last", ms, None, f"seen {_chain(steps)} in last {ms}", span)


def _at_least(
    number: int, found: Pattern, scope_word: str, ms: int | None, span: Span
) -> CountTest:
    return _counted("least", number, found, (scope_word, ms), span)


def _counted(
    bound: str, number: int, found: Pattern, window: tuple[str, int | None], span: Span
) -> CountTest:
    scope_word, ms = window
    where = f"in last {ms}" if scope_word == "window" else f"this {scope_word}"
    key = f"at {bound} {number} {found.key} {where}"
    return CountTest(
        "least" if bound == "least" else "most",
        number,
        found,
        "window" if scope_word == "window" else "page" if scope_word == "page" else "session",
        ms,
        key,
        span,
    )


def _count(scope: Scope, node: Count) -> Cond | None:
    least = 1 if node.bound == "least" else 0
    number = scope.whole(node.number, least, COUNT_MAX, "a count")
    found = pattern(scope, node.pattern)
    window = _window(scope, node.window)
    if number is None or found is None or window is None:
        return None
    return _counted(node.bound, number, found, window, node.span)


def _absent(scope: Scope, node: Absent) -> Cond | None:
    found = pattern(scope, node.pattern)
    ms = scope.duration(node.duration, IN_SESSION)
    if found is None or ms is None:
        return None
    return QuietFor(found, ms, f"no {found.key} for {ms}", node.span)
