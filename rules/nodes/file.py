"""A parsed file: its blocks, its comments and the blocks that did not parse."""

from dataclasses import dataclass, field

from rules.nodes.declarations import Attribute, Define, Event, Goal, Import, Pages, SetBlock, Site
from rules.nodes.policy import Policy, Score
from rules.nodes.rule import Answer, Rule
from rules.nodes.timeline import Test
from rules.nodes.words import span_field
from rules.span import Span

Block = (
    Import
    | Site
    | Attribute
    | Event
    | Pages
    | SetBlock
    | Define
    | Goal
    | Policy
    | Score
    | Rule
    | Answer
    | Test
)


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment, `#` included, with the offset at which it starts in its span."""

    text: str
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class File:
    """One parsed file: blocks and comments in the order of the text.

    `broken` names the blocks that did not parse, as (keyword, name): they count as declared.
    """

    source: str
    blocks: tuple[Block, ...]
    comments: tuple[Comment, ...] = field(default=(), compare=False)
    broken: tuple[tuple[str, str], ...] = field(default=(), compare=False)
