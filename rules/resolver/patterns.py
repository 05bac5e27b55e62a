"""Event patterns: the event, the page it happened on, and tests of its fields."""

from collections.abc import Sequence

from rules.checked import EventPlan, FieldFilter, FieldPlan, Pattern, Value
from rules.durations import IN_SESSION
from rules.nodes import EventPattern, Filter, ListLiteral, Literal, Name
from rules.resolver.findings import Nameless
from rules.resolver.keys import value_key, values_key
from rules.resolver.literals import WORDS, Mismatch, read_literal
from rules.resolver.pages import page_list
from rules.resolver.scope import Scope

ORDERED = frozenset({"number", "money", "date", "duration", "percent"})
"""Types with an order."""

NO_EVENT = Nameless("OP111", "event", "It would never be seen, so the rule would stay silent.")
NO_SET = Nameless("OP112", "set", "Nothing could be in it, so the rule would stay silent.")

WRITTEN_TESTS = {"contains": "contains", "starts_with": "starts with"}


def event_plan(scope: Scope, name: Name) -> EventPlan | None:
    """Find an event by its name in rules, or report it (OP111)."""
    scope.used.add(("event", name.text))
    plan = scope.events.get(name.text)
    if plan is None and not scope.is_broken("event", name.text):
        _report_unknown_event(scope, name)
    return plan


def _report_unknown_event(scope: Scope, name: Name) -> None:
    known = scope.schema.wire_names.get(name.text.lower())
    if known is not None:
        scope.findings.mend(
            "OP111",
            name.span,
            f'"{name.text}" is called "{known}" in rules',
            f'Events named "{name.text}" arrive as "{known}".',
            known,
        )
        return
    line = f"event {name.text} {{}}"
    scope.findings.unknown(NO_EVENT, name.span, name.text, scope.events, line)


def pattern(scope: Scope, node: EventPattern) -> Pattern | None:
    """Resolve an event pattern; None when a part of it was reported."""
    plan = event_plan(scope, node.event)
    pages = page_list(scope, (node.page,)) if node.page is not None else None
    filters = [_filter(scope, plan, item) for item in node.filters] if plan is not None else []
    found = tuple(item for item in filters if item is not None)
    if plan is None or (node.page is not None and pages is None) or len(found) < len(filters):
        return None
    key = plan.name
    if pages is not None:
        key += f" of {pages.key}"
    if found:
        key += f"({', '.join(_filter_key(plan, item) for item in found)})"
    return scope.patterns.setdefault(key, Pattern(plan.name, pages, found, key))


def patterns(scope: Scope, items: Sequence[EventPattern]) -> tuple[Pattern, ...] | None:
    """Resolve several patterns; None when a part of them was reported."""
    found = [pattern(scope, item) for item in items]
    whole = tuple(item for item in found if item is not None)
    return whole if len(whole) == len(found) else None


def _filter_key(plan: EventPlan, item: FieldFilter) -> str:
    default = next((each.default for each in plan.fields if each.name == item.field), None)
    field = f"{item.field}:{item.kind}" + ("" if default is None else f"={value_key(default)}")
    if item.test == "compare":
        return f"{field} {item.op} {value_key(item.values[0])}"
    return f"{field} {item.test} {values_key(item.values)}"


def field_plan(scope: Scope, plan: EventPlan, name: Name) -> FieldPlan | None:
    """Find a field of an event, or report it (OP113)."""
    for candidate in plan.fields:
        if candidate.name == name.text:
            return candidate
    fields = [candidate.name for candidate in plan.fields]
    near = scope.findings.near(name.text, fields)
    message = f'the event {plan.name} has no field "{name.text}"'
    if near is not None:
        message += f'; did you mean "{near}"?'
        why = "A test of a field that never comes matches nothing."
        scope.findings.mend("OP113", name.span, message, why, near)
        return None
    listed = f"Its fields are {', '.join(fields)}." if fields else "It has no fields."
    scope.findings.say("OP113", name.span, message, f"A test of it would match nothing. {listed}")
    return None


