"""What the server side does in a session: open it, speak, pause, queue, note and close. Values only."""

from typing import Literal

import msgspec

from engine.conversations.conversation import Channel, CloseReason, ConversationOrigin
from engine.message import NoticeName, QuickReply


class Open(msgspec.Struct, frozen=True, tag="open", omit_defaults=True):
    """Begin the session's conversation; one that has begun stays as it is, but for contact and fields.

    `contact` holds name, first_name, email, phone. `conversation` is the id to give it, "" for our own.
    """

    origin: ConversationOrigin
    channel: Channel = "chat"
    contact: dict[str, str] = {}
    custom_fields: dict[str, str | int | float | bool] = {}
    conversation: str = ""
    agent_session: int = 0
    agent_type: str = ""
    agent_metadata: str = ""


class Post(msgspec.Struct, frozen=True, tag="post", omit_defaults=True):
    """Words of an agent or the assistant; `id` is the message's. `by` names the agent.

    `answer_to` is the visitor's message that is answered. `model`, `tokens` and `answer` as in `Message`.
    `assistant` is whose `tokens` are counted. `team`: a person of it is asked for, "" = any; None = nobody.
    """

    id: str
    author: Literal["agent", "assistant", "system"]
    text: str
    by: str = ""
    client_id: str = ""
    replies: tuple[QuickReply, ...] = ()
    answer_to: str = ""
    model: str = ""
    tokens: int = 0
    answer: str = ""
    assistant: str = ""
    team: str | None = None


class Release(msgspec.Struct, frozen=True, tag="release"):
    """Let the assistant speak again."""


class Seat(msgspec.Struct, frozen=True, tag="seat"):
    """Put the session into its assistant's queue, or take it out."""

    queued: bool
    estimated_wait_s: int = 0


class Close(msgspec.Struct, frozen=True, tag="close"):
    """End the session."""

    reason: CloseReason
    note: str = ""


class Notify(msgspec.Struct, frozen=True, tag="notify"):
    """Tell the visitor's sockets something, once for each `id`."""

    id: str
    name: NoticeName
    content: dict[str, object] = {}


class Verify(msgspec.Struct, frozen=True, tag="verify"):
    """Note that the visitor proved who they are."""


class Withdraw(msgspec.Struct, frozen=True, tag="withdraw"):
    """Take an undisplayed proactive message back."""

    message: str


Order = Open | Post | Release | Seat | Close | Notify | Verify | Withdraw
