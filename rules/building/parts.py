"""What every builder shares: where a matched part stands, and the smallest nodes.

A builder has one method for each grammar rule, named like the rule or its alias in opportune.lark. A
method takes all that the production matched, words and signs included. Words are lark tokens, which
are strings that know where they stand.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rules import nodes
from rules.diagnostics import Diagnostic
from rules.lexemes import decoded, unit_of
from rules.span import Span

# What the parser hands over is one of many node kinds, by position in the production.
Parts = list[Any]

_LITERAL_KINDS: dict[str, nodes.LiteralKind] = {
    "STRING": "text",
    "INT": "int",
    "NUMBER": "number",
    "SIGNED": "signed",
    "PERCENT": "percent",
    "MONEY": "money",
    "DATE": "date",
    "NAME": "name",
    "TOD": "time_of_day",
    "DURATION": "duration",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """One word out of a few, where only the choice matters."""

    kind: str
    span: Span


class Nested(Protocol):
    """A node that may hold others of its kind."""

    @property
    def span(self) -> Span:
        """Tell where the node stands."""
        ...


class Word(Protocol):
    """A matched word: a string with its terminal's name and its place."""

    type: str
    start_pos: int
    end_pos: int

    def __str__(self) -> str: ...


class PartBuilder:
    """The ground of all builders.

    `source` and `base` are set before each parse: the name of the file, and the offset at which the
    parsed piece stands in it. `found` collects what only a built node can show.
    """

    source: str
    base: int
    found: list[Diagnostic]
    comments: list[nodes.Comment]
    deepest: tuple[int, Span] | None

    def start_afresh(self, source: str, base: int) -> None:
        """Forget the last parse."""
        self.source = source
        self.base = base
        self.found = []
        self.comments = []
        self.deepest = None
        self._depths: dict[int, int] = {}

    def keep_comment(self, word: Word) -> None:
        """Keep a comment that the lexer skips."""
        text = str(word).rstrip("\r")
        start = self.base + word.start_pos
        self.comments.append(nodes.Comment(text, Span(self.source, start, start + len(text))))

    def span(self, parts: Sequence[Any]) -> Span:
        """Join the places of a production's first and last part."""
        return Span(self.source, self._start(parts[0]), self._end(parts[-1]))

    def _start(self, part: object) -> int:
        if isinstance(part, str):
            at: int = part.start_pos  # type: ignore[attr-defined]  # a lark token
            return self.base + at
        if isinstance(part, tuple):
            return self._start(part[0])
        start: int = part.span.start  # type: ignore[attr-defined]  # a node
        return start

    def _end(self, part: object) -> int:
        if isinstance(part, str):
            at: int = part.end_pos  # type: ignore[attr-defined]  # a lark token
            return self.base + at
        if isinstance(part, tuple):
            return self._end(part[-1])
        end: int = part.span.end  # type: ignore[attr-defined]  # a node
        return end

    def nest(self, node: Nested, inner: Iterable[Any]) -> None:
        """Remember how deep a node is nested, and the deepest of all."""
        depth = 1 + max(self._depths.get(id(part), 0) for part in inner)
        self._depths[id(node)] = depth
        if self.deepest is None or depth > self.deepest[0]:
            self.deepest = (depth, node.span)

    def to_name(self, word: Word) -> nodes.Name:
        """Make a name of a word."""
        return nodes.Name(str(word), self.span([word]))

    def to_text(self, word: Word) -> nodes.Text:
        """Make a decoded text of a quoted one."""
        return nodes.Text(decoded(str(word)), self.span([word]))

    def to_literal(self, word: Word) -> nodes.Literal:
        """Make a literal of any word."""
        kind = _LITERAL_KINDS[word.type]
        text = decoded(str(word)) if kind == "text" else str(word)
        return nodes.Literal(kind, text, self.span([word]))

    def literal(self, parts: Parts) -> nodes.Literal:
        """Make a literal; a duration is one already."""
        part = parts[0]
        return part if isinstance(part, nodes.Literal) else self.to_literal(part)

    def duration(self, parts: Parts) -> nodes.Literal:
        """Make a duration; words become the unit's letter, what is malformed stays as written."""
        if len(parts) == 1:
            return nodes.Literal("duration", str(parts[0]), self.span(parts))
        number, unit = str(parts[0]), unit_of(str(parts[1]))
        text = f"{number} {parts[1]}" if "." in number or unit is None else number + unit
        return nodes.Literal("duration", text, self.span(parts))

    def ref(self, parts: Parts) -> nodes.Ref:
        """Make a dotted reference."""
        return nodes.Ref(tuple(str(part) for part in parts[::2]), self.span(parts))

    def ref_value(self, parts: Parts) -> nodes.Ref:
        """Make a reference on the right side of a comparison."""
        return self.ref(parts)

    def list(self, parts: Parts) -> nodes.ListLiteral:
        """Make a list in square brackets."""
        return nodes.ListLiteral(tuple(parts[1:-1:2]), self.span(parts))

    def set_ref(self, parts: Parts) -> nodes.SetRef:
        """Make a list or the name of a set."""
        part = parts[0]
        return part if isinstance(part, nodes.ListLiteral) else self.to_name(part)

    def page_list(self, parts: Parts) -> tuple[nodes.PageRef, ...]:
        """Make a list of pages."""
        return tuple(parts[::2])

    def glob(self, parts: Parts) -> nodes.Glob:
        """Make a page pattern."""
        return nodes.Glob(decoded(str(parts[0])), self.span(parts))

    def pages_name(self, parts: Parts) -> nodes.PagesName:
        """Make the name of a pages block."""
        return nodes.PagesName(str(parts[0]), self.span(parts))
