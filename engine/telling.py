"""What a step tells others and counts: causes, counters, and the notices in the visitor's sequence."""

from typing import Literal

import msgspec

from engine.causes import Body, Cause, Consent, FollowUp, MessageMoved, MessageState
from engine.counts import Counted, campaign_count, rule_count
from engine.effect import Ground
from engine.ids import derived_id
from engine.message import Message, Notice, NoticeName, shown_status
from engine.outbox.webhooks import event_names

_TOLD_TO_TABS = frozenset({"displayed", "read", "replied", "dismissed"})
_COUNTED: dict[MessageState, tuple[Counted, ...]] = {
    "sent": ("eligible", "sent"),
    "held_out": ("eligible", "held_out"),
    "delivered": ("delivered",),
    "displayed": ("displayed",),
    "read": ("read",),
    "replied": ("replied",),
    "dismissed": ("dismissed",),
    "expired": ("expired",),
    "withdrawn": ("withdrawn",),
}


def tell(ground: Ground, at_ms: int, body: Body, *parts: str | int) -> None:
    """Add a cause; `parts` tell it from others of its kind in the session."""
    session = ground.session
    tag = body.__struct_config__.tag
    cause = Cause(
        id=derived_id("evt", ground.secret, session.workspace, session.id, str(tag), *parts),
        at_ms=at_ms,
        workspace=session.workspace,
        body=body,
        visitor=session.visitor,
        session=session.id,
        source=session.source,
        user=session.user or ground.profile.user,
        consent=_consent(ground),
    )
    ground.effect.causes.append(_numbered(ground, cause))


def _consent(ground: Ground) -> Consent:
    """Say what the visitor wants of being told of to others; unasked, a privacy signal is a no."""
    stated = ground.profile.consent
    if stated == "granted":
        return "granted"
    return "refused" if stated or ground.session.has_opted_out else ""


def _numbered(ground: Ground, cause: Cause) -> Cause:
    """Give what webhooks are told of a cause its numbers in the session."""
    events = len(event_names(cause))
    if not events:
        return cause
    first = ground.session.webhook_events + 1
    ground.session.webhook_events += events
    return msgspec.structs.replace(cause, sequence=first)


def follow_up(ground: Ground, at_ms: int, ask: FollowUp) -> None:
    """Ask for work that looks outside the session, each time anew: what is done twice is done once."""
    tell(ground, at_ms, ask, ask.work, ask.message, ground.session.offset)


def count(ground: Ground, name: str, number: int = 1) -> None:
    """Add to a counter."""
    counts = ground.effect.counts
    counts[name] = counts.get(name, 0) + number


def count_of_message(ground: Ground, rule: str, variant: str, campaign: str, what: Counted) -> None:
    """Add to the counters of a message's rule and of its campaign; a rule is a campaign of its name."""
    if rule:
        count(ground, rule_count(rule, variant, what))
    if campaign or rule:
        count(ground, campaign_count(campaign or rule, what))


def moved(
    ground: Ground, message: Message, state: MessageState, at_ms: int, reason: str = ""
) -> None:
    """Tell that a proactive message came to a state, and count it; other tabs hear what they must know.

    Args:
        reason: of the decision that sent, held or held it out.
    """
    if message.kind != "proactive":
        return
    for what in _COUNTED.get(state, ()):
        count_of_message(ground, message.rule, message.variant, message.campaign, what)
    score = ground.program.score(ground.session.state, max(at_ms, ground.session.state.clock_ms))
    told = MessageMoved(
        message=msgspec.structs.replace(message),
        state=state,
        score=score,
        reason=reason,
        program=ground.program.version,
        conversation=ground.session.conversation,
    )
    tell(ground, at_ms, told, message.id, state)
    if message.offset and state in _TOLD_TO_TABS:
        status: dict[str, object] = {
            "message_id": message.id,
            "status": shown_status(message),
            "outcome": message.outcome,
        }
        notice(ground, at_ms, "message_status", status, message.id, state)
    elif message.offset and state in ("expired", "withdrawn"):
        gone: dict[str, object] = {"message_id": message.id}
        notice(ground, at_ms, "message_withdrawn", gone, message.id)


def notice(
    ground: Ground, at_ms: int, name: NoticeName, content: dict[str, object], *parts: str | int
) -> None:
    """Append a notice to the session's sequence; `parts` make its id."""
    session = ground.session
    session.offset += 1
    notice_id = derived_id("evt", ground.secret, session.workspace, session.id, name, *parts)
    ground.effect.items.append(Notice(notice_id, name, at_ms, content, session.offset))


def withdraw(
    ground: Ground, message: Message, outcome: Literal["expired", "withdrawn"], at_ms: int
) -> None:
    """End an undisplayed message: the cap's place comes back, the rule's own limit stays spent."""
    message.outcome = outcome
    ground.effect.profile_changed = True
    profile = ground.profile
    profile.grants = [grant for grant in profile.grants if grant.message != message.id]
    if message.epoch == ground.session.epoch:
        ground.effect.give_back += 1
    moved(ground, message, outcome, at_ms)
    message.text = ""
