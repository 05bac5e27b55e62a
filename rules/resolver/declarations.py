"""Declarations: attributes, events, pages, sets, defines and goals into the scope."""

from collections.abc import Sequence

from rules.checked import AttributePlan, EventPlan, FieldPlan, GoalPlan, Value, ValueType
from rules.diagnostics import Edit, Fix, diagnose, with_fix
from rules.durations import ACROSS_SESSIONS, IN_SESSION
from rules.nodes import (
    Attribute,
    Block,
    Define,
    Event,
    Field,
    Goal,
    Literal,
    Name,
    Pages,
    PagesName,
    Ref,
    SetBlock,
    Truthy,
    TypeNode,
)
from rules.resolver.conditions import condition
from rules.resolver.declared_names import CONDITION_WORDS, check_name, declare
from rules.resolver.literals import Mismatch, quoted, read_literal
from rules.resolver.pages import page_list
from rules.resolver.patterns import patterns
from rules.resolver.scope import Scope
from rules.span import Span

OPTIONS_MAX = 500
FIELDS_MAX = 200

_EXAMPLES = {
    "text": '"none"',
    "number": "0",
    "yes_no": "no",
    "money": "$0",
    "date": "2026-01-01",
}


def declare_all(scope: Scope, blocks: Sequence[Block]) -> None:
    """Enter every name into the scope, so that a name may be used before its line."""
    scope.attributes.update(scope.schema.attributes)
    scope.events.update(scope.schema.events)
    for block in blocks:
        match block:
            case Attribute():
                _declare_attribute(scope, block)
            case Event():
                _declare_event(scope, block)
            case Pages() if _declare(scope, "pages", block.name):
                scope.pages[block.name.text] = block
            case SetBlock() if _declare(scope, "set", block.name):
                scope.sets[block.name.text] = block
            case Define() if _declare_define(scope, block):
                scope.defines[block.name.text] = block
            case Goal() if _declare(scope, "goal", block.name):
                scope.goals[block.name.text] = block
            case _:
                continue
    _add_traits(scope)


def _declare(scope: Scope, kind: str, name: Name) -> bool:
    check_name(scope, kind, name)
    return declare(scope, kind, name.text, name.span)


def _declare_define(scope: Scope, block: Define) -> bool:
    name = block.name.text
    if name in scope.schema.attributes:
        _report_built_in(scope, "attribute", name, block.name.span, block.span)
        return False
    return _declare(scope, "define", block.name)


def _report_built_in(scope: Scope, kind: str, name: str, span: Span, line: Span) -> None:
    message = f'the {kind} "{name}" is built in already'
    found = diagnose("OP116", span, message, "It always means the same; remove this declaration.")
    fix = Fix("remove it", safe=False, edits=(Edit(line, ""),))
    scope.findings.add(with_fix(found, fix))


def _declare_attribute(scope: Scope, block: Attribute) -> None:
    name, span = block.ref.name, block.ref.span
    first = block.ref.parts[0]
    if len(block.ref.parts) == 1 or first in CONDITION_WORDS:
        check_name(scope, "attribute", Name(first, span))
    if scope.schema.attribute(name) is not None:
        _report_built_in(scope, "attribute", name, span, block.span)
        return
    if not declare(scope, "attribute", name, span):
        return
    value_type = _value_type(scope, block.type)
    default = None
    if block.presence is None:
        _report_presence(scope, block)
    elif block.presence.default is not None and value_type is not None:
        default = _default(scope, block.presence.default, value_type)
        if isinstance(default, str):
            # Kept as written: it is shown to visitors; the evaluators fold what they compare.
            default = block.presence.default.text
    if value_type is not None:
        scope.attributes[name] = AttributePlan(name, value_type, default is None, default)


def _value_type(scope: Scope, node: TypeNode) -> ValueType | None:
    options = []
    if len(node.options) > OPTIONS_MAX:
        scope.findings.say(
            "OP105",
            node.span,
            f"a one_of has up to {OPTIONS_MAX} texts, and this one has {len(node.options)}",
            "Where anything may come, a text is the type.",
        )
        return None
    for literal in node.options:
        if literal.kind != "text":
            scope.findings.mend(
                "OP120",
                literal.span,
                f"{literal.text} is not a text",
                "A one_of lists texts in quotes.",
                quoted(literal.text),
            )
            return None
        options.append(literal.text)
    return ValueType(node.kind, tuple(options))


def _report_presence(scope: Scope, block: Attribute) -> None:
    written: str = block.type.kind
    example = _EXAMPLES.get(block.type.kind, "")
    if block.type.options:
        texts = [quoted(option.text) for option in block.type.options]
        written, example = f"one_of [{', '.join(texts)}]", texts[0]
    line = f"attribute {block.ref.name}: {written}"
    scope.findings.say(
        "OP128",
        block.ref.span,
        f"nothing says what holds while {block.ref.name} is absent",
        "With optional it is unknown, and a rule about it stays silent; with a default it has that"
        " value.",
        f"{line} optional",
        f"{line} default {example}",
    )


