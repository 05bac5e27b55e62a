"""A visitor's data in their own hands: everything that is kept can be read, and can be removed for good.

A person is their known visitor and every anonymous one that was merged into it. An erasure is written
down before it begins, so that one that a crash ends is taken up again (`tidy`).
"""

from collections.abc import AsyncIterator, Sequence

import msgspec

from engine.causes import Cause, VisitorErased, encode_cause
from engine.clock import Clock
from engine.conversations.agent_sessions import AgentSessions
from engine.conversations.bookings import Bookings
from engine.conversations.desk import Desk
from engine.conversations.orders import Open
from engine.conversations.voice import Voice
from engine.custody_lines import Line, agent_session_line, appointment_line, lines_of
from engine.errors import StoreUnavailable
from engine.identity import seal_people
from engine.ids import derived_id
from engine.limits import ATTEMPTS_MAX
from engine.runtime import Runtime
from engine.step import Ordered
from engine.stores.archive import Archive
from engine.stores.base import DocConflict, Kept, SessionRef, Store, StoredCause
from engine.stores.codec import decode_entry, decode_profile, decode_session

ERASURES_A_LOOK_MAX = 100
"""Unfinished erasures that one look takes up; the next look goes on."""

_ERASURE = "erasure"
_RETRY_AFTER_MS = 1_000


class Trace(msgspec.Struct, frozen=True):
    """One session of a person, with what stands outside of it: its agent session's number, 0 for none."""

    visitor: str
    session: str
    agent_session: int = 0


class Erasure(msgspec.Struct, frozen=True):
    """An erasure that has begun; `visitors` are all ids of the person, the one that was asked for first.

    `archives`: also from the files of the archive.
    """

    visitors: tuple[str, ...]
    traces: tuple[Trace, ...]
    begun_ms: int
    archives: bool = False


