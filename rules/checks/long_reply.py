"""OP313: a button with too much text on it."""

from collections.abc import Iterator

from rules.checks.says import says_of
from rules.diagnostics import Diagnostic, diagnose
from rules.nodes import Answer, Rule
from rules.resolver import Scope

LONGEST = 25


def long_reply(block: Rule | Answer, scope: Scope) -> Iterator[Diagnostic]:
    """Report a reply text over 25 characters, counted as written."""
    del scope
    for say in says_of(block):
        for reply in say.replies:
            length = len(reply.text.value)
            if length > LONGEST:
                message = f"this reply has {length} characters"
                why = f"Up to {LONGEST} fit on a button of a phone."
                yield diagnose("OP313", reply.text.span, message, why)
