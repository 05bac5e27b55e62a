"""OP308: a message that asks more than one thing."""

from collections.abc import Iterator

from rules.checks.says import says_of
from rules.diagnostics import Diagnostic, diagnose
from rules.nodes import Answer, Rule
from rules.resolver import Scope


def two_questions(block: Rule | Answer, scope: Scope) -> Iterator[Diagnostic]:
    """Report a `say` with more than one question mark."""
    del scope
    for say in says_of(block):
        number = say.text.value.count("?")
        if number > 1:
            message = f"this message asks {number} questions"
            why = "The replies can answer one; visitors skip a form."
            yield diagnose("OP308", say.text.span, message, why)