class Custody:
    """Exports and erases visitors of all workspaces."""

    def __init__(  # noqa: PLR0913  # the places where something of a visitor can be
        self,
        *,
        store: Store,
        runtime: Runtime,
        clock: Clock,
        secret: bytes,
        bookings: Bookings,
        voice: Voice,
        desk: Desk,
        agent_sessions: AgentSessions,
        archive: Archive | None = None,
    ) -> None:
        """Look after what these places keep; `secret` names causes, `archive` is the store's."""
        self._store = store
        self._runtime = runtime
        self._clock = clock
        self._secret = secret
        self._bookings = bookings
        self._voice = voice
        self._desk = desk
        self._agent_sessions = agent_sessions
        self._archive = archive
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Erasure).decode

    async def export(self, workspace: str, visitor: str) -> AsyncIterator[Line]:
        """Yield all that is kept of a person, line by line; nothing for an unknown one."""
        people = await self._people(workspace, visitor)
        sessions: set[str] = set()
        numbers: set[int] = set()
        for person in people:
            async for kept in self._store.export(workspace, person):
                if kept.kind == "session":
                    sessions.add(kept.session)
                numbers.add(_agent_session_of(kept))
                for line in lines_of(kept, person):
                    yield line
        for number in sorted(numbers - {0}):
            if agent_session := await self._agent_sessions.find(workspace, number):
                yield agent_session_line(agent_session)
        for appointment in await self._bookings.of_visitor(workspace, people, sessions):
            yield appointment_line(appointment)

    async def erase(self, workspace: str, visitor: str, *, archives: bool = False) -> int | None:
        """Remove a person and keep nothing new of them for 24 h; answer when, None for an unknown one.

        With `archives` the files of the archive are written anew without them, where there is one.

        Raises:
            StoreUnavailable: it is begun, and goes on by itself or when it is asked for again.
        """
        doc = await self._store.get_doc(workspace, _ERASURE, self._name(workspace, visitor))
        if doc is None:
            erasure = await self._begin(workspace, visitor, archives=archives)
        else:
            begun = self._decode(doc.body)
            erasure = msgspec.structs.replace(begun, archives=archives or begun.archives)
        if erasure is None:
            return None
        return await self._finish(workspace, erasure)

    async def tidy(self, workspaces: Sequence[str]) -> None:
        """Take up erasures that began and did not end."""
        for workspace in workspaces:
            for row in await self._store.list_docs(workspace, _ERASURE, limit=ERASURES_A_LOOK_MAX):
                await self._finish(workspace, self._decode(row.body))

    async def repeat(self, workspace: str, visitors: tuple[str, ...]) -> None:
        """Remove visitors again whom a fail-over of the store may have brought back; nobody is told again."""
        _, traces = await self._traces(workspace, visitors)
        await self._remove(workspace, Erasure(visitors, traces, self._clock.now_ms()))

    # ---- inside

    def _name(self, workspace: str, visitor: str) -> str:
        return derived_id("era", self._secret, workspace, visitor)

    async def _people(self, workspace: str, visitor: str) -> tuple[str, ...]:
        """List the ids of a person: the one asked for first, then the known one, then the merged ones."""
        ids = dict.fromkeys((visitor,))
        record = await self._store.visitor(workspace, visitor)
        if record is not None:
            profile = decode_profile(record.profile)
            if profile.merged_into:
                ids[profile.merged_into] = None
                known = await self._store.visitor(workspace, profile.merged_into)
                profile = profile if known is None else decode_profile(known.profile)
            ids.update(dict.fromkeys(profile.identities))
        return tuple(ids)

    async def _begin(self, workspace: str, visitor: str, *, archives: bool) -> Erasure | None:
        """Write down what is to be erased, before anything of it is gone."""
        people = await self._people(workspace, visitor)
        is_known, traces = await self._traces(workspace, people)
        is_known = is_known or bool(await self._bookings.of_visitor(workspace, people, ()))
        if not is_known and not (archives and await self._is_archived(workspace, people)):
            return None
        erasure = Erasure(people, traces, self._clock.now_ms(), archives)
        name = self._name(workspace, visitor)
        await self._store.put_doc(workspace, _ERASURE, name, self._encode(erasure), 0)
        return erasure

    async def _traces(
        self, workspace: str, people: Sequence[str]
    ) -> tuple[bool, tuple[Trace, ...]]:
        """Tell whether anything is kept of these visitors, and find their sessions."""
        numbers: dict[tuple[str, str], int] = {}
        is_known = False
        for person in people:
            async for kept in self._store.export(workspace, person):
                is_known = True
                if kept.session:
                    before = numbers.get((person, kept.session), 0)
                    numbers[person, kept.session] = before or _agent_session_of(kept)
        return is_known, tuple(Trace(*place, number) for place, number in numbers.items())

    async def _whole(self, workspace: str, erasure: Erasure) -> Erasure:
        """Let nobody join these people any more; who has joined them meanwhile goes with them.

        Another erasure of them that is under way, or broke off, may have removed what named the others.
        It wrote them down before, so that is read after the seal.

        Raises:
            StoreUnavailable: do it again.
        """
        name = self._name(workspace, erasure.visitors[0])
        for _ in range(ATTEMPTS_MAX):
            people = await seal_people(self._store, workspace, erasure.visitors)
            doc = await self._store.get_doc(workspace, _ERASURE, name)
            begun = erasure if doc is None else self._decode(doc.body)
            known = {*erasure.visitors, *begun.visitors}
            _, traces = await self._traces(workspace, [one for one in people if one not in known])
            whole = _joined(begun, erasure, people, traces)
            is_written = doc is None or whole == begun
            if is_written and len(whole.visitors) == len(people):
                return whole
            if doc is not None and not is_written:
                body = self._encode(whole)
                await self._store.put_doc(workspace, _ERASURE, name, body, doc.version)
            erasure = whole
        raise StoreUnavailable("none", retry_after_ms=_RETRY_AFTER_MS)

    async def _finish(self, workspace: str, erasure: Erasure) -> int:
        """Remove it all, and forget that it was begun."""
        erasure = await self._whole(workspace, erasure)
        await self._remove(workspace, erasure)
        await self._runtime.keep_erasure(workspace, erasure.visitors)
        await self._end(workspace, erasure)
        return erasure.begun_ms

    async def _remove(self, workspace: str, erasure: Erasure) -> None:
        """Remove it all; each part is safe to do twice."""
        for visitor in erasure.visitors:
            await self._store.erase(workspace, visitor)
            if erasure.archives and self._archive is not None:
                place = self._store.partition_of(workspace, visitor)
                await self._archive.forget(workspace, place, visitor)
        refs = [SessionRef(workspace, trace.visitor, trace.session) for trace in erasure.traces]
        for ref, trace in zip(refs, erasure.traces, strict=True):
            self._runtime.forget(ref)
            await self._desk.leave(ref)
            await self._voice.returned(ref)
            if trace.agent_session:
                await self._agent_sessions.forget(workspace, trace.agent_session)
        sessions = {trace.session for trace in erasure.traces}
        await self._bookings.forget_visitor(workspace, erasure.visitors, sessions)
        await self._store.feed_clear(workspace)

    async def _is_archived(self, workspace: str, people: Sequence[str]) -> bool:
        """Tell whether the archive holds something of a person, of whom the store need not know any more."""
        if self._archive is None:
            return False
        for visitor in people:
            place = self._store.partition_of(workspace, visitor)
            if await self._archive.holds(workspace, place, visitor):
                return True
        return False

    async def _end(self, workspace: str, erasure: Erasure) -> None:
        """Forget that it was begun and keep what is told of it, in one step.

        It is kept as the workspace's own: of the visitor nothing is kept any more.
        """
        name = self._name(workspace, erasure.visitors[0])
        doc = await self._store.get_doc(workspace, _ERASURE, name)
        if doc is None:
            return
        cause = self._cause(workspace, erasure)
        kept = StoredCause(cause.id, workspace, "", encode_cause(cause))
        done = await self._store.put_doc(
            workspace, _ERASURE, name, None, doc.version, causes=(kept,)
        )
        if not isinstance(done, DocConflict):
            self._runtime.announce((cause,))

    def _cause(self, workspace: str, erasure: Erasure) -> Cause:
        visitor, at_ms = erasure.visitors[0], erasure.begun_ms
        name = derived_id("evt", self._secret, workspace, visitor, "erased", at_ms)
        return Cause(name, at_ms, workspace, VisitorErased(), visitor)


def _joined(
    begun: Erasure, other: Erasure, people: Sequence[str], traces: Sequence[Trace]
) -> Erasure:
    """Put two accounts of one erasure together, with whom and what was found since."""
    return msgspec.structs.replace(
        begun,
        visitors=tuple(dict.fromkeys((*begun.visitors, *other.visitors, *people))),
        traces=tuple(dict.fromkeys((*begun.traces, *other.traces, *traces))),
        archives=begun.archives or other.archives,
    )


def _agent_session_of(kept: Kept) -> int:
    """Return the number of an agent session that a session's state or an entry of it names, 0 for none.

    Of a session that ended long ago only the entries are left.
    """
    if kept.kind == "session" and kept.body:
        talk = decode_session(kept.body).talk
        return 0 if talk is None else talk.agent_session
    if kept.kind == "entry":
        given = decode_entry(kept.body).given
        orders = given.orders if isinstance(given, Ordered) else ()
        return max((each.agent_session for each in orders if isinstance(each, Open)), default=0)
    return 0
