"""Test blocks: the names, values and order of their steps."""

from datetime import datetime
from typing import assert_never

from rules.checked import ValueType
from rules.durations import ACROSS_SESSIONS, IN_TEST
from rules.nodes import (
    Expectation,
    GivenAttribute,
    GivenClock,
    GivenDismiss,
    GivenMessage,
    GivenSwitch,
    GivenTimezone,
    GivenVariant,
    Happening,
    Literal,
    Name,
    Ref,
    Rule,
    Step,
    Test,
    Text,
    Variant,
)
from rules.nodes.timeline import Given
from rules.resolver.comparisons import SCORE_MAX, attribute_of
from rules.resolver.findings import Nameless
from rules.resolver.patterns import event_plan, field_plan
from rules.resolver.scope import Scope
from rules.resolver.times import time_zone
from rules.schema import COMPUTED

REASONS = (
    "page", "except", "when", "unless", "hidden", "never_on", "active", "during", "first_after",
    "quiet", "cooldown", "cap", "limit", "holdout", "priority",
)  # fmt: skip
"""LANGUAGE.md 11: why a rule can be silent."""

_PERCENT = ValueType("percent")
_YES_NO = ValueType("yes_no")


def check_test(scope: Scope, node: Test) -> None:
    """Check a test block; what is wrong is reported, the nodes stay as they are."""
    for given in node.givens:
        _given(scope, given)
    latest = (-1, "")
    for step in node.steps:
        at_ms = scope.duration(step.at, IN_TEST)
        if at_ms is not None and at_ms < latest[0]:
            _report_back(scope, step, latest[1])
        elif at_ms is not None:
            latest = (at_ms, step.at.text)
        if isinstance(step.what, Happening):
            _happening(scope, step.what)
        else:
            _expectation(scope, step.what)


def _report_back(scope: Scope, step: Step, earlier: str) -> None:
    scope.findings.mend(
        "OP140",
        step.at.span,
        f"this step is at {step.at.text}, and the one above it is at {earlier}",
        "A test's clock never goes back; steps stand in order.",
        earlier,
    )


def _given(scope: Scope, given: Given) -> None:
    match given:
        case GivenClock():
            _clock(scope, given.text)
        case GivenTimezone():
            time_zone(scope, given.text)
        case GivenVariant():
            _variant(scope, given.rule, given.variant)
        case GivenSwitch():
            word = Literal("name", given.value.text, given.value.span)
            scope.value(word, _YES_NO)
        case GivenMessage():
            _rule(scope, given.rule)
            scope.duration(given.ago, ACROSS_SESSIONS)
        case GivenDismiss():
            scope.duration(given.ago, ACROSS_SESSIONS)
        case GivenAttribute():
            _attribute(scope, given.ref, given.value)
        case never:
            assert_never(never)


def _clock(scope: Scope, text: Text) -> None:
    written = text.value
    try:
        moment = datetime.fromisoformat(written)
        fits = moment.tzinfo is None and len(written) >= len("2026-03-02T14:00")
    except ValueError:
        fits = False
    if not fits:
        scope.findings.mend(
            "OP105",
            text.span,
            "this is not a date and time",
            "The clock of a test is site time, written as year-month-dayThour:minute.",
            '"2026-03-02T14:00"',
        )


def _attribute(scope: Scope, ref: Ref, value: Literal) -> None:
    plan = attribute_of(scope, ref)
    if plan is None:
        return
    if plan.name in COMPUTED:
        scope.findings.say(
            "OP110",
            ref.span,
            f"{plan.name} cannot be set",
            "It is computed from what happens in the test.",
        )
        return
    scope.value(value, plan.type)


def _unknown(what: str) -> Nameless:
    return Nameless("OP114", what, "The test would say nothing about your rules.")


def _rule(scope: Scope, name: Name) -> Rule | None:
    found = scope.rules.get(name.text)
    if found is None and not scope.is_broken("rule", name.text):
        scope.findings.unknown(_unknown("rule"), name.span, name.text, scope.rules)
    return found


def _variant(scope: Scope, rule: Name, variant: Name) -> None:
    found = _rule(scope, rule)
    if found is None:
        return
    names = [item.name.text for item in found.items if isinstance(item, Variant)]
    if variant.text not in names:
        kind = _unknown(f"variant of {rule.text}")
        scope.findings.unknown(kind, variant.span, variant.text, names)


def _happening(scope: Scope, node: Happening) -> None:
    match node.kind:
        case "scroll":
            if node.literal is not None:
                scope.value(node.literal, _PERCENT)
        case "set":
            if node.ref is not None and node.literal is not None:
                _attribute(scope, node.ref, node.literal)
        case "event":
            _event(scope, node)
        case "late":
            if node.literal is not None:
                scope.duration(node.literal, IN_TEST)
            if node.inner is not None:
                _late(scope, node.inner)
        case (
            "view" | "click" | "hide" | "show" | "says" | "reply" | "dismiss" | "duplicate"
        ):  # fmt: skip
            return
        case never:
            assert_never(never)


def _late(scope: Scope, inner: Happening) -> None:
    """Check what comes late; `late` of `late` says nothing more, so it is not followed further."""
    while inner.kind == "late" and inner.inner is not None:
        inner = inner.inner
    _happening(scope, inner)


def _event(scope: Scope, node: Happening) -> None:
    plan = event_plan(scope, node.name) if node.name is not None else None
    if plan is None:
        return
    for argument in node.arguments:
        found = field_plan(scope, plan, argument.name)
        if found is not None:
            scope.value(argument.value, found.type)


def _expectation(scope: Scope, node: Expectation) -> None:
    match node.kind:
        case "message":
            if node.name is not None and node.other is not None:
                _variant(scope, node.name, node.other)
            elif node.name is not None:
                _rule(scope, node.name)
        case "expired":
            if node.name is not None:
                _rule(scope, node.name)
        case "blocked":
            if node.name is not None:
                _rule(scope, node.name)
            if node.other is not None and node.other.text not in REASONS:
                other = node.other
                scope.findings.unknown(_unknown("reason"), other.span, other.text, REASONS)
        case "answer":
            _answer(scope, node)
        case "score":
            if node.number is not None:
                scope.whole(node.number, 0, SCORE_MAX, "the score")
        case "no_message" | "text":
            return
        case never:
            assert_never(never)


def _answer(scope: Scope, node: Expectation) -> None:
    name = node.name
    if name is None or name.text in scope.answers or scope.is_broken("answer", name.text):
        return
    scope.findings.unknown(_unknown("answer"), name.span, name.text, scope.answers)
