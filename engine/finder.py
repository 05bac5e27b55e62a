"""Which session a client means: its own session id, a `chat_…` id, or a visitor's latest session."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec

from engine.clock import Clock
from engine.identity import carry_spend
from engine.ids import Ids, derived_id
from engine.limits import ALIASES_MAX
from engine.openings import is_ended
from engine.profile import Profile
from engine.stepper import Stepper
from engine.stores.base import SessionRef, Store, VisitorRecord
from engine.stores.codec import decode_profile

_SERVER_PREFIX = "chat_"

OnAlias = Callable[[str, SessionRef, str | None], Awaitable[None]]
"""Takes the client's id, the session, and the one that it stood for before, which has ended."""

Wake = Callable[[SessionRef, int], Awaitable[None]]
"""Takes a session's wake-up, due at an instant; one that is wanted no more is nothing."""


class Known(msgspec.Struct, frozen=True):
    """What the store had of a visitor when it was asked; of a stranger `record` is None, the profile empty."""

    record: VisitorRecord | None
    profile: Profile


class Finder:
    """Finds sessions, and makes a session id stand for a new session when the old one has ended."""

    __slots__ = ("_aliases", "_clock", "_ids", "_secret", "_stepper", "_store", "_wake", "on_alias")

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, secret: bytes, *, stepper: Stepper, wake: Wake
    ) -> None:
        """Look in `store`; a bounded number of answers is remembered."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._secret = secret
        self._stepper = stepper
        self._wake = wake
        self._aliases: OrderedDict[tuple[str, str], SessionRef] = OrderedDict()
        self.on_alias: OnAlias | None = None
        """Awaited when a client's own id came to stand for a session that was made for it."""

    async def know(self, workspace: str, visitor: str) -> Known:
        """Read what the store has of a visitor, for those who ask for more than one thing at once."""
        record = await self._store.visitor(workspace, visitor)
        return Known(record, Profile(visitor) if record is None else decode_profile(record.profile))

    async def resolve(
        self, workspace: str, alias: str, visitor: str | None, known: Known | None = None
    ) -> SessionRef:
        """Return the live session that a client's own id stands for, making it when needed.

        Without a visitor id the visitor is derived from the alias, the same each time; `known` is what was
        read of the visitor just now.
        """
        place = (workspace, alias)
        ref = self._aliases.get(place)
        if ref is None and alias.startswith(_SERVER_PREFIX):
            ref = await self._store.find(workspace, alias)
        if ref is not None and not await self._has_ended(ref):
            return self._remember(place, ref)
        if visitor is None:
            # An id that is derived from a new alias belongs to nobody yet: there is nothing to ask for.
            owner = derived_id("vis", self._secret, *place)
        else:
            known = known or await self.know(workspace, visitor)
            owner = known.profile.merged_into or visitor
        fresh = SessionRef(workspace, owner, self._ids.make("chat"))
        ref = await self._store.resolve(alias, fresh)
        ended = None
        if ref != fresh and await self._has_ended(ref):
            owner = await self.owner(workspace, visitor or ref.visitor)
            await self._leave(ref, owner)
            fresh, ended = SessionRef(workspace, owner, fresh.session), ref.session
            ref = await self._store.resolve(alias, fresh, ended=ended)
        elif ref == fresh and known is not None and owner == visitor:
            self._stepper.note_absent(ref, known.record)
        if ref == fresh and self.on_alias is not None:
            await self.on_alias(alias, ref, ended)
        return self._remember(place, ref)

    async def find_in_hand(self, workspace: str, alias: str) -> SessionRef | None:
        """Return the session that a client's own id stands for and that goes on, as far as is known here."""
        ref = self._aliases.get((workspace, alias))
        return None if ref is None or await self._has_ended(ref) else ref

    async def find(self, workspace: str, session_id: str) -> SessionRef | None:
        """Return a session by its `chat_…` id or a client's own id, ended ones too."""
        if session_id.startswith(_SERVER_PREFIX):
            return await self._store.find(workspace, session_id)
        ref = await self.find_in_hand(workspace, session_id)
        return ref or await self._store.find_alias(workspace, session_id)

    async def owner(self, workspace: str, visitor: str) -> str:
        """Return the visitor whose sessions a visitor's id makes: the known one that it turned out to be."""
        return (await self.know(workspace, visitor)).profile.merged_into or visitor

    async def latest(
        self, workspace: str, visitor: str, source: str = "", known: Known | None = None
    ) -> SessionRef | None:
        """Return a visitor's newest session that has not ended, on one site when it is given.

        A merged visitor's are those of the known one, whose list has the merged ones' too. `known` is what
        was read of the visitor just now.
        """
        profile = (known or await self.know(workspace, visitor)).profile
        if profile.merged_into:
            visitor = profile.merged_into
            profile = (await self.know(workspace, visitor)).profile
        for session_id in reversed(profile.sessions):
            ref = SessionRef(workspace, visitor, session_id)
            if profile.identities:
                # A session from before a merge is kept under the visitor's older id.
                ref = await self._store.find(workspace, session_id) or ref
            session = await self._stepper.peek(ref)
            if session is None or (source and session.source != source):
                continue
            if session.talk is not None and session.talk.agent_session:
                # A call with an agent is no place for what a website has to say.
                continue
            if not is_ended(session, self._clock.now_ms()):
                return ref
            if not profile.identities:
                # One list is in the order of time: what stands before an ended session ended before.
                return None
        return None

    def forget(self, workspace: str, visitor: str) -> None:
        """Remember no session of a visitor."""
        gone = [
            place
            for place, ref in self._aliases.items()
            if (ref.workspace, ref.visitor) == (workspace, visitor)
        ]
        for place in gone:
            del self._aliases[place]

    async def _has_ended(self, ref: SessionRef) -> bool:
        now_ms = self._clock.now_ms()
        session = self._stepper.session_in_hand(ref)
        if session is None or (self._store.is_shared and is_ended(session, now_ms)):
            # What is in memory here may have gone on at another worker.
            session = await self._stepper.peek(ref)
        return session is not None and is_ended(session, now_ms)

    async def _leave(self, ref: SessionRef, owner: str) -> None:
        """Bring what an ended session knew to the profile that the visitor's next one begins with.

        Mostly its last wake-up has done so long ago.
        """
        session = await self._stepper.peek(ref)
        if session is not None and not session.closed:
            await self._wake(ref, session.wake_ms)
        if owner != ref.visitor:
            await carry_spend(self._store, ref.workspace, ref.visitor)

    def _remember(self, place: tuple[str, str], ref: SessionRef) -> SessionRef:
        self._aliases[place] = ref
        if len(self._aliases) > ALIASES_MAX:
            self._aliases.popitem(last=False)
        return ref
