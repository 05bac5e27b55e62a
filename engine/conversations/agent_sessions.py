"""Sessions of the agent family: their numbers, and what is kept of each beside its chat session (API.md 4.2)."""

from typing import Literal

import msgspec

from engine.conversations.conversation import Channel
from engine.conversations.documents import Documents
from engine.stores.base import DocConflict, SessionRef, Store

AgentSessionType = Literal["agent_voice", "agent_video", "agent_chat", "webrtc_video"]

CHANNELS: dict[AgentSessionType, Channel] = {
    "agent_voice": "voice",
    "agent_video": "video",
    "agent_chat": "chat",
    "webrtc_video": "video",
}
"""The channel of the conversation that a session of each type begins."""

REPEATS_KEPT = 64
"""Newest numbers whose chat session is remembered: a repeat after a crash gets its number again."""

KEPT_MAX = 250_000
"""Agent sessions kept a workspace: a day at its hourly limit; an older number is not found any more."""

_NUMBERS = "agent_session_number"
_SESSIONS = "agent_session"


class AgentSession(msgspec.Struct, frozen=True):
    """One agent session. `metadata` is the caller's own, as JSON; `ended_ms` -1: not ended by a call.

    `number` is 0 until it has one.

    It stands here and not in the session's state, which every event writes anew.
    """

    number: int
    session: str
    visitor: str
    agent: int
    assistant: str
    type: AgentSessionType
    started_ms: int
    metadata: str = "{}"
    ended_ms: int = -1

    def ref(self, workspace: str) -> SessionRef:
        """Return the chat session that carries the words."""
        return SessionRef(workspace, self.visitor, self.session)


class Numbers(msgspec.Struct, frozen=True):
    """The newest number of a workspace, and the newest (chat session, number) pairs, oldest first."""

    latest: int = 0
    taken: tuple[tuple[str, int], ...] = ()


class AgentSessions:
    """The agent sessions of all workspaces, in documents of a store."""

    def __init__(self, store: Store, kept_max: int = KEPT_MAX) -> None:
        """Keep them in `store`, at most `kept_max` a workspace."""
        self._store = store
        self._kept_max = kept_max
        self._numbers = Documents(store, _NUMBERS, Numbers())
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(AgentSession).decode

    async def begin(self, workspace: str, wanted: AgentSession) -> AgentSession:
        """Give a session its number and keep it; a repeat for the same chat session gets what is kept.

        Raises:
            StoreUnavailable: too many take numbers at the same time; safe to repeat.
        """
        number = await self.take_number(workspace, wanted.session)
        return await self.keep(workspace, msgspec.structs.replace(wanted, number=number))

    async def take_number(self, workspace: str, chat_session: str) -> int:
        """Take a workspace's next number for a chat session, from 1; its own again on a repeat.

        Raises:
            StoreUnavailable: too many take numbers at the same time; safe to repeat.
        """

        def take(numbers: Numbers) -> tuple[Numbers, int]:
            known = next((n for chat, n in numbers.taken if chat == chat_session), None)
            if known is not None:
                return numbers, known
            number = numbers.latest + 1
            taken = (*numbers.taken, (chat_session, number))[-REPEATS_KEPT:]
            return Numbers(number, taken), number

        return await self._numbers.change(workspace, "latest", take)

    async def keep(self, workspace: str, session: AgentSession) -> AgentSession:
        """Keep a session under its number; one that is kept already stays, and is returned."""
        await self.forget(workspace, session.number - self._kept_max)
        body, name = self._encode(session), str(session.number)
        done = await self._store.put_doc(workspace, _SESSIONS, name, body, 0)
        if isinstance(done, DocConflict) and done.doc is not None:
            return self._decode(done.doc.body)
        return session

    async def find(self, workspace: str, number: int) -> AgentSession | None:
        """Return the session of a number."""
        doc = await self._store.get_doc(workspace, _SESSIONS, str(number))
        return None if doc is None else self._decode(doc.body)

    async def end(self, workspace: str, number: int, at_ms: int) -> AgentSession | None:
        """Note when a session was ended by a call, the first time; None when there is none."""
        doc = await self._store.get_doc(workspace, _SESSIONS, str(number))
        while doc is not None:
            session = self._decode(doc.body)
            if session.ended_ms >= 0:
                return session
            ended = msgspec.structs.replace(session, ended_ms=at_ms)
            body = self._encode(ended)
            done = await self._store.put_doc(workspace, _SESSIONS, str(number), body, doc.version)
            if not isinstance(done, DocConflict):
                return ended
            # Only another end changes it, so the next look returns.
            doc = done.doc
        return None

    async def forget(self, workspace: str, number: int) -> None:
        """Keep nothing of a session any more; its number stays taken."""
        if number < 1:
            return
        doc = await self._store.get_doc(workspace, _SESSIONS, str(number))
        if doc is not None:
            await self._store.put_doc(workspace, _SESSIONS, str(number), None, doc.version)
