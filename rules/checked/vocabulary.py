"""Types, attributes and events as the evaluators read them."""

from dataclasses import dataclass
from typing import Literal as OneOf

Value = str | int | float | bool
ValueKind = OneOf["text", "number", "yes_no", "money", "date", "one_of", "duration", "percent"]
CompareOp = OneOf["=", "!=", "<", "<=", ">", ">="]
ClockName = OneOf["time_on_page", "time_on_site", "page_age", "session_age"]


@dataclass(frozen=True, slots=True)
class ValueType:
    """A type of the language; `options` are the texts of a one_of as written, in order."""

    kind: ValueKind
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttributePlan:
    """A declared or built-in attribute. `optional` false and `default` None means never unknown.

    A text `default` is kept as written, since visitors may read it; it is folded when compared.
    """

    name: str
    type: ValueType
    optional: bool
    default: Value | None
    built_in: bool = False


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field of an event; `default` (a text folded) is used when the field is absent."""

    name: str
    type: ValueType
    default: Value | None = None


@dataclass(frozen=True, slots=True)
class EventPlan:
    """A declared or built-in event. `is_activity`: matched by the pattern `activity` when a browser sent it."""

    name: str
    fields: tuple[FieldPlan, ...]
    is_activity: bool
    built_in: bool = False
