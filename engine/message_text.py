"""The words of a message: a rule's templates filled for one session, and a caller's text with its values."""

from collections.abc import Mapping

from engine.message import QuickReply
from engine.session import Session
from rules.checked import MessagePlan, Value
from rules.compiler.program import Program
from rules.template import VALUE_LEN_MAX, BraceProblem, parse_template, render
from rules.value_types import print_number


def render_message(
    program: Program, plan: MessagePlan, session: Session
) -> tuple[str, tuple[QuickReply, ...]]:
    """Fill a rule's message and its replies with the session's attributes."""
    return fill_message(program, plan, session.state.attrs)


def fill_message(
    program: Program, plan: MessagePlan, attributes: Mapping[str, Value]
) -> tuple[str, tuple[QuickReply, ...]]:
    """Fill a planned message and its replies with attributes, by their names in rules."""
    symbol = program.checked.currency
    replies = tuple(
        QuickReply(
            text=render(reply.text, attributes.get, symbol),
            value=reply.value,
            action=reply.action,
            payload="" if reply.payload is None else render(reply.payload, attributes.get, symbol),
        )
        for reply in plan.replies
    )
    return render(plan.text, attributes.get, symbol), replies


def fill_text(text: str, values: Mapping[str, Value]) -> str | None:
    """Fill a caller's `{name | fallback}`; None when a placeholder has neither value nor fallback.

    Braces that are no placeholder stay as they are: the text is the caller's own.
    """
    pieces = parse_template(text)
    if isinstance(pieces, BraceProblem):
        return text
    words: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            words.append(piece)
            continue
        value = values.get(piece.name)
        shown = piece.fallback if value is None else _shown(value)
        if shown is None:
            return None
        words.append(shown)
    return "".join(words)


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else print_number(value)
    return text[:VALUE_LEN_MAX]
