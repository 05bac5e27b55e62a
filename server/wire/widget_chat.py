"""Bodies of the widget's conversation: words, sessions, messages read back (API.md 4.1), camelCase."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from engine.shown import ReplyShown
from server.wire.conversation_frames import EventFrame, MessageFrame
from server.wire.login import Identity
from server.wire.widget_body import WidgetBody
from server.wire.widgets import (
    ClientId,
    ConsentName,
    ContextBody,
    LocaleTag,
    PageBody,
    WidgetConfig,
)

ClientText = Annotated[str, Meta(min_length=1, max_length=256)]
SessionText = Annotated[
    ClientText,
    Meta(
        description="The widget's own id of its session, or the `chat_…` id of a session. An unknown one,"
        " or one whose session has ended, begins a new session."
    ),
]


class ClickBody(Struct, frozen=True, rename="camel"):
    """A quick reply that the visitor clicked."""

    message_id: ClientText
    value: Annotated[str, Meta(min_length=1, max_length=64)]


class ChatBody(WidgetBody, frozen=True, rename="camel", kw_only=True):
    """`POST …/chat`."""

    session_id: SessionText
    message: Annotated[
        str, Meta(max_length=8_000, description="1 to 4,000 characters once trimmed.")
    ]
    assistant_id: Annotated[
        str | None, Meta(description="Who answers; the primary assistant by default.")
    ] = None
    conversation_id: Annotated[
        str | None,
        Meta(
            description="Continues this conversation; an id that is new becomes the new one's id."
        ),
    ] = None
    visitor_id: str | None = None
    visitor_token: str | None = None
    user_id: Annotated[str | None, Meta(description="A user id that nobody vouches for.")] = None
    page: PageBody | None = None
    quick_reply: ClickBody | None = None
    message_id: Annotated[
        ClientId | None,
        Meta(description="The same id again is the same message and gets its answer."),
    ] = None
    context: ContextBody | None = None


class ChatMetadata(Struct, frozen=True):
    """What answered: a model's name, `answers` for the built-in assistant, `none` for nobody yet."""

    model: str
    tokens: int
    error: Annotated[
        str | UnsetType,
        Meta(description="`model_unavailable`: a block, the fallback, or what was done answered."),
    ] = UNSET


class ChatReply(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to a visitor's words. `messageId` is the answer's, null when nobody answered."""

    success: Literal[True] = True
    conversation_id: str | None
    message: str
    metadata: ChatMetadata
    message_id: str | None
    quick_replies: tuple[ReplyShown, ...]


class SessionStartBody(WidgetBody, frozen=True, rename="camel", kw_only=True):
    """`POST …/session`."""

    session_id: SessionText | None = None
    visitor_id: str | None = None
    identity: Identity | None = None
    page: PageBody | None = None
    context: ContextBody | None = None
    consent: ConsentName | None = None
    locale: Annotated[
        LocaleTag | None,
        Meta(description="Language of the widget's words; the visitor's own without it."),
    ] = None
    visitor_token: Annotated[
        str | None, Meta(description="Opens the session of a known user again without `identity`.")
    ] = None


class SessionStarted(Struct, frozen=True, kw_only=True, rename="camel"):
    """A session to talk in: `visitorToken` opens its socket and reads its messages until `expiresAt`."""

    success: Literal[True] = True
    session_id: str
    chat_session_id: str
    visitor_id: str
    visitor_token: str
    expires_at: str
    ws_url: str
    config: Annotated[
        WidgetConfig,
        Meta(description="As `GET …/config` shows it: a widget that begins here need not ask."),
    ]


class MessagesQuery(Struct, frozen=True, kw_only=True, rename="camel"):
    """`GET …/messages`: what follows an offset."""

    session_id: ClientText
    after: Annotated[int, Meta(ge=0, description="The highest offset the client has.")] = 0


class MessagesReply(Struct, frozen=True, kw_only=True, rename="camel"):
    """Frames after an offset, oldest first; under another `epoch` the client begins again at 0."""

    success: Literal[True] = True
    epoch: str
    messages: list[MessageFrame | EventFrame]
    next_check_ms: Annotated[int, Meta(description="Milliseconds until it is worth asking again.")]


class AckBody(WidgetBody, frozen=True, rename="camel", kw_only=True):
    """`POST …/ack`: what became of a message on the visitor's screen."""

    session_id: ClientText
    message_id: ClientText
    state: Literal["displayed", "read", "dismissed"]
    visitor_token: Annotated[
        str | None, Meta(description="May stand in the header `X-Visitor-Token` instead.")
    ] = None


class Success(Struct, frozen=True):
    """It was done."""

    success: Literal[True] = True
