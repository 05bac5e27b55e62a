"""What begins when a visitor engages, or when a server opens a chat: a value inside the session."""

from typing import Literal

import msgspec

Channel = Literal["chat", "voice", "video"]
Qualifying = Literal["score", "contact", "goal", "appointment"]
ConversationOrigin = Literal["api", "widget", "proactive", "agent"]
CloseReason = Literal["api", "agent", "idle", "replaced", "erased"]

NO_BAND = -1


class Conversation(msgspec.Struct, array_like=True, gc=False):
    """One conversation of a session.

    `paused`: a person has taken over, or was asked for, and the assistant stays silent. `queued`: the
    assistant has no room yet. `asked` is the question that the visitor's next message answers, and
    `unanswered` the visitor's latest message without an answer (message ids). `band` is the tens digit of
    the score that dashboards were told last, NO_BAND before. `qualified` is the reason, None
    before.
    `agent_session` numbers a session of the agent family, 0 for none; `agent_type` and `agent_metadata`
    (JSON) are its own. `closed_ms` is -1 while it goes on.
    """

    id: str
    origin: ConversationOrigin
    started_ms: int
    channel: Channel = "chat"
    paused: bool = False
    agent_name: str = ""
    team: str = ""
    queued: bool = False
    asked: str = ""
    unanswered: str = ""
    band: int = NO_BAND
    qualified: Qualifying | None = None
    appointment: str = ""
    custom_fields: dict[str, str | int | float | bool] = {}
    closed_ms: int = -1
    agent_session: int = 0
    agent_type: str = ""
    agent_metadata: str = ""


class ConversationCard(msgspec.Struct, frozen=True, omit_defaults=True):
    """A conversation as others are told of it, at one instant.

    `contact` holds name, first_name, email and phone as far as they are known; `score` is 0 to 100.
    """

    id: str
    channel: Channel
    origin: ConversationOrigin
    session: str
    visitor: str
    source: str
    assistant: str
    started_ms: int
    status: Literal["active", "queued", "closed"]
    score: int
    contact: dict[str, str] = {}
    custom_fields: dict[str, str | int | float | bool] = {}
    agent_name: str = ""
    engaged: bool = False
