"""Names, texts, literals, page references and lists: the smallest parts of the syntax tree.

The tree is what the parser read, as frozen values, each with the span it came from. Spans never
take part in equality, so that `parse(format(tree)) == tree` can be a law. Nothing in it is checked:
names may be unknown, units wrong, clauses repeated. The checker turns it into the checked form.
"""

from dataclasses import dataclass, field
from typing import Literal as OneOf

from rules.span import Span

NOWHERE = Span("", 0, 0)


def span_field() -> Span:
    """Declare the span of a node: kept, but no part of equality or repr; NOWHERE when left out."""
    span: Span = field(default=NOWHERE, compare=False, repr=False)
    return span


LiteralKind = OneOf[
    "text", "int", "number", "signed", "percent", "money", "date", "duration", "name", "time_of_day"
]


@dataclass(frozen=True, slots=True)
class Name:
    """A bare name as written."""

    text: str
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted text; `value` is decoded (no quotes, escapes resolved)."""

    value: str
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Literal:
    """One literal. `text` is the source text, but decoded for `text` and canonical for `duration`.

    A duration written in words (`30 seconds`) reads as its unit form (`30s`); a malformed one
    (`10mins`, `1.5h`) keeps the text as written, for the checker to refuse.
    """

    kind: LiteralKind
    text: str
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Ref:
    """A dotted reference: an attribute, a clock, or the bare name of a define."""

    parts: tuple[str, ...]
    span: Span = span_field()

    @property
    def name(self) -> str:
        """The reference as written, dots included."""
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Glob:
    """A page pattern in quotes."""

    pattern: str
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class PagesName:
    """The bare name of a `pages` block."""

    name: str
    span: Span = span_field()


PageRef = Glob | PagesName


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """A list of literals in square brackets."""

    items: tuple[Literal, ...]
    span: Span = span_field()


SetRef = ListLiteral | Name
