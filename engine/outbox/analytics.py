"""What a Segment-compatible destination is told of a cause: each name of API.md 8.5, as one `track` call. Pure.

No call holds words that anybody wrote. `messageId` is the cause's id, so that a call sent twice counts once.
"""

import base64
import importlib.metadata
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import msgspec

from engine.causes import (
    Cause,
    ConversationStarted,
    MessageMoved,
    MessageState,
    Said,
    SessionClosed,
)
from engine.conversations.conversation import CloseReason, ConversationCard, ConversationOrigin
from engine.message import Author, Message

_APPROACHES: Mapping[MessageState, str] = {
    "sent": "Proactive Message Sent",
    "displayed": "Proactive Message Displayed",
    "replied": "Proactive Message Replied",
    "dismissed": "Proactive Message Dismissed",
    "expired": "Proactive Message Expired",
    "held_out": "Proactive Message Held Out",
}
_WORDS: Mapping[Author, str] = {
    "visitor": "Live Chat Message Sent",
    "assistant": "Live Chat Message Received",
    "agent": "Live Chat Message Received",
}
_STARTED = "Live Chat Conversation Started"
_ENDED = "Live Chat Conversation Ended"


class Library(msgspec.Struct, frozen=True):
    """Who made a call."""

    name: str = "opportune"
    version: str = importlib.metadata.version("opportune")


class CallContext(msgspec.Struct, frozen=True):
    """What surrounds a call: its maker alone, because nothing here was said by a browser."""

    library: Library = Library()


class LiveChat(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of a conversation, in the words of Segment's live chat events; `conversation_duration` is seconds.

    `agent_id` is the assistant's, `agent_name` that of a person who took over.
    """

    conversation_id: str
    session_id: str
    message_id: str = ""
    agent_id: str = ""
    agent_name: str = ""
    conversation_duration: int | None = None
    origin: ConversationOrigin | None = None
    reason: CloseReason | None = None


class Approach(msgspec.Struct, frozen=True):
    """Of a proactive message; what it does not have is null."""

    message_id: str
    rule: str | None
    variant: str | None
    campaign_id: str | None
    engagement_score: int


class TrackCall(
    msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, tag_field="type", tag="track"
):
    """One call as the destination takes it; `user_id` of a visitor who proved who they are."""

    event: str
    message_id: str
    anonymous_id: str
    timestamp: str
    context: CallContext
    properties: LiveChat | Approach
    user_id: str = ""


_encode = msgspec.json.Encoder().encode


def analytics_event(cause: Cause) -> str | None:
    """Return the name under which a cause is sent on; None: it is not."""
    match cause.body:
        case ConversationStarted(card):
            return _STARTED if card.channel == "chat" else None
        case SessionClosed(card):
            return _ENDED if card.channel == "chat" else None
        case Said(card, message):
            return _WORDS.get(message.author) if card.channel == "chat" else None
        case MessageMoved(state=state):
            return _APPROACHES.get(state)
        case _:
            return None


def track_call(cause: Cause) -> TrackCall | None:
    """Return the call that tells a destination of a cause; None: nothing is sent on of it."""
    event, properties = analytics_event(cause), _properties(cause)
    if event is None or properties is None:
        return None
    return TrackCall(
        event=event,
        message_id=cause.id,
        anonymous_id=cause.visitor,
        timestamp=_instant(cause.at_ms),
        context=CallContext(),
        properties=properties,
        user_id=cause.user,
    )


def call_bytes(call: TrackCall) -> bytes:
    """Write a call as it is kept until it is sent."""
    return _encode(call)


def may_be_sent_on(cause: Cause, guarded: Collection[str]) -> bool:
    """Tell whether the visitor allows it: never against their word, and on a guarded site only by it.

    Args:
        guarded: sites (source ids) that require consent.
    """
    if cause.consent:
        return cause.consent == "granted"
    return cause.source not in guarded


def batch_of(call: bytes, now_ms: int) -> bytes:
    """Put a kept call into the body of one attempt; destinations correct its time by `sentAt`."""
    return b'{"batch":[' + call + b'],"sentAt":"' + _instant(now_ms).encode() + b'"}'


def authorization(write_key: str) -> str:
    """Return the header by which a destination knows the source: the key as the user, no password."""
    return "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()


def _properties(cause: Cause) -> LiveChat | Approach | None:
    match cause.body:
        case ConversationStarted(card):
            return msgspec.structs.replace(_chat(card), conversation_duration=0, origin=card.origin)
        case SessionClosed(card, reason):
            passed_s = max(0, cause.at_ms - card.started_ms) // 1_000
            return msgspec.structs.replace(
                _chat(card), conversation_duration=passed_s, reason=reason
            )
        case Said(card, message):
            return _words(card, message)
        case MessageMoved(message, _, score):
            return Approach(
                message_id=message.id,
                rule=message.rule or None,
                variant=message.variant or None,
                campaign_id=message.campaign or None,
                engagement_score=score,
            )
        case _:
            return None


def _chat(card: ConversationCard) -> LiveChat:
    return LiveChat(card.id, card.session, agent_id=card.assistant, agent_name=card.agent_name)


def _words(card: ConversationCard, message: Message) -> LiveChat:
    """Tell of a message and who wrote it; an agent's name is that of the message."""
    chat = msgspec.structs.replace(_chat(card), message_id=message.id)
    if message.author != "agent":
        return chat
    return msgspec.structs.replace(chat, agent_id="", agent_name=message.by)


def _instant(at_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms / 1_000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
