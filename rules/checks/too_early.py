"""OP301: the first message may come before a visitor had time to read."""

from collections.abc import Iterator

from rules.diagnostics import Diagnostic, diagnose
from rules.durations import IN_SESSION, DurationProblem, parse_duration
from rules.nodes import FirstAfter, Policy
from rules.resolver import Scope
from rules.resolver.findings import mended

EARLIEST_MS = 30_000


def too_early(policy: Policy, scope: Scope) -> Iterator[Diagnostic]:
    """Report `first message after` under 30 s."""
    del scope
    for item in policy.items:
        if not isinstance(item, FirstAfter):
            continue
        ms = parse_duration(item.duration.text, IN_SESSION)
        if not isinstance(ms, DurationProblem) and ms < EARLIEST_MS:
            message = f"a first message after {item.duration.text} is early"
            why = "Visitors who are spoken to before they have read the page leave more often."
            yield mended(diagnose("OP301", item.duration.span, message, why), "30s")
