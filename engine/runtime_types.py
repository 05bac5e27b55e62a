"""What the async shell takes and answers: values between the engine and its edges."""

from typing import Literal

import msgspec

from engine.conversations.conversation import Channel, ConversationOrigin, Qualifying
from engine.events import Scalar
from engine.message import Item, Message, QuickReply
from engine.stores.base import SessionRef

VisitorStatus = Literal["online", "idle", "offline"]
SessionStatus = Literal["active", "queued", "closed"]


class ClientContext(msgspec.Struct, frozen=True, gc=False):
    """What a request says of its sender: browser, zone, language, consent."""

    user_agent: str = ""
    timezone: str = ""
    locale: str = ""
    consent: str = ""
    gpc: bool = False


class Opening(msgspec.Struct, frozen=True):
    """A live chat session to be made for a visitor (API.md 3.1).

    `contact` holds name, first_name, email and phone. `session_id` is the id to give it, None for a new
    one; a repeat with the same id finds the session that was made.
    """

    workspace: str
    source: str
    visitor: str | None = None
    attributes: dict[str, Scalar] = {}
    page_url: str | None = None
    page_title: str | None = None
    referrer: str | None = None
    client: ClientContext = ClientContext()
    initial_message: str | None = None
    assistant: str = ""
    origin: ConversationOrigin = "api"
    channel: Channel = "chat"
    contact: dict[str, str] = {}
    custom_fields: dict[str, str | int | float | bool] = {}
    agent_session: int = 0
    agent_type: str = ""
    agent_metadata: str = ""
    session_id: str | None = None


class SessionView(msgspec.Struct, frozen=True):
    """A session as the API shows it."""

    ref: SessionRef
    source: str
    status: SessionStatus
    assistant: str
    conversation: str
    created: bool
    score: int
    page_url: str | None
    visitor_status: VisitorStatus
    engaged: bool
    epoch: int
    widget_made: bool
    started_ms: int
    active_ms: int
    paused: bool = False
    agent_name: str = ""
    channel: Channel = "chat"
    qualified: Qualifying | None = None
    closed_ms: int | None = None
    custom_fields: dict[str, str | int | float | bool] = {}
    verified: bool = False


class Tracked(msgspec.Struct, frozen=True, gc=False):
    """What became of events: counts, and when the session is looked at next without one."""

    accepted: int
    duplicates: int
    wake_ms: int | None


class Attachment(msgspec.Struct, frozen=True, gc=False):
    """A socket's place at a session: messages after `offset` of `epoch` will be hinted.

    `noted` counts the session's sockets, at least those at all workers that live.
    """

    id: int
    epoch: str
    offset: int
    noted: int = 1


class Pulled(msgspec.Struct, frozen=True):
    """What has an offset, after one, oldest first; `recovered` False: the client starts over with these."""

    epoch: str
    offset: int
    recovered: bool
    items: tuple[Item, ...]

    @property
    def messages(self) -> tuple[Message, ...]:
        """Return the messages among the items."""
        return tuple(item for item in self.items if isinstance(item, Message))


class Draft(msgspec.Struct, frozen=True):
    """A proactive message that a caller of the API asks to send (API.md 3.2).

    `needs_consent`: the site keeps quiet until the visitor granted consent.
    """

    text: str
    quick_replies: tuple[QuickReply, ...] = ()
    trigger: dict[str, str | int | float] = {}
    assistant: str = ""
    personalization: dict[str, str | int | float | bool] = {}
    deliver: Literal["when_allowed", "now_or_fail"] = "when_allowed"
    expires_in_ms: int = 120_000
    override: tuple[str, ...] = ()
    display: Literal["card", "bubble", "open"] = "card"
    sound: bool = False
    campaign: str = ""
    needs_consent: bool = False


class Offered(msgspec.Struct, frozen=True):
    """An accepted message. `deliver_after_ms` is set while it is held; `chat`: the visitor had engaged."""

    message: Message
    visitor_status: VisitorStatus
    score: int
    deliver_after_ms: int | None
    chat: bool


class Refused(msgspec.Struct, frozen=True):
    """A refused message: the reason of API.md 3.2's table, and what else to tell."""

    reason: str
    field: str = ""
    scope: str = ""
    current_page: str = ""
    retry_after_s: int | None = None
