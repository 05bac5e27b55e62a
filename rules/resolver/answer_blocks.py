"""Answer blocks: what the built-in assistant answers in chat."""

from typing import TypeVar

from rules.checked import AnswerPlan
from rules.nodes import About, Answer, AnswerItem, Asked, AskedAnything, On, Owner, Say
from rules.resolver.messages import message_plan
from rules.resolver.pages import page_list
from rules.resolver.policy import report_repeats
from rules.resolver.scope import Scope

PHRASE_LEN_MAX = 200

_Item = TypeVar("_Item", bound=AnswerItem)


def answer_plan(scope: Scope, node: Answer) -> AnswerPlan | None:
    """Resolve an answer block; None when a part of it was reported."""
    report_repeats(scope, [(_once_key(item), item.span) for item in node.items])
    phrases = [text for item in _all(node, Asked) for text in item.phrases]
    for text in phrases:
        if len(text.value) > PHRASE_LEN_MAX:
            scope.findings.mend(
                "OP105",
                text.span,
                f"a phrase has up to {PHRASE_LEN_MAX} characters",
                "A question is matched by its few telling words.",
                f'"{text.value[:PHRASE_LEN_MAX]}"',
            )
    says = _all(node, Say)
    if len(says) != 1:
        scope.findings.say(
            "OP134",
            node.name.span,
            f"answer {node.name.text} has {len(says) or 'no'} message{'s' if says else ''}",
            "An answer is one message.",
            *(() if says else ('say "Thanks for asking."',)),
        )
        return None
    refs = [ref for item in _all(node, On) for ref in item.pages]
    pages = page_list(scope, refs) if refs else None
    message = message_plan(scope, says[0])
    if message is None or (refs and pages is None):
        return None
    return AnswerPlan(
        name=node.name.text,
        phrases=tuple(text.value for text in phrases),
        anything=bool(_all(node, AskedAnything)),
        on=pages,
        message=message,
        title=node.title.value if node.title is not None else "",
    )


def _once_key(item: AnswerItem) -> str | None:
    if isinstance(item, About | Owner):
        return type(item).__name__.lower()
    return "on page" if isinstance(item, On) else None


def _all(node: Answer, kind: type[_Item]) -> list[_Item]:
    return [item for item in node.items if isinstance(item, kind)]
