"""OP307: a message that is too long to be read in passing."""

from collections.abc import Iterator

from rules.checks.says import says_of
from rules.diagnostics import Diagnostic, diagnose
from rules.nodes import Answer, Rule
from rules.resolver import Scope

LONGEST = 160


def long_text(block: Rule | Answer, scope: Scope) -> Iterator[Diagnostic]:
    """Report a `say` over 160 characters, counted as written."""
    del scope
    for say in says_of(block):
        length = len(say.text.value)
        if length > LONGEST:
            message = f"this message has {length} characters"
            why = f"Up to {LONGEST} are read at a glance; say the rest when the visitor asks."
            yield diagnose("OP307", say.text.span, message, why)
