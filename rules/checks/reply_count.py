"""OP302: a message with too few or too many quick replies."""

from collections.abc import Iterator

from rules.checks.says import says_of
from rules.diagnostics import Diagnostic, diagnose
from rules.nodes import Rule
from rules.resolver import Scope

FEWEST = 2
MOST = 3


def reply_count(rule: Rule, scope: Scope) -> Iterator[Diagnostic]:
    """Report a message without 2 or 3 replies."""
    del scope
    for say in says_of(rule):
        number = len(say.replies)
        if number < FEWEST:
            counted = "one reply" if number else "no replies"
            yield diagnose(
                "OP302",
                say.text.span,
                f"this message has {counted}",
                "Two or three clear answers to click are answered far more often than a question.",
                ('reply "Yes" -> ask "What are you looking for?"',),
            )
        elif number > MOST:
            yield diagnose(
                "OP302",
                say.text.span,
                f"this message has {number} replies",
                "More than three are not read; keep the two or three that help most.",
            )