def _filter(scope: Scope, plan: EventPlan, node: Filter) -> FieldFilter | None:
    found = field_plan(scope, plan, node.field)
    if found is None or not _operator_fits(scope, node, found):
        return None
    values = _filter_values(scope, node, found)
    if values is None:
        return None
    kind = found.type.kind
    return FieldFilter(found.name, kind, node.test, node.op, values)


def _operator_fits(scope: Scope, node: Filter, found: FieldPlan) -> bool:
    if node.test in WRITTEN_TESTS and found.type.kind not in ("text", "one_of"):
        report_operator(scope, node, WRITTEN_TESTS[node.test], found.type.kind)
        return False
    ordering = node.test == "between" or (node.op is not None and node.op not in ("=", "!="))
    if ordering and found.type.kind not in ORDERED:
        report_operator(scope, node, node.op or "between", found.type.kind)
        return False
    return True


def report_operator(scope: Scope, node: Filter, operator: str, kind: str) -> None:
    """Report an operator that does not fit a field's type (OP121)."""
    usable = "=, !=, contains" if kind in ("text", "one_of") else "="
    if kind in ORDERED:
        usable = "=, <, >="
    scope.findings.say(
        "OP121",
        node.span,
        f'"{operator}" does not fit {node.field.text}, which is {WORDS[kind]}',
        f"For {WORDS[kind]} there are {usable} and in.",
    )


def _filter_values(scope: Scope, node: Filter, found: FieldPlan) -> tuple[Value, ...] | None:
    if node.set_name is not None:
        return set_values(scope, node.set_name, found)
    values = [scope.value(literal, found.type, IN_SESSION) for literal in node.values]
    whole = tuple(value for value in values if value is not None)
    if len(whole) < len(values):
        return None
    if node.test == "between":
        return whole if ends_in_order(scope, node.values, whole) else None
    return whole


def ends_in_order(scope: Scope, literals: Sequence[Literal], values: Sequence[Value]) -> bool:
    """Report a range with nothing in it (OP141); tell whether it is a good one."""
    low, high = values
    if isinstance(low, str) or isinstance(high, str) or low <= high:
        return True
    first, last = literals
    scope.findings.mend(
        "OP141",
        first.span.to(last.span),
        "this range has nothing in it",
        "Its first end is above its last, so no value is between them.",
        f"{last.text} and {first.text}",
    )
    return False


def set_values(
    scope: Scope, reference: Name | ListLiteral, wanted: FieldPlan
) -> tuple[Value, ...] | None:
    """Convert the members of a list or a named set to the type that is compared with them."""
    if isinstance(reference, ListLiteral):
        values = [scope.value(literal, wanted.type) for literal in reference.items]
        whole = tuple(value for value in values if value is not None)
        return tuple(dict.fromkeys(whole)) if len(whole) == len(values) else None
    scope.used.add(("set", reference.text))
    block = scope.sets.get(reference.text)
    if block is None:
        if scope.is_whole and not scope.is_broken("set", reference.text):
            name, line = reference.text, f'set {reference.text} = ["one", "two"]'
            scope.findings.unknown(NO_SET, reference.span, name, scope.sets, line)
        return None
    return _named_values(scope, reference, block.values, wanted)


def _named_values(
    scope: Scope, reference: Name, listed: ListLiteral, wanted: FieldPlan
) -> tuple[Value, ...] | None:
    values: list[Value] = []
    for literal in listed.items:
        value = read_literal(literal, wanted.type, IN_SESSION, scope.currency)
        if isinstance(value, Mismatch):
            scope.findings.say(
                value.code,
                reference.span,
                f'the set "{reference.text}" does not fit {wanted.name}: {value.message}',
                value.why,
            )
            return None
        values.append(value)
    return tuple(dict.fromkeys(values))
