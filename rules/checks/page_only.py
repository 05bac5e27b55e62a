"""OP311: a rule that knows nothing of the visitor but the page."""

from collections.abc import Iterator

from rules.diagnostics import Diagnostic, diagnose
from rules.nodes import Rule, When
from rules.resolver import Scope


def page_only(rule: Rule, scope: Scope) -> Iterator[Diagnostic]:
    """Report a rule without `when`."""
    del scope
    if not any(isinstance(item, When) for item in rule.items):
        yield diagnose(
            "OP311",
            rule.name.span,
            f"rule {rule.name.text} speaks to everyone on its pages",
            "A sign of interest picks those who want help.",
            ("when time_on_page >= 45s",),
        )
