"""Bodies of messages of the platform API (API.md 3.1): what is posted, and how a message is shown."""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from engine.message import Message
from engine.shown import Clicked, MessageShown
from server.wire.chat_sessions import Short, Words


class PostBody(Struct, frozen=True):
    """`POST /v1/live-chat/sessions/{session_id}/messages`."""

    text: Words
    author: Literal["agent", "visitor", "assistant"] = field(default="agent", name="from")
    agent_name: Short | None = None
    client_id: (
        Annotated[str, Meta(description="The same one again answers the same message.")] | None
    ) = None


# ---- what is answered


class MessagePosted(MessageShown, frozen=True, kw_only=True):
    """A posted message; `reply` is the assistant's answer to a visitor's."""

    reply: MessageShown | UnsetType | None = UNSET


def posted_message(shown: MessageShown, reply: MessageShown | None) -> MessagePosted:
    """Show a visitor's message with the answer to it."""
    fields = msgspec.structs.asdict(shown)
    return MessagePosted(**fields, reply=reply)


def clicked_reply(message: Message, offered: Iterable[Message]) -> Clicked | None:
    """Find the reply that a message was answered by, or that a visitor's message came from.

    Args:
        offered: messages of its session whose replies could be clicked.
    """
    if not message.clicked:
        return None
    asked = (message,) if message.author != "visitor" else tuple(offered)
    for other in reversed(asked):
        if other.clicked != message.clicked:
            continue
        for reply in other.replies:
            if reply.value == message.clicked:
                return Clicked(reply.value, reply.action)
    return Clicked(message.clicked, "say")
