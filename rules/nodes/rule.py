"""Rule and answer blocks, their clauses and messages."""

from dataclasses import dataclass
from typing import Literal as OneOf

from rules.nodes.conditions import Condition
from rules.nodes.policy import Allow, ClockWord, Scope
from rules.nodes.words import Literal, Name, PageRef, Text, span_field
from rules.span import Span

ActionName = OneOf["say", "ask", "open", "handoff", "quote", "schedule", "call", "dismiss"]


@dataclass(frozen=True, slots=True)
class Reply:
    """`reply "Text" -> ACTION [STRING] [as NAME]`."""

    text: Text
    action: ActionName
    payload: Text | None
    value: Name | None
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Say:
    """`say "..."` with its replies."""

    text: Text
    replies: tuple[Reply, ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class About:
    """`about "..."`."""

    text: Text
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Owner:
    """`owner "..."`."""

    text: Text
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Tags:
    """`tags A, B`."""

    names: tuple[Name, ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class On:
    """`on page LIST`."""

    pages: tuple[PageRef, ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class OnAny:
    """`on any page`."""

    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Except:
    """`except page LIST`."""

    pages: tuple[PageRef, ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class When:
    """`when CONDITION`."""

    condition: Condition
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Unless:
    """`unless CONDITION`."""

    condition: Condition
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Priority:
    """`priority N`."""

    number: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Limit:
    """`limit N per SCOPE`."""

    number: Literal
    scope: Scope
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Active:
    """`active DATE to DATE`, both included."""

    first: Literal
    last: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class During:
    """`during A to B [on DAYS] in CLOCK time`."""

    start: Literal
    end: Literal
    days: tuple[Name, ...]
    clock: ClockWord
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Expires:
    """`expires after D`."""

    duration: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class AssistantClause:
    """`assistant NAME` or `assistant "ID"`."""

    assistant: Name | Text
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class RuleHoldout:
    """`holdout P` of one rule."""

    share: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Variant:
    """`variant NAME P { message ... }`; exactly one message is right, the checker says so."""

    name: Name
    share: Literal
    messages: tuple[Say, ...]
    span: Span = span_field()


RuleItem = (
    About | Owner | Tags | On | OnAny | Except | When | Unless | Priority | Limit | Active | During
    | Expires | AssistantClause | RuleHoldout | Allow | Variant | Say
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule block, its clauses in the order written."""

    name: Name
    title: Text | None
    items: tuple[RuleItem, ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Asked:
    """`asked "...", "..."`."""

    phrases: tuple[Text, ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class AskedAnything:
    """`asked anything`."""

    span: Span = span_field()


AnswerItem = Asked | AskedAnything | About | Owner | On | Allow | Say


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer block."""

    name: Name
    title: Text | None
    items: tuple[AnswerItem, ...]
    span: Span = span_field()
