"""Bodies of agent sessions (API.md 4.2): what is read, and how a session and a reply are shown."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.conversations.agent_sessions import AgentSessionType

METADATA_BYTES_MAX = 16_384
"""Bytes of a caller's metadata as JSON; more are refused."""

SESSION_TYPES: dict[str, AgentSessionType] = {
    "voice": "agent_voice",
    "agent_voice": "agent_voice",
    "agent_video": "agent_video",
    "agent_chat": "agent_chat",
    "webrtc_video": "webrtc_video",
}
"""What may be asked for, and what it is: the seed's default is not in its own list."""

SessionTypeText = Annotated[
    str,
    Meta(
        description="`voice` is stored and answered as `agent_voice`.",
        extra_json_schema={"enum": list(SESSION_TYPES)},
    ),
]
Metadata = dict[str, object]


class AgentSessionBody(Struct, frozen=True):
    """`POST /api/v1/sessions`."""

    agent_id: Annotated[int, Meta(ge=1, description="An assistant's configured `agent_id`.")]
    session_type: SessionTypeText = "voice"
    metadata: Annotated[
        Metadata | None,
        Meta(
            description="Returned unchanged; 16 KB of JSON at most. A text `visitor_id` in it ties the"
            " session to that visitor."
        ),
    ] = None


class AgentMessageBody(Struct, frozen=True):
    """`POST /api/v1/sessions/{session_id}/messages`."""

    message: Annotated[str, Meta(min_length=1, max_length=4_000)]
    metadata: Annotated[
        Metadata | None, Meta(description="The caller's own; 16 KB of JSON at most, not kept.")
    ] = None


class AgentEndBody(Struct, frozen=True):
    """`POST /api/v1/sessions/{session_id}/end`."""


class AgentSessionShown(Struct, frozen=True, kw_only=True):
    """A session in the seed's fields; avatar and voice are null where none is configured."""

    session_id: int
    agent_id: int
    agent_name: str
    session_type: AgentSessionType
    status: Literal["active", "ended"]
    started_at: str
    metadata: Metadata
    avatar_id: int | None
    avatar_name: str | None
    avatar_url: str | None
    voice_id: str | None


class AgentSessionDetail(AgentSessionShown, frozen=True, kw_only=True):
    """A session with what became of it.

    `ended_at` is null also for a session that ended by itself and is kept no more.
    """

    chat_session_id: str
    ended_at: str | None


class AgentSessionStarted(Struct, frozen=True, kw_only=True):
    """The answer to a new session."""

    success: bool = True
    session: AgentSessionShown
    message: str = "Session started successfully"


class AgentSessionFound(Struct, frozen=True, kw_only=True):
    """The answer to a look at a session, and to its end."""

    success: bool = True
    session: AgentSessionDetail
    message: str = "OK"


class ReplyMetadata(Struct, frozen=True, omit_defaults=True):
    """What answered: `none` when nobody did. `error` is there when a model should have and could not."""

    model: Annotated[str, Meta(description="The model's name; `answers` for the built-in one.")]
    tokens: int
    error: str = ""


class AgentResponse(Struct, frozen=True):
    """An assistant's reply; `message_id` is null when nobody answers now."""

    message_id: str | None
    text: str
    timestamp: str
    metadata: ReplyMetadata


class AgentMessageSent(Struct, frozen=True, kw_only=True):
    """The answer to words of a visitor."""

    success: bool = True
    session_id: int
    response: AgentResponse
    message: str = "Message sent successfully"
