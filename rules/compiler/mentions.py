"""What a rule set mentions, so that the engine converts and keeps only that: event fields, query names."""

from collections.abc import Iterator

from rules.checked import (
    AttributePlan,
    CheckedSet,
    FieldPlan,
    MessagePlan,
    Placeholder,
    Template,
)
from rules.compiler.layout import Layout, patterns_of

QUERY_PREFIX = "page.query."


def field_plans(checked: CheckedSet, layout: Layout) -> dict[str, tuple[FieldPlan, ...]]:
    """Return the fields that some filter reads, by event name, in their declared order."""
    wanted: dict[str, set[str]] = {}
    for register in layout.registers:
        for pattern in patterns_of(register):
            names = wanted.setdefault(pattern.event, set())
            names.update(test.field for test in pattern.filters)
    found: dict[str, tuple[FieldPlan, ...]] = {}
    for event, names in wanted.items():
        plan = checked.events.get(event)
        if plan is not None and names:
            found[event] = tuple(field for field in plan.fields if field.name in names)
    return found


def attribute_names(checked: CheckedSet, layout: Layout) -> frozenset[str]:
    """Return the attributes that conditions, the score or texts read."""
    return frozenset(layout.attributes).union(plan.name for plan in _in_texts(checked))


def query_names(names: frozenset[str]) -> frozenset[str]:
    """Return the NAMEs that are read as `page.query.NAME`."""
    return frozenset(
        name.removeprefix(QUERY_PREFIX) for name in names if name.startswith(QUERY_PREFIX)
    )


def _in_texts(checked: CheckedSet) -> Iterator[AttributePlan]:
    for rule in checked.rules:
        for variant in rule.variants:
            yield from _in_message(variant.message)
    for answer in checked.answers:
        yield from _in_message(answer.message)


def _in_message(message: MessagePlan) -> Iterator[AttributePlan]:
    templates: list[Template] = [message.text]
    for reply in message.replies:
        templates.append(reply.text)
        if reply.payload is not None:
            templates.append(reply.payload)
    for template in templates:
        for part in template.parts:
            if isinstance(part, Placeholder):
                yield part.attribute
