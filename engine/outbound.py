"""A proactive message that a caller of the API asks for, under the same manners as rules (API.md 3.2).

The table's rows are looked at top-down and the first that fits answers. Pure.
"""

import msgspec

from engine.day_ranges import is_inside, next_end_ms, zone
from engine.decide import may_approach
from engine.experiments import is_policy_held_out
from engine.guardrails import pause_until_ms, session_grants, visitor_zone, window_reopens_ms
from engine.openings import visitor_status
from engine.pages import is_never_on, related_pages
from engine.profile import Profile
from engine.runtime_types import Draft, Refused
from engine.session import Session
from rules.compiler.program import Program
from rules.facts import NEVER_MS
from rules.page_globs import address_key

_S_MS = 1_000


class Standing(msgspec.Struct, frozen=True):
    """What a draft may do now: `chat` as an ordinary message, else proactive from `allowed_ms` on."""

    chat: bool = False
    held_out: bool = False
    allowed_ms: int = 0
    reason: str = "fired"


class Sight(msgspec.Struct, frozen=True):
    """What a draft is judged by: the rules, the visitor, the instant, and the visitor's open sockets."""

    program: Program
    session: Session
    profile: Profile
    now_ms: int
    sockets: int


def stand(sight: Sight, draft: Draft) -> Standing | Refused:
    """Judge a draft by the policy of the site's rules at an instant."""
    session, profile, now_ms = sight.session, sight.profile, sight.now_ms
    if not may_approach(session, profile):
        return Refused("no_consent")
    if draft.needs_consent and profile.consent != "granted":
        return Refused("no_consent")
    if session.engaged_ms >= 0:
        return Standing(chat=True)
    refused = _page(sight, draft) or _frequency(sight, draft)
    if refused is not None:
        return refused
    held_out = "holdout" not in draft.override and is_policy_held_out(
        sight.program.checked, session, profile
    )
    early_ms, quiet_ms = _opens(sight, draft)
    if draft.deliver == "now_or_fail":
        for until_ms, reason in ((early_ms, "too_early"), (quiet_ms, "quiet_hours")):
            if until_ms > now_ms:
                return Refused(reason, retry_after_s=_seconds(until_ms - now_ms))
        if visitor_status(session, sight.sockets, now_ms) == "offline":
            return Refused("visitor_offline")
    allowed_ms = max(early_ms, quiet_ms, now_ms)
    reason = "fired"
    if allowed_ms > now_ms:
        reason = "too_early" if early_ms > now_ms else "quiet_hours"
    return Standing(held_out=held_out, allowed_ms=allowed_ms, reason=reason)


def _page(sight: Sight, draft: Draft) -> Refused | None:
    program, session = sight.program, sight.session
    key = session.state.page_key
    current = str(session.state.attrs.get("page.url", ""))
    if "excluded_page" not in draft.override and key and is_never_on(program, key):
        return Refused("excluded_page", current_page=current)
    wanted = draft.trigger.get("page_url")
    if "page_relevance" in draft.override or not isinstance(wanted, str) or not key:
        return None
    if not related_pages(program, address_key(wanted), key):
        return Refused("page_mismatch", field="trigger.page_url", current_page=current)
    return None


def _frequency(sight: Sight, draft: Draft) -> Refused | None:
    session, profile, now_ms = sight.session, sight.profile, sight.now_ms
    policy = sight.program.checked.policy
    if "frequency_cap" not in draft.override:
        for cap in policy.caps:
            if cap.scope == "session":
                if session_grants(session, in_epoch=cap.unless_engaged) >= cap.number:
                    return Refused("frequency_cap", scope="session")
                continue
            reopens_ms = window_reopens_ms(cap, profile.grants, session.id, now_ms)
            if reopens_ms is not None:
                wait_s = None if reopens_ms == NEVER_MS else _seconds(reopens_ms - now_ms)
                return Refused("frequency_cap", scope="visitor", retry_after_s=wait_s)
    if "cooldown" not in draft.override:
        until_ms = pause_until_ms(policy, profile)
        if until_ms > now_ms:
            return Refused("cooldown", retry_after_s=_seconds(until_ms - now_ms))
    return None


def _opens(sight: Sight, draft: Draft) -> tuple[int, int]:
    """Return when the first-message delay and the quiet hours are over; 0 when they do not hold."""
    program, session, now_ms = sight.program, sight.session, sight.now_ms
    policy = program.checked.policy
    early_ms = quiet_ms = 0
    if "first_message_delay" not in draft.override:
        claimed_s = draft.trigger.get("time_on_page")
        claimed_ms = int(claimed_s * _S_MS) if isinstance(claimed_s, int | float) else 0
        early_ms = min(
            session.start_ms + policy.first_after_ms,
            now_ms + max(0, policy.first_after_ms - claimed_ms),
        )
    if "quiet_hours" not in draft.override:
        for hours in policy.quiet:
            visitor = hours.clock == "visitor"
            tz = visitor_zone(program, session) if visitor else zone(program.checked.timezone)
            if tz is not None and is_inside(hours, now_ms, tz):
                quiet_ms = max(quiet_ms, next_end_ms(hours, now_ms, tz))
    return early_ms, quiet_ms


def _seconds(wait_ms: int) -> int:
    return max(1, -(-wait_ms // _S_MS))
