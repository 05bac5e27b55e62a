"""The gates of good manners in their order, each with the instant at which it reopens (LANGUAGE.md 10).

Pure: a gate reads the session, the profile and the instant it is given. `holdout` is no gate here; it
is decided for the winner alone (`experiments.py`).
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from engine.day_ranges import day_ordinal, day_start_ms, watch, zone
from engine.decision import Gate
from engine.pages import is_never_on
from engine.profile import Grant, Profile
from engine.session import Session
from rules.checked import CapPlan, DayRange, PolicyPlan, RulePlan
from rules.compiler.program import Program
from rules.facts import NEVER_MS

_UTC = ZoneInfo("UTC")


def session_gates(program: Program, session: Session, profile: Profile, now_ms: int) -> list[Gate]:
    """List the closed gates that close for every rule of the session: hidden to cap, in order."""
    policy = program.checked.policy
    state = session.state
    closed: list[Gate] = []
    if state.site_since_ms < 0:
        closed.append(Gate("hidden"))
    if program.never_on_bit and is_never_on(program, state.page_key):
        closed.append(Gate("never_on"))
    first_ms = state.start_ms + policy.first_after_ms
    if now_ms < first_ms:
        closed.append(Gate("first_after", first_ms))
    if policy.quiet:
        closed.extend(_quiet(program, session, now_ms))
    pause_ms = pause_until_ms(policy, profile)
    if now_ms < pause_ms:
        closed.append(Gate("cooldown", pause_ms))
    if profile.grants or session.messages:
        reopens_ms = cap_reopens_ms(policy, session, profile, now_ms)
        if reopens_ms is not None:
            closed.append(Gate("cap", reopens_ms))
    return closed


def rule_gates(
    program: Program, rule: RulePlan, session: Session, profile: Profile, now_ms: int
) -> list[Gate]:
    """List the closed gates of one rule alone: active, during, limit."""
    closed: list[Gate] = []
    if rule.active is not None:
        tz = zone(program.checked.timezone) or _UTC
        today = day_ordinal(now_ms, tz)
        if today < rule.active[0]:
            closed.append(Gate("active", day_start_ms(rule.active[0], tz)))
        elif today > rule.active[1]:
            closed.append(Gate("active"))
    if rule.during:
        closed.extend(_during(program, rule, session, now_ms))
    for limit in rule.limits if profile.spent else ():
        spent = [grant for grant in profile.spent if grant.rule == rule.name]
        reopens_ms = window_reopens_ms(limit, spent, session.id, now_ms)
        if reopens_ms is not None:
            closed.append(Gate("limit", reopens_ms))
            break
    return closed


def pause_until_ms(policy: PolicyPlan, profile: Profile) -> int:
    """Return the end of the latest pause after a dismissal, message or chat; 0 when none has begun."""
    # The profile holds the latest of all sessions, this one's included.
    until_ms = 0
    if profile.dismissed_ms >= 0:
        until_ms = profile.dismissed_ms + policy.wait_dismiss_ms
    if profile.grants:
        until_ms = max(until_ms, profile.grants[-1].at_ms + policy.wait_message_ms)
    if profile.chat_ms >= 0:
        until_ms = max(until_ms, profile.chat_ms + policy.wait_chat_ms)
    return until_ms


def cap_reopens_ms(
    policy: PolicyPlan, session: Session, profile: Profile, now_ms: int
) -> int | None:
    """Return when the latest of the full caps reopens, or None when none is full."""
    latest_ms: int | None = None
    for cap in policy.caps:
        if cap.scope == "session":
            used = session_grants(session, in_epoch=cap.unless_engaged)
            reopens_ms = NEVER_MS if used >= cap.number else None
        else:
            reopens_ms = window_reopens_ms(cap, profile.grants, session.id, now_ms)
        if reopens_ms is not None:
            latest_ms = reopens_ms if latest_ms is None else max(latest_ms, reopens_ms)
    return latest_ms


def session_grants(session: Session, *, in_epoch: bool) -> int:
    """Count the proactive messages that hold a place of the session's cap, held-out ones included.

    Expired and withdrawn ones gave their place back. `in_epoch`: only those since the latest engagement.
    """
    return sum(
        1
        for message in session.messages
        if message.kind == "proactive"
        and message.outcome not in ("expired", "withdrawn")
        and (not in_epoch or message.epoch == session.epoch)
    )


def visitor_zone(program: Program, session: Session) -> ZoneInfo:
    """Return the visitor's zone if the browser sent one, else site time."""
    return zone(session.timezone) or zone(program.checked.timezone) or _UTC


def _quiet(program: Program, session: Session, now_ms: int) -> list[Gate]:
    for hours in program.checked.policy.quiet:
        clock = watch(hours, _clock_zone(program, session, hours).key)
        if clock.is_inside(now_ms):
            return [Gate("quiet", clock.changes_ms)]
    return []


def _during(program: Program, rule: RulePlan, session: Session, now_ms: int) -> list[Gate]:
    starts: list[int] = []
    for hours in rule.during:
        clock = watch(hours, _clock_zone(program, session, hours).key)
        if clock.is_inside(now_ms):
            return []
        starts.append(clock.changes_ms)
    return [Gate("during", min(starts))]


def _clock_zone(program: Program, session: Session, hours: DayRange) -> ZoneInfo:
    if hours.clock == "visitor":
        return visitor_zone(program, session)
    return zone(program.checked.timezone) or _UTC


def window_reopens_ms(
    cap: CapPlan, grants: Sequence[Grant], session_id: str, now_ms: int
) -> int | None:
    """Return when a cap over grants (oldest first) has room again, or None when it has room now."""
    match cap.scope:
        case "session":
            counted = [grant for grant in grants if grant.session == session_id]
        case "visitor":
            counted = list(grants)
        case "window":
            assert cap.window_ms is not None
            counted = [grant for grant in grants if grant.at_ms > now_ms - cap.window_ms]
    if len(counted) < cap.number:
        return None
    if cap.window_ms is None:
        return NEVER_MS
    return counted[len(counted) - cap.number].at_ms + cap.window_ms
