"""Runs the `test` blocks of a rule set on virtual time: what each step expected, got, and why."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import assert_never

from engine.expectations import expectation_problem
from engine.message import Message, QuickReply
from engine.rehearsal import Rehearsal, Setting
from engine.signals import SCHEMA
from rules.checked import Value
from rules.compiler.program import Program
from rules.durations import ACROSS_SESSIONS, IN_TEST, DurationPlace, DurationProblem, parse_duration
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
    Test,
)
from rules.nodes.timeline import Given
from rules.span import Span
from rules.value_types import convert

TEST_HOST = "https://site.test"
"""The host that a path in a test belongs to (LANGUAGE.md 11)."""


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How one test ended. `span` and `message` are the first step that did not hold; "" when passed.

    `visitor_ms` is the virtual time that the test covered.
    """

    name: str
    span: Span
    passed: bool
    message: str
    visitor_ms: int


Look = Callable[[Rehearsal, int], None]
"""Sees a rehearsal after each step, with the milliseconds since its start."""


def run_tests(program: Program, look: Look | None = None) -> Iterator[TestOutcome]:
    """Run every test of a program's rule set, in file order."""
    for test in program.checked.tests:
        assert isinstance(test, Test)
        yield run_test(program, test, look)


def run_test(program: Program, test: Test, look: Look | None = None) -> TestOutcome:
    """Run one test up to the first step that does not hold."""
    rehearsal = Rehearsal(program, _setting(program, test.givens))
    at_ms = 0
    for step in test.steps:
        at_ms = _ms(step.at, IN_TEST)
        if isinstance(step.what, Expectation):
            rehearsal.look(at_ms)
            problem = expectation_problem(rehearsal, step.what, at_ms)
        else:
            problem = _happen(rehearsal, step.what, at_ms, 0)
        if look is not None:
            look(rehearsal, at_ms)
        if problem:
            return TestOutcome(test.name.value, step.span, False, problem, at_ms)
    return TestOutcome(test.name.value, test.span, True, "", at_ms)


def wire_value(literal: Literal) -> str | int | float | bool:
    """Write a literal as the value a tracker would send for it."""
    match literal.kind:
        case "int":
            return int(literal.text)
        case "number" | "signed":
            return float(literal.text) if "." in literal.text else int(literal.text)
        case "percent":
            return float(literal.text.rstrip("%"))
        case "money":
            return literal.text[1:].replace(",", "")
        case "duration":
            return _ms(literal, ACROSS_SESSIONS)
        case "name":
            return literal.text == "yes"
        case "text" | "date" | "time_of_day":
            return literal.text


def _ms(literal: Literal, place: DurationPlace) -> int:
    parsed = parse_duration(literal.text, place)
    assert not isinstance(parsed, DurationProblem), "the checker let a malformed duration through"
    return parsed


def _setting(program: Program, givens: tuple[Given, ...]) -> Setting:
    setting = Setting()
    for given in givens:
        match given:
            case GivenClock():
                setting.clock = given.text.value
            case GivenTimezone():
                setting.timezone = given.text.value
            case GivenVariant():
                setting.arms[f"{given.rule.text}:variant"] = given.variant.text
            case GivenSwitch(switch="holdout"):
                setting.is_held_out = given.value.text == "yes"
            case GivenSwitch():
                setting.displays = given.value.text == "yes"
            case GivenMessage():
                setting.messages_ago.append((given.rule.text, _ms(given.ago, ACROSS_SESSIONS)))
            case GivenDismiss():
                setting.dismissed_ago_ms = _ms(given.ago, ACROSS_SESSIONS)
            case GivenAttribute():
                name = given.ref.name
                setting.attributes[name] = _attribute_value(program, name, given.value)
            case never:
                assert_never(never)
    for rule in program.checked.rules:
        if len(rule.variants) > 1:
            setting.arms.setdefault(f"{rule.name}:variant", rule.variants[0].name)
    return setting


def _attribute_value(program: Program, name: str, literal: Literal) -> Value:
    plan = SCHEMA.attribute(name) or program.checked.attributes.get(name)
    assert plan is not None, "the checker let an unknown attribute through"
    value = convert(plan.type, wire_value(literal))
    assert value is not None, "the checker let a value of another type through"
    return value


def _happen(rehearsal: Rehearsal, what: Happening, at_ms: int, late_ms: int) -> str:
    """Let a step happen; returns what is wrong when it cannot."""
    if what.kind == "late":
        assert what.inner is not None
        assert what.literal is not None
        return _happen(rehearsal, what.inner, at_ms, _ms(what.literal, IN_TEST))
    if what.kind == "duplicate":
        rehearsal.repeat(at_ms)
        return ""
    if what.kind in ("reply", "dismiss"):
        return _answer_message(rehearsal, what, at_ms, late_ms)
    name, given = _TRACKED[what.kind](what)
    rehearsal.happen(at_ms, rehearsal.event(name, at_ms, late_ms, **given))
    return ""


def _view(what: Happening) -> tuple[str, dict[str, object]]:
    path = _text(what)
    return "view", {"url": TEST_HOST + path if path.startswith("/") else path}


def _scroll(what: Happening) -> tuple[str, dict[str, object]]:
    assert what.literal is not None
    return "scroll", {"properties": {"depth": wire_value(what.literal)}}


def _event(what: Happening) -> tuple[str, dict[str, object]]:
    assert what.name is not None
    fields = {argument.name.text: wire_value(argument.value) for argument in what.arguments}
    return what.name.text, {"properties": fields}


def _set(what: Happening) -> tuple[str, dict[str, object]]:
    assert what.ref is not None
    assert what.literal is not None
    return "set", {"attributes": {what.ref.name: wire_value(what.literal)}}


def _text(what: Happening) -> str:
    assert what.text is not None
    return what.text.value


_TRACKED: dict[str, Callable[[Happening], tuple[str, dict[str, object]]]] = {
    "view": _view,
    "scroll": _scroll,
    "event": _event,
    "set": _set,
    "click": lambda what: ("click", {"properties": {"target": _text(what)}}),
    "says": lambda what: ("visitor_message", {"properties": {"text": _text(what)}}),
    "hide": lambda _: ("hide", {}),
    "show": lambda _: ("show", {}),
}


def _answer_message(rehearsal: Rehearsal, what: Happening, at_ms: int, late_ms: int) -> str:
    if what.kind == "dismiss":
        if not rehearsal.sent:
            return "there is no message to dismiss yet"
        properties: dict[str, object] = {"message_id": rehearsal.sent[-1].message.id}
        event = rehearsal.event("message_dismissed", at_ms, late_ms, properties=properties)
        rehearsal.happen(at_ms, event)
        return ""
    wanted = _text(what)
    found = _reply(rehearsal, wanted)
    if found is None:
        return f'no message so far has a reply "{wanted}"'
    message, reply = found
    properties = {"message_id": message.id, "value": reply.value}
    rehearsal.happen(at_ms, rehearsal.event("reply_clicked", at_ms, late_ms, properties=properties))
    return ""


def _reply(rehearsal: Rehearsal, wanted: str) -> tuple[Message, QuickReply] | None:
    for sent in reversed(rehearsal.sent):
        for reply in sent.message.replies:
            if reply.text == wanted:
                return sent.message, reply
    return None
