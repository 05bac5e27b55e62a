"""Canonical texts of what is checked: equal keys mean the same, in this program and in the next."""

import json
from collections.abc import Sequence
from hashlib import sha256

from rules.checked import (
    All,
    AnyOf,
    AttributePlan,
    AttributeTest,
    CompareOp,
    Cond,
    Member,
    Negation,
    Value,
    YesNo,
)
from rules.span import Span
from rules.value_types import print_number

_LIST_LEN_MAX = 400


def value_key(value: Value) -> str:
    """Write a value so that different values differ."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value) if isinstance(value, str) else print_number(value)


def values_key(values: Sequence[Value]) -> str:
    """Write a list of values; a long one by its hash."""
    text = ", ".join(value_key(value) for value in values)
    if len(text) > _LIST_LEN_MAX:
        return f"[#{sha256(text.encode()).hexdigest()[:32]}]"
    return f"[{text}]"


def attribute_key(plan: AttributePlan) -> str:
    """Write an attribute with what decides how its values compare."""
    if plan.built_in:
        return plan.name
    default = "" if plan.default is None else f"={value_key(plan.default)}"
    return f"{plan.name}:{plan.type.kind}{default}"


def negation(item: Cond, span: Span | None) -> Cond:
    """Negate a condition; two negations are none."""
    if isinstance(item, Negation):
        return item.item
    return Negation(item, f"not {item.key}", span)


def conjunction(items: Sequence[Cond], span: Span | None) -> Cond:
    """Join conditions by `and`; nested conjunctions are one, repeated conditions stand once."""
    flat: dict[str, Cond] = {}
    for item in items:
        for part in item.items if isinstance(item, All) else (item,):
            flat.setdefault(part.key, part)
    if len(flat) == 1:
        return next(iter(flat.values()))
    return All(tuple(flat.values()), f"({' and '.join(flat)})", span)


def disjunction(items: Sequence[Cond], span: Span | None) -> Cond:
    """Join conditions by `or`; nested disjunctions are one, repeated conditions stand once."""
    flat: dict[str, Cond] = {}
    for item in items:
        for part in item.items if isinstance(item, AnyOf) else (item,):
            flat.setdefault(part.key, part)
    if len(flat) == 1:
        return next(iter(flat.values()))
    return AnyOf(tuple(flat.values()), f"({' or '.join(flat)})", span)


def attribute_test(
    plan: AttributePlan, op: CompareOp, value: Value, span: Span | None
) -> AttributeTest:
    """Compare an attribute with a value."""
    return AttributeTest(plan, op, value, f"{attribute_key(plan)} {op} {value_key(value)}", span)


def member(plan: AttributePlan, values: Sequence[Value], span: Span | None) -> Cond:
    """Test whether an attribute is one of some values."""
    distinct = tuple(dict.fromkeys(values))
    return Member(plan, distinct, f"{attribute_key(plan)} in {values_key(distinct)}", span)


def yes_no(plan: AttributePlan, span: Span | None) -> YesNo:
    """Test a yes_no attribute alone."""
    return YesNo(plan, f"{attribute_key(plan)} = yes", span)
