"""What an event does beyond the fold: a message displayed or dismissed, a reply clicked, words written.

These never run backwards: a late event can engage a visitor now, but takes no message back.
"""

import msgspec

from engine.causes import VoiceStarted
from engine.conversations.conversation import ConversationOrigin
from engine.conversations.lifecycle import card_of, converse, hand_over, updated
from engine.conversations.quick_replies import act_on
from engine.conversations.words import engage, had_proactive, visitor_said
from engine.effect import Ground
from engine.events import Event
from engine.message import Message, QuickReply
from engine.session import Session
from engine.telling import moved, tell

ENGAGING_EVENTS: frozenset[str] = frozenset({"visitor_message", "voice_started"})
CHAT_EVENTS: frozenset[str] = frozenset({"visitor_message", "voice_started", "agent_message"})
SERVER_EVENTS: frozenset[str] = frozenset(
    {"handoff_requested", "quote_requested", "appointment_scheduled"}
)
MESSAGE_EVENTS: frozenset[str] = frozenset(
    {"message_displayed", "message_read", "message_dismissed", "reply_clicked"}
)
EFFECTIVE_EVENTS: frozenset[str] = CHAT_EVENTS | MESSAGE_EVENTS | SERVER_EVENTS
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
    if event.name == "message_read" and (message.status == "read" or not message.offset):
        return None
    return _with_rule(event, message)


def take_effect(ground: Ground, event: Event) -> None:
    """Carry out an admitted event's effect; a visitor's words become a chat message."""
    if event.name in CHAT_EVENTS:
        ground.effect.profile_changed = True
        ground.profile.chat_ms = max(ground.profile.chat_ms, event.at_ms)
    if event.name == "voice_started" and not event.from_browser:
        begin_call(ground, event)
    if event.name in ENGAGING_EVENTS:
        engage(ground, event.at_ms, str(event.properties.get("conversation", "")))
    if event.name == "visitor_message":
        visitor_said(ground, event, str(event.properties.get("text", "")))
    elif event.name in MESSAGE_EVENTS:
        message = ground.session.message(str(event.properties["message_id"]))
        assert message is not None, "an event about an unknown message was admitted"
        _message_effect(ground, message, event)
    elif not event.from_browser:
        _server_effect(ground, event)


def begin_call(ground: Ground, event: Event) -> None:
    """Note that a number was lent: a conversation by voice begins, or goes on by voice."""
    talk = ground.session.talk
    if talk is None:
        origin: ConversationOrigin = "proactive" if had_proactive(ground.session) else "widget"
        converse(ground, event.at_ms, origin, "voice")
    elif talk.channel != "voice":
        talk.channel = "voice"
        updated(ground, event.at_ms, "channel")
    number = str(event.properties.get("number", ""))
    tell(ground, event.at_ms, VoiceStarted(card_of(ground, event.at_ms), number), event.id)


def reply_of(message: Message, value: str) -> QuickReply | None:
    """Find a quick reply of a message by its value."""
    return next((reply for reply in message.replies if reply.value == value), None)


def _server_effect(ground: Ground, event: Event) -> None:
    """Take what a server says happened in the conversation; a browser's word is a fact for rules alone."""
    topic = event.properties.get("topic")
    match event.name:
        case "handoff_requested":
            hand_over(ground, event.at_ms, topic if isinstance(topic, str) else "")
        case "appointment_scheduled":
            talk = converse(ground, event.at_ms, "widget")
            talk.appointment = str(event.properties.get("appointment_id", event.id))
            updated(ground, event.at_ms, "appointment")
        case "quote_requested":
            updated(ground, event.at_ms, "quote")
        case _:
            return


def _message_effect(ground: Ground, message: Message, event: Event) -> None:
    match event.name:
        case "message_displayed":
            _display(ground, message, event.at_ms)
        case "message_read":
            _display(ground, message, event.at_ms)
            message.status = "read"
            message.read_ms = event.at_ms
            moved(ground, message, "read", event.at_ms)
        case "message_dismissed":
            _dismiss(ground, message, event.at_ms)
        case _:
            _click(ground, message, event)


def _display(ground: Ground, message: Message, at_ms: int) -> None:
    """Note that a message came on screen, once; its words are kept no longer than they are told."""
    if message.displayed_ms >= 0:
        return
    message.displayed_ms = at_ms
    if message.status == "sent":
        message.status = "delivered"
    moved(ground, message, "displayed", at_ms)
    message.text = ""


def _click(ground: Ground, message: Message, event: Event) -> None:
    reply = reply_of(message, str(event.properties.get("value", "")))
    assert reply is not None, "a click on an unknown reply was admitted"
    message.clicked = reply.value
    if reply.action == "dismiss":
        _dismiss(ground, message, event.at_ms)
        return
    _display(ground, message, event.at_ms)
    message.status = "read"
    message.outcome = "replied"
    moved(ground, message, "replied", event.at_ms)
    ground.effect.profile_changed = True
    ground.profile.chat_ms = max(ground.profile.chat_ms, event.at_ms)
    engage(ground, event.at_ms, str(event.properties.get("conversation", "")))
    words = visitor_said(ground, event, reply.text, (message, reply))
    act_on(ground, message, reply, words)


def _dismiss(ground: Ground, message: Message, at_ms: int) -> None:
    _display(ground, message, at_ms)
    message.outcome = "dismissed"
    message.status = "read" if message.clicked else message.status
    ground.effect.profile_changed = True
    ground.profile.dismissed_ms = max(ground.profile.dismissed_ms, at_ms)
    moved(ground, message, "dismissed", at_ms)


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
