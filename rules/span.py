"""Where a piece of rule text stands: sources and half-open ranges in them."""

from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range [start, end) of code points in one source.

    `source` is the name under which the source was read (a path relative to the set's root).
    """

    source: str
    start: int
    end: int

    def to(self, other: "Span") -> "Span":
        """Join this span with a later one of the same source."""
        return Span(self.source, self.start, other.end)


@dataclass(frozen=True, slots=True)
class Place:
    """A 1-based line and a 1-based column, counted in code points."""

    line: int
    column: int


@dataclass(frozen=True)
class Source:
    """The text of one rule file as decoded, with its line index.

    `text` keeps tabs and CRLF as they came; only a byte order mark is dropped by the loader.
    """

    name: str
    text: str
    line_starts: tuple[int, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Index the line starts once; `place` is then a binary search."""
        starts = [0]
        starts.extend(at + 1 for at, char in enumerate(self.text) if char == "\n")
        object.__setattr__(self, "line_starts", tuple(starts))

    def place(self, offset: int) -> Place:
        """Turn an offset in [0, len(text)] into a line and a column."""
        line = bisect_right(self.line_starts, offset)
        return Place(line, offset - self.line_starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """Return one line as typed, without its line end; `number` is 1-based."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")
