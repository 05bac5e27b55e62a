"""What an event does beyond the fold: a message displayed or dismissed, a reply clicked, words written.

These never run backwards: a late event can engage a visitor now, but takes no message back.
"""

import msgspec

from engine.effect import Ground
from engine.events import Event
from engine.ids import derived_id
from engine.limits import SESSION_MESSAGES_KEPT
from engine.message import Message, QuickReply
from engine.session import Session

ENGAGING_EVENTS: frozenset[str] = frozenset({"visitor_message", "voice_started"})
CHAT_EVENTS: frozenset[str] = frozenset({"visitor_message", "voice_started", "agent_message"})
MESSAGE_EVENTS: frozenset[str] = frozenset(
    {"message_displayed", "message_read", "message_dismissed", "reply_clicked"}
)
EFFECTIVE_EVENTS: frozenset[str] = CHAT_EVENTS | MESSAGE_EVENTS
"""Events that do more than the fold."""


def admit(session: Session, event: Event) -> Event | None:
    """Complete an event about a message with what the server knows of it; None drops the event.

    Dropped are events about unknown messages, second clicks, and displays of a message whose time ran
    out before: nobody may see it any more.
    """
    if event.name not in MESSAGE_EVENTS:
        return event
    message = session.message(str(event.properties.get("message_id", "")))
    if message is None:
        return None
    if event.name == "reply_clicked":
        return _admit_click(message, event)
    if event.name == "message_displayed" and (
        message.displayed_ms >= 0 or message.outcome is not None
    ):
        return None
    if event.name == "message_dismissed" and message.outcome is not None:
        return None
    if event.name == "message_read" and message.status == "read":
        return None
    return _with_rule(event, message)


def take_effect(ground: Ground, event: Event) -> None:
    """Carry out an admitted event's effect; a visitor's words become a chat message."""
    if event.name in CHAT_EVENTS:
        ground.effect.profile_changed = True
        ground.profile.chat_ms = max(ground.profile.chat_ms, event.at_ms)
    if event.name in ENGAGING_EVENTS:
        engage(ground, event.at_ms)
    if event.name == "visitor_message":
        _say(ground, event, str(event.properties.get("text", "")))
    elif event.name in MESSAGE_EVENTS:
        message = ground.session.message(str(event.properties["message_id"]))
        assert message is not None, "an event about an unknown message was admitted"
        _message_effect(ground, message, event)


def engage(ground: Ground, at_ms: int) -> None:
    """Note an engagement: a conversation begins, and after a proactive message a new epoch."""
    session = ground.session
    converse(session, ground.secret)
    session.engaged_ms = max(session.engaged_ms, at_ms)
    if any(m.kind == "proactive" and m.epoch == session.epoch for m in session.messages):
        session.epoch += 1


def converse(session: Session, secret: bytes) -> None:
    """Give a session its conversation, once."""
    if not session.conversation:
        session.conversation = derived_id("conv", secret, session.workspace, session.id)


def append_message(ground: Ground, message: Message) -> None:
    """Give a message the session's next offset, for the visitor to see.

    The store keeps it; the session keeps, without its words, what a visitor can still answer.
    """
    session = ground.session
    session.offset += 1
    message.offset = session.offset
    ground.effect.messages.append(message)
    if message.kind == "proactive" or message.replies:
        session.messages = [known for known in session.messages if known.id != message.id]
        session.messages.append(msgspec.structs.replace(message, text=""))
    answerable = [known for known in session.messages if known.kind == "chat"]
    if len(answerable) > SESSION_MESSAGES_KEPT:
        session.messages.remove(answerable[0])


def _message_effect(ground: Ground, message: Message, event: Event) -> None:
    match event.name:
        case "message_displayed":
            message.displayed_ms = event.at_ms
            if message.status == "sent":
                message.status = "delivered"
        case "message_read":
            message.status = "read"
            message.read_ms = event.at_ms
        case "message_dismissed":
            _dismiss(ground, message, event.at_ms)
        case _:
            _click(ground, message, event)


def _click(ground: Ground, message: Message, event: Event) -> None:
    reply = reply_of(message, str(event.properties.get("value", "")))
    assert reply is not None, "a click on an unknown reply was admitted"
    message.clicked = reply.value
    message.status = "read"
    if message.displayed_ms < 0:
        message.displayed_ms = event.at_ms
    if reply.action == "dismiss":
        _dismiss(ground, message, event.at_ms)
        return
    message.outcome = "replied"
    ground.effect.profile_changed = True
    ground.profile.chat_ms = max(ground.profile.chat_ms, event.at_ms)
    engage(ground, event.at_ms)
    _say(ground, event, reply.text, answer_to=reply.value)


def _dismiss(ground: Ground, message: Message, at_ms: int) -> None:
    message.outcome = "dismissed"
    ground.effect.profile_changed = True
    if message.displayed_ms < 0:
        message.displayed_ms = at_ms
    ground.profile.dismissed_ms = max(ground.profile.dismissed_ms, at_ms)


def reply_of(message: Message, value: str) -> QuickReply | None:
    """Find a quick reply of a message by its value."""
    return next((reply for reply in message.replies if reply.value == value), None)


def _admit_click(message: Message, event: Event) -> Event | None:
    reply = reply_of(message, str(event.properties.get("value", "")))
    if reply is None or message.clicked or message.outcome in ("expired", "withdrawn", "held_out"):
        return None
    properties = dict(event.properties)
    properties.update(
        text=reply.text, action=reply.action, rule=message.rule, variant=message.variant
    )
    return msgspec.structs.replace(event, properties=properties)


def _with_rule(event: Event, message: Message) -> Event:
    properties = dict(event.properties)
    properties.update(rule=message.rule, variant=message.variant)
    return msgspec.structs.replace(event, properties=properties)


def _say(ground: Ground, event: Event, text: str, answer_to: str = "") -> None:
    session = ground.session
    message = Message(
        id=derived_id("msg", ground.secret, session.workspace, session.id, event.id),
        text=text,
        sent_ms=event.at_ms,
        author="visitor",
        kind="chat",
        epoch=session.epoch,
        client_id=str(event.properties.get("client_id", "")),
        answer_to=answer_to,
    )
    append_message(ground, message)
