"""How much of each cap of the policy a visitor has used, and when it has room again. Pure."""

from typing import Literal

import msgspec

from engine.guardrails import session_grants, window_reopens_ms
from engine.profile import Profile
from engine.session import Session
from rules.checked import CapPlan
from rules.compiler.program import Program
from rules.facts import NEVER_MS


class Allowance(msgspec.Struct, frozen=True):
    """One cap of a visitor: `used` of `limit` messages, in a rolling `window_ms` when it has one.

    `opens_ms` is when a full cap has room again; None while it has room, and when no time frees it.
    """

    scope: Literal["session", "visitor"]
    used: int
    limit: int
    window_ms: int | None
    opens_ms: int | None


def allowances(
    program: Program, profile: Profile, session: Session | None, now_ms: int
) -> tuple[Allowance, ...]:
    """List the caps of a site's policy as they stand for a visitor; `session` is the running one."""
    return tuple(
        _of_session(cap, session) if cap.scope == "session" else _of_visitor(cap, profile, now_ms)
        for cap in program.checked.policy.caps
    )


def _of_session(cap: CapPlan, session: Session | None) -> Allowance:
    used = 0 if session is None else session_grants(session, in_epoch=cap.unless_engaged)
    return Allowance("session", used, cap.number, None, None)


def _of_visitor(cap: CapPlan, profile: Profile, now_ms: int) -> Allowance:
    since_ms = -1 if cap.window_ms is None else now_ms - cap.window_ms
    used = sum(1 for grant in profile.grants if grant.at_ms > since_ms)
    opens_ms = window_reopens_ms(cap, profile.grants, "", now_ms)
    if opens_ms == NEVER_MS:
        opens_ms = None
    return Allowance("visitor", used, cap.number, cap.window_ms, opens_ms)
