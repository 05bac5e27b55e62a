"""Which session a client means: its own session id, a `chat_…` id, or a visitor's latest session."""

from collections import OrderedDict

from engine.clock import Clock
from engine.ids import Ids, derived_id
from engine.limits import ALIASES_MAX
from engine.openings import is_ended
from engine.stepper import Stepper
from engine.stores.base import SessionRef, Store
from engine.stores.codec import decode_profile

_SERVER_PREFIX = "chat_"


class Finder:
    """Finds sessions, and makes a session id stand for a new session when the old one has ended."""

    __slots__ = ("_aliases", "_clock", "_ids", "_secret", "_stepper", "_store")

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, secret: bytes, stepper: Stepper
    ) -> None:
        """Look in `store`; a bounded number of answers is remembered."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._secret = secret
        self._stepper = stepper
        self._aliases: OrderedDict[tuple[str, str], SessionRef] = OrderedDict()

    async def resolve(self, workspace: str, alias: str, visitor: str | None) -> SessionRef:
        """Return the live session that a client's own id stands for, making it when needed.

        Without a visitor id the visitor is derived from the alias, the same each time.
        """
        place = (workspace, alias)
        ref = self._aliases.get(place)
        if ref is None and alias.startswith(_SERVER_PREFIX):
            ref = await self._store.find(workspace, alias)
        if ref is not None and not await self._has_ended(ref):
            return self._remember(place, ref)
        fresh = SessionRef(workspace, self._visitor(place, visitor), self._ids.make("chat"))
        ref = await self._store.resolve(alias, fresh)
        if ref != fresh and await self._has_ended(ref):
            fresh = SessionRef(workspace, visitor or ref.visitor, fresh.session)
            ref = await self._store.resolve(alias, fresh, ended=ref.session)
        return self._remember(place, ref)

    async def find(self, workspace: str, session_id: str) -> SessionRef | None:
        """Return a session by its `chat_…` id or a client's own id, ended ones too."""
        if session_id.startswith(_SERVER_PREFIX):
            return await self._store.find(workspace, session_id)
        return await self._store.find_alias(workspace, session_id)

    async def latest(self, workspace: str, visitor: str, source: str = "") -> SessionRef | None:
        """Return a visitor's newest session that has not ended, on one site when it is given."""
        record = await self._store.visitor(workspace, visitor)
        if record is None:
            return None
        for session_id in reversed(decode_profile(record.profile).sessions):
            ref = SessionRef(workspace, visitor, session_id)
            session = await self._stepper.peek(ref)
            if session is None or (source and session.source != source):
                continue
            return None if is_ended(session, self._clock.now_ms()) else ref
        return None

    def _visitor(self, place: tuple[str, str], visitor: str | None) -> str:
        return visitor or derived_id("vis", self._secret, *place)

    async def _has_ended(self, ref: SessionRef) -> bool:
        session = self._stepper.session_in_hand(ref) or await self._stepper.peek(ref)
        return session is not None and is_ended(session, self._clock.now_ms())

    def _remember(self, place: tuple[str, str], ref: SessionRef) -> SessionRef:
        self._aliases[place] = ref
        if len(self._aliases) > ALIASES_MAX:
            self._aliases.popitem(last=False)
        return ref