def _default(scope: Scope, literal: Literal, value_type: ValueType) -> Value | None:
    value = read_literal(literal, value_type, IN_SESSION, scope.currency)
    if not isinstance(value, Mismatch):
        return value
    scope.findings.mend(
        "OP129",
        literal.span,
        f"the default does not fit: {value.message}",
        value.why,
        value.suggestion,
    )
    return None


def _declare_event(scope: Scope, block: Event) -> None:
    name = block.name.text
    known = scope.schema.wire_names.get(name)
    if name in scope.schema.events:
        _report_built_in(scope, "event", name, block.name.span, block.span)
        return
    if known is not None:
        scope.findings.say(
            "OP116",
            block.name.span,
            f'events named "{name}" arrive as the built-in event "{known}"',
            f"This one would never be seen; remove it and write {known} in the rules.",
        )
        return
    if not _declare(scope, "event", block.name):
        return
    if len(block.fields) > FIELDS_MAX:
        scope.findings.say(
            "OP105",
            block.name.span,
            f"an event has up to {FIELDS_MAX} fields, and this one has {len(block.fields)}",
            "Only the fields that rules look at need to be declared.",
        )
    fields: dict[str, FieldPlan] = {}
    for item in block.fields[:FIELDS_MAX]:
        plan = _field(scope, block, item)
        if plan is not None:
            fields.setdefault(item.name.text, plan)
    scope.events[name] = EventPlan(name, tuple(fields.values()), is_activity=True)


def _field(scope: Scope, block: Event, node: Field) -> FieldPlan | None:
    if not declare(scope, f"field of {block.name.text}", node.name.text, node.name.span):
        return None
    value_type = _value_type(scope, node.type)
    if value_type is None:
        return None
    default = None
    if node.presence is not None and node.presence.default is not None:
        default = _default(scope, node.presence.default, value_type)
    return FieldPlan(node.name.text, value_type, default)


def _add_traits(scope: Scope) -> None:
    """Let the trait event have a field for every attribute it can set."""
    prefix, event = scope.schema.trait_prefix, scope.schema.trait_event
    plan = scope.events.get(event)
    if plan is None:
        return
    traits = tuple(
        FieldPlan(name.removeprefix(prefix), attribute.type)
        for name, attribute in scope.attributes.items()
        if name.startswith(prefix) and (not attribute.built_in or attribute.optional)
    )
    scope.events[event] = EventPlan(plan.name, plan.fields + traits, plan.is_activity, True)


def resolve_declarations(scope: Scope, blocks: Sequence[Block]) -> tuple[GoalPlan, ...]:
    """Check what pages, sets and defines hold, used or not; return the goals."""
    goals = []
    for block in blocks:
        match block:
            case Pages() if scope.pages.get(block.name.text) is block:
                _resolve_quietly(scope, "pages", block)
            case SetBlock():
                _check_set(scope, block)
            case Define() if scope.defines.get(block.name.text) is block:
                _resolve_quietly(scope, "define", block)
            case Goal() if scope.goals.get(block.name.text) is block:
                plan = _goal(scope, block)
                goals.extend([] if plan is None else [plan])
            case _:
                continue
    return tuple(goals)


def _resolve_quietly(scope: Scope, kind: str, block: Pages | Define) -> None:
    """Resolve a block by its name, without counting that as a use."""
    mark = (kind, block.name.text)
    was_used = mark in scope.used
    if isinstance(block, Pages):
        if block.name.text not in scope.named_pages:
            page_list(scope, (PagesName(block.name.text, block.name.span),))
    elif block.name.text not in scope.conditions:
        condition(scope, Truthy(Ref((block.name.text,), block.name.span), block.name.span))
    if not was_used:
        scope.used.discard(mark)


def _check_set(scope: Scope, block: SetBlock) -> None:
    """Report a set of two types (OP120); what it is compared with is checked where it is used."""
    kinds = {"number" if i.kind in ("int", "signed") else i.kind: i for i in block.values.items}
    if len(kinds) > 1:
        odd = list(kinds.values())[1]
        scope.findings.say(
            "OP120",
            odd.span,
            f'the set "{block.name.text}" has values of two types',
            "What it is compared with has one type, so some could never be equal.",
        )


def _goal(scope: Scope, block: Goal) -> GoalPlan | None:
    found = patterns(scope, block.patterns)
    within_ms = None
    if block.within is not None:
        within_ms = scope.duration(block.within, ACROSS_SESSIONS)
        if within_ms is None:
            return None
    return None if found is None else GoalPlan(block.name.text, found, within_ms)
