"""Declaring blocks: import, site, attribute, event, pages, set, define and goal."""

from dataclasses import dataclass
from typing import Literal as OneOf

from rules.nodes.conditions import Condition, EventPattern
from rules.nodes.words import ListLiteral, Literal, Name, PageRef, Ref, Text, span_field
from rules.span import Span


@dataclass(frozen=True, slots=True)
class TypeNode:
    """A declared type; `options` only for one_of."""

    kind: OneOf["text", "number", "yes_no", "money", "date", "one_of"]
    options: tuple[Literal, ...] = ()
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class PresenceClause:
    """`optional`, or `default VALUE`."""

    default: Literal | None
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Import:
    """`import "file"`."""

    path: Text
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Site:
    """`site "name" timezone "zone"`."""

    name: Text
    timezone: Text
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Attribute:
    """`attribute NAME: TYPE [PRESENCE]`."""

    ref: Ref
    type: TypeNode
    presence: PresenceClause | None
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event block."""

    name: Name
    type: TypeNode
    presence: PresenceClause | None
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Event:
    """`event NAME { FIELD ... }`."""

    name: Name
    fields: tuple[Field, ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Pages:
    """`pages NAME = LIST`."""

    name: Name
    pages: tuple[PageRef, ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class SetBlock:
    """`set NAME = [..]`."""

    name: Name
    values: ListLiteral
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Define:
    """`define NAME = CONDITION`."""

    name: Name
    condition: Condition
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Goal:
    """`goal NAME = PATTERN, ... [within D]`."""

    name: Name
    patterns: tuple[EventPattern, ...]
    within: Literal | None
    span: Span = span_field()
