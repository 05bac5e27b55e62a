"""Carrying out a message that the API asked for: sent now, held for its moment, held out, or refused."""

import msgspec

from engine.causes import Said
from engine.conversations.lifecycle import card_of
from engine.conversations.naming import call_decision_id, words_id
from engine.conversations.words import append_message
from engine.decision import DecisionRow, RowOutcome
from engine.effect import Ground
from engine.ids import derived_id
from engine.limits import GRANTS_MAX
from engine.message import Message
from engine.message_text import fill_text
from engine.outbound import Sight, Standing, stand
from engine.pages import fits_page
from engine.profile import Grant
from engine.runtime_types import Draft, Refused
from engine.session import Session
from engine.telling import moved, tell, withdraw


class Offer(msgspec.Struct, frozen=True, tag="offer", gc=False):
    """A draft of the API at an instant; `sockets` are open ones of the visitor. `id` names the call."""

    now_ms: int
    id: str
    draft: Draft
    sockets: int = 0


def take_offer(ground: Ground, offer: Offer) -> None:
    """Judge a draft and make its message, or note in `effect.refused` why there is none."""
    session, effect = ground.session, ground.effect
    text = fill_text(offer.draft.text, _values(session, offer.draft))
    if text is None:
        effect.refused = Refused("personalization_missing", field="message")
        return
    sight = Sight(ground.program, session, ground.profile, offer.now_ms, offer.sockets)
    standing = stand(sight, offer.draft)
    row = _row(ground, offer)
    if isinstance(standing, Refused):
        effect.refused = standing
        effect.rows.append(msgspec.structs.replace(row, reason=standing.reason))
        return
    message = _message(ground, offer, standing, text)
    effect.offered = message
    if standing.chat:
        append_message(ground, message)
        tell(ground, offer.now_ms, Said(card_of(ground, offer.now_ms), message), message.id)
        return
    _grant(ground, message, held_out=standing.held_out)
    outcome, reason = _send(ground, message, standing)
    row = msgspec.structs.replace(row, outcome=outcome, reason=reason, message=message.id)
    effect.rows.append(row)


def _send(ground: Ground, message: Message, standing: Standing) -> tuple[RowOutcome, str]:
    """Let a granted message go, or keep it for its moment; a held-out one is never shown."""
    if standing.held_out:
        message.outcome = "held_out"
        ground.session.messages.append(message)
        moved(ground, message, "held_out", message.sent_ms, "holdout")
        return "held_out", "holdout"
    if message.held_until_ms < 0:
        append_message(ground, message)
        moved(ground, message, "sent", message.sent_ms, standing.reason)
        return "sent", standing.reason
    ground.session.messages.append(message)
    moved(ground, message, "held", message.sent_ms, standing.reason)
    return "held", standing.reason


def release_held(ground: Ground, now_ms: int) -> None:
    """Let each held message go whose moment has come; one whose page no longer fits ends as expired."""
    session = ground.session
    for message in tuple(session.messages):
        if message.outcome is not None or message.offset:
            continue
        if not 0 <= message.held_until_ms <= now_ms:
            continue
        if session.engaged_ms < 0 and not fits_page(ground.program, session, message):
            withdraw(ground, message, "expired", now_ms)
        else:
            append_message(ground, message)
            moved(ground, message, "sent", now_ms)


def _values(session: Session, draft: Draft) -> dict[str, str | int | float | bool]:
    return {**session.state.attrs, **draft.personalization}


def _message(ground: Ground, offer: Offer, standing: Standing, text: str) -> Message:
    draft, session, secret = offer.draft, ground.session, ground.secret
    allowed_ms = max(standing.allowed_ms, offer.now_ms)
    if standing.chat:
        message_id = words_id(secret, session.workspace, session.id, offer.id)
    else:
        ids = (session.workspace, session.id, session.epoch, session.grants_total + 1)
        message_id = derived_id("msg", secret, *ids)
    return Message(
        id=message_id,
        text=text,
        sent_ms=offer.now_ms,
        kind="chat" if standing.chat else "proactive",
        epoch=session.epoch,
        replies=draft.quick_replies,
        expires_ms=-1 if standing.chat else allowed_ms + draft.expires_in_ms,
        held_until_ms=allowed_ms if allowed_ms > offer.now_ms else -1,
        decision=call_decision_id(secret, session.workspace, session.id, offer.id),
        trigger=draft.trigger,
        score=ground.program.score(session.state, offer.now_ms),
        campaign=draft.campaign,
        display=draft.display,
        sound=draft.sound,
    )


def _grant(ground: Ground, message: Message, *, held_out: bool) -> None:
    ground.session.grants_total += 1
    grant = Grant(message.sent_ms, "", ground.session.id, message.id, held_out=held_out)
    ground.profile.grants = [*ground.profile.grants, grant][-GRANTS_MAX:]
    ground.effect.spend += 1
    ground.effect.profile_changed = True


def _row(ground: Ground, offer: Offer) -> DecisionRow:
    """Make the row of a refused offer; what was sent replaces its outcome and reason."""
    program, session, secret = ground.program, ground.session, ground.secret
    return DecisionRow(
        id=call_decision_id(secret, session.workspace, session.id, offer.id),
        at_ms=offer.now_ms,
        rule="",
        outcome="suppressed",
        reason="",
        score=program.score(session.state, offer.now_ms),
        kind="api",
        program=program.version,
    )
