"""Messages: texts with placeholders, quick replies and variants."""

from dataclasses import dataclass
from typing import Literal as OneOf

from rules.checked.vocabulary import AttributePlan

ActionName = OneOf["say", "ask", "open", "handoff", "quote", "schedule", "call", "dismiss"]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`{attribute | fallback}` in a text; `fallback` None only for attributes that are never unknown."""

    attribute: AttributePlan
    fallback: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """A text as literal pieces and placeholders, in order."""

    parts: tuple[str | Placeholder, ...]
    source: str


@dataclass(frozen=True, slots=True)
class ReplyPlan:
    """A quick reply. `payload` is a template for say and ask, plain text otherwise."""

    text: Template
    value: str
    action: ActionName
    payload: Template | None


@dataclass(frozen=True, slots=True)
class MessagePlan:
    """A message with its replies."""

    text: Template
    replies: tuple[ReplyPlan, ...]


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """One variant; `name` "" when the rule has a single message."""

    name: str
    percent: float
    message: MessagePlan
