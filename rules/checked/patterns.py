"""Lists of pages and event patterns, resolved."""

from dataclasses import dataclass, field
from typing import Literal as OneOf

from rules.checked.vocabulary import CompareOp, Value, ValueKind
from rules.page_globs import PageGlob


@dataclass(frozen=True, slots=True)
class PageList:
    """A resolved list of pages; `names` are the `pages` blocks it came from, for words in a trace."""

    globs: tuple[PageGlob, ...]
    key: str
    names: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """A test of one field. A filter on an absent field does not match.

    `values` holds one value for `compare`, the folded text for contains/starts_with, the two ends of
    `between`, or the members of `in`.
    """

    field: str
    kind: ValueKind
    test: OneOf["compare", "in", "between", "contains", "starts_with"]
    op: CompareOp | None
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """An event pattern. `event` is a name, or `activity` for everything that is activity."""

    event: str
    page: PageList | None
    filters: tuple[FieldFilter, ...]
    key: str
