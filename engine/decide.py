"""The heart: what to say to one visitor at one instant, and when to look again. Pure.

A decision is a function of (program, session, profile, now): it reads no clock, draws no chance and
changes nothing. `step.py` carries it out.
"""

import msgspec

from engine.decision import Gate
from engine.experiments import is_held_out, pick_variant
from engine.guardrails import rule_gates, session_gates
from engine.profile import Profile
from engine.session import Session
from engine.tabs import next_silence
from rules.checked import RulePlan, VariantPlan
from rules.compiler.program import Program
from rules.facts import NEVER_MS

GATE_ORDER = (
    "hidden", "never_on", "active", "during", "first_after", "quiet", "cooldown", "cap", "limit", "holdout",
)  # fmt: skip


class Blocked(msgspec.Struct, frozen=True):
    """A rule whose conditions hold, silenced by closed gates (in their order) or by a stronger rule."""

    rule: RulePlan
    gates: tuple[Gate, ...]


class Verdict(msgspec.Struct, frozen=True):
    """The outcome of one instant.

    `winner` sends `variant`, unless `held_out`. `blocked` are the rules that gates silenced, `beaten`
    those that a stronger rule beat. `arms` were assigned for the first time. `wake_ms` is the instant to
    decide again when nothing is sent now, NEVER_MS for "only an event can change anything".
    """

    now_ms: int
    winner: RulePlan | None = None
    variant: VariantPlan | None = None
    held_out: bool = False
    blocked: tuple[Blocked, ...] = ()
    beaten: tuple[RulePlan, ...] = ()
    arms: dict[str, str] = {}
    wake_ms: int = NEVER_MS


def decide(program: Program, session: Session, profile: Profile, now_ms: int) -> Verdict:
    """Decide what to say at an instant. `session.state` has been advanced to it.

    Cost: O(rules of the current page); when the cap is spent for good, O(1).
    Source: LANGUAGE.md 10.
    """
    if not may_approach(session, profile):
        return Verdict(now_ms)
    closed = session_gates(program, session, profile, now_ms)
    if closed and closed[-1].name == "cap" and closed[-1].reopens_ms == NEVER_MS:
        # Nothing can be said until the visitor engages, whatever the rules hold.
        return Verdict(now_ms)
    matching, bound_ms = program.evaluate(session.state, now_ms)
    wake_ms = max(bound_ms, _reopening(closed)) if closed else bound_ms
    if not matching:
        return Verdict(now_ms, wake_ms=wake_ms)
    ready: list[RulePlan] = []
    blocked: list[Blocked] = []
    for number in matching:
        rule = program.checked.rules[number]
        gates = closed + rule_gates(program, rule, session, profile, now_ms)
        if gates:
            gates.sort(key=_place)
            blocked.append(Blocked(rule, tuple(gates)))
            wake_ms = min(wake_ms, _reopening(gates))
        else:
            ready.append(rule)
    if not ready:
        return Verdict(now_ms, blocked=tuple(blocked), wake_ms=wake_ms)
    winner = min(ready, key=lambda rule: (-rule.priority, rule.number))
    held_out, arms = is_held_out(program.checked, winner, session, profile)
    variant, arm = pick_variant(winner, session, profile)
    beaten = tuple(rule for rule in ready if rule is not winner)
    return Verdict(now_ms, winner, variant, held_out, tuple(blocked), beaten, arms | arm)


def may_approach(session: Session, profile: Profile) -> bool:
    """Tell whether the visitor may be approached at all: consent denied, or opted out and not granted."""
    if session.has_opted_out:
        return profile.consent == "granted"
    return profile.consent != "denied"


def next_wake_ms(session: Session, verdict_wake_ms: int, now_ms: int) -> int:
    """Return the session's one wake-up: the rules', the next expiry, or the next tab to fall silent.

    Returns:
        Unix milliseconds > `now_ms`, or NEVER_MS.
    """
    wake_ms = verdict_wake_ms
    for message in session.messages:
        if message.outcome is None and message.displayed_ms < 0 and message.expires_ms >= 0:
            wake_ms = min(wake_ms, message.expires_ms)
            if message.held_until_ms > now_ms:
                wake_ms = min(wake_ms, message.held_until_ms)
    silence = next_silence(session.state)
    if silence is not None and wake_ms != NEVER_MS:
        # A tab that falls silent only stops clocks: it matters when something else is waited for.
        wake_ms = min(wake_ms, max(silence[0], now_ms + 1))
    return wake_ms if wake_ms > now_ms else now_ms + 1


def _reopening(gates: list[Gate]) -> int:
    """Return when the last of the closed gates opens; 0 when none is closed."""
    latest_ms = 0
    for gate in gates:
        latest_ms = max(latest_ms, gate.reopens_ms)
    return latest_ms


def _place(gate: Gate) -> int:
    return GATE_ORDER.index(gate.name)
