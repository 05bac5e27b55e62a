"""Where lines begin: the first offset of each block, clause, reply and step, and how deep it stands."""

from collections.abc import Iterable
from dataclasses import dataclass

from rules import nodes


@dataclass(frozen=True, slots=True)
class Opener:
    """What begins at an offset: `depth` counts levels of two spaces.

    `group` is the offset of the message or test whose lines are aligned with each other, or None.
    """

    role: str
    depth: int
    group: int | None = None


def openers_of(blocks: Iterable[nodes.Block]) -> dict[int, Opener]:
    """Find every offset at which a line of the canonical layout begins, braces left out."""
    found: dict[int, Opener] = {}
    for block in blocks:
        found[block.span.start] = Opener("block", 0)
        match block:
            case nodes.Event(fields=fields):
                _add(found, fields, "clause")
            case nodes.Policy(items=policy_items):
                _add(found, policy_items, "clause")
            case nodes.Score(items=score_items):
                _add(found, score_items, "clause")
            case nodes.Rule(items=items) | nodes.Answer(items=items):
                for item in items:
                    _add_item(found, item, 1)
            case nodes.Test(givens=givens, steps=steps):
                _add(found, givens, "clause")
                for step in steps:
                    found[step.span.start] = Opener("step", 1, block.span.start)
            case _:
                pass
    return found


def _add(
    found: dict[int, Opener],
    parts: Iterable[nodes.Field | nodes.PolicyItem | nodes.ScoreItem | nodes.Given],
    role: str,
) -> None:
    for part in parts:
        found[part.span.start] = Opener(role, 1)


def _add_item(
    found: dict[int, Opener], item: nodes.RuleItem | nodes.AnswerItem, depth: int
) -> None:
    found[item.span.start] = Opener("clause", depth)
    match item:
        case nodes.Say(replies=replies):
            for reply in replies:
                found[reply.span.start] = Opener("reply", depth + 1, item.span.start)
        case nodes.Variant(messages=messages):
            for message in messages:
                _add_item(found, message, depth + 1)
        case _:
            pass
