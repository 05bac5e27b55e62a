"""OP310: hardly any pause after a visitor closed a message."""

from collections.abc import Iterator

from rules.diagnostics import Diagnostic, diagnose
from rules.durations import AFTER_WAIT, DurationProblem, parse_duration
from rules.nodes import Cooldown, Policy
from rules.resolver import Scope
from rules.resolver.findings import mended

PAUSE_MS_MIN = 3_600_000


def no_pause(policy: Policy, scope: Scope) -> Iterator[Diagnostic]:
    """Report `wait` under 1 h after a dismissal."""
    del scope
    for item in policy.items:
        if not isinstance(item, Cooldown) or item.after != "dismiss":
            continue
        ms = parse_duration(item.duration.text, AFTER_WAIT)
        if not isinstance(ms, DurationProblem) and ms < PAUSE_MS_MIN:
            message = f"{item.duration.text} after a dismissal is hardly a pause"
            why = "The visitor just said no; asking again so soon costs trust."
            yield mended(diagnose("OP310", item.duration.span, message, why), "24h")
