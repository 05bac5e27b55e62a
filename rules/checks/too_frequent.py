"""OP306: visitors are approached more often than is good manners."""

from collections.abc import Iterator

from rules.diagnostics import Diagnostic, diagnose
from rules.nodes import Cap, Limit, Policy, Rule
from rules.resolver import Scope
from rules.resolver.findings import mended

PER_SESSION_MAX = 3
LIMIT_MAX = 2

_WHY = "Whoever did not answer the first message is bothered by the next."


def too_frequent_policy(policy: Policy, scope: Scope) -> Iterator[Diagnostic]:
    """Report a cap over 1 per session without `unless engaged`, or over 3."""
    del scope
    for item in policy.items:
        if not isinstance(item, Cap) or item.scope.kind != "session":
            continue
        number = int(item.number.text[:6])
        if number > (PER_SESSION_MAX if item.unless_engaged else 1):
            message = f"up to {number} messages a session are many"
            clause = "at most 1 per session unless engaged"
            yield mended(diagnose("OP306", item.span, message, _WHY), clause)


def too_frequent_rule(rule: Rule, scope: Scope) -> Iterator[Diagnostic]:
    """Report a limit over 2 per session."""
    del scope
    for item in rule.items:
        if isinstance(item, Limit) and item.scope.kind == "session":
            number = int(item.number.text[:6])
            if number > LIMIT_MAX:
                message = f"one rule up to {number} times a session is often"
                yield mended(diagnose("OP306", item.number.span, message, _WHY), "1")
