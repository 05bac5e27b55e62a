"""OP309: a message that offers no polite no."""

from collections.abc import Iterator

from rules.checks.says import says_of
from rules.diagnostics import Diagnostic, diagnose
from rules.nodes import Rule
from rules.resolver import Scope


def no_way_out(rule: Rule, scope: Scope) -> Iterator[Diagnostic]:
    """Report replies of which none dismisses."""
    del scope
    for say in says_of(rule):
        if say.replies and all(reply.action != "dismiss" for reply in say.replies):
            yield diagnose(
                "OP309",
                say.text.span,
                "none of the replies dismisses",
                "A polite no is a click for the visitor and an answer for you.",
                ('reply "Not now" -> dismiss',),
            )
