"""Sessions in hand: the decoded value, the versions the store knows, and a bound on how many."""

import asyncio
from collections import OrderedDict, deque
from types import TracebackType

import msgspec

from engine.errors import StoreContended, StoreUnavailable
from engine.profile import Profile
from engine.session import Session
from engine.stores.base import Loaded, SessionRef

VACANCIES_MAX = 1_024
"""Sessions that were looked for in vain and are remembered; for one that left, the store is asked again.
test_the_session_looked_for_longest_ago_in_vain_is_looked_for_again"""


class HotSession(msgspec.Struct):
    """One session in memory with the versions that its next commit expects.

    `is_rolled_back`: the store has lost commits that this worker knew of; the next commit begins another
    sequence of messages, so that sockets notice. `is_confirmed`: its version is durable, and not only read.
    `is_moved`: it is under other rules than its latest commit says. `epoch` names its sequence of messages, ""
    while that is not known here. `committed_ms` is when this worker committed it last, 0 when it never did.
    """

    session: Session
    profile: Profile
    version: int
    profile_version: int
    epoch: str
    is_rolled_back: bool = False
    is_confirmed: bool = False
    is_moved: bool = False
    committed_ms: int = 0


class HotSessions:
    """The sessions used last; one that is not here is read from the store again, never a wrong one."""

    __slots__ = ("_entries", "_limit")

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` sessions."""
        self._entries: OrderedDict[SessionRef, HotSession] = OrderedDict()
        self._limit = limit

    def __len__(self) -> int:
        """Return how many sessions are in hand."""
        return len(self._entries)

    def get(self, ref: SessionRef) -> HotSession | None:
        """Return a session in hand and note its use."""
        entry = self._entries.get(ref)
        if entry is not None:
            self._entries.move_to_end(ref)
        return entry

    def put(self, ref: SessionRef, entry: HotSession) -> None:
        """Take a session in hand; the one used longest ago leaves."""
        self._entries[ref] = entry
        self._entries.move_to_end(ref)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def drop(self, ref: SessionRef) -> None:
        """Forget a session whose commit failed: its value may hold what was never committed."""
        self._entries.pop(ref, None)


class Vacancies:
    """Sessions that were looked for and do not exist, with what the store has of their visitor.

    Who opens one next need not ask for the same again. It may be out of date: the commit checks that, as it
    does for a session in hand.
    """

    __slots__ = ("_found",)

    def __init__(self) -> None:
        """Know of none."""
        self._found: dict[SessionRef, Loaded] = {}

    def __contains__(self, ref: SessionRef) -> bool:
        """Tell whether a session did not exist when it was looked for last."""
        return ref in self._found

    def note(self, ref: SessionRef, loaded: Loaded) -> None:
        """Keep what the store said when it had no such session; the oldest of too many leaves."""
        self._found.pop(ref, None)
        self._found[ref] = loaded
        if len(self._found) > VACANCIES_MAX:
            del self._found[next(iter(self._found))]

    def take(self, ref: SessionRef) -> Loaded | None:
        """Return what is known of a session's visitor, to begin the session; the next one asks anew."""
        return self._found.pop(ref, None)

    def forget(self, workspace: str, visitor: str) -> None:
        """Keep nothing that the store said of a visitor."""
        gone = [ref for ref in self._found if (ref.workspace, ref.visitor) == (workspace, visitor)]
        for ref in gone:
            del self._found[ref]


Waiting = dict[SessionRef, deque[asyncio.Future[None]] | None]
"""Sessions whose turn is taken, with those who wait for it; None while nobody does."""


class Turns:
    """One turn a session: its steps run one after another, those of other sessions side by side.

    `async with turns.take(ref): ...`. First come, first served; free turns take no memory. When a turn
    ends because the store is away, who waited for it is told so too: else each would wait for its own turn
    and then for the store, far longer than a request may be open (STORES.md 12).
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        """Start with every turn free."""
        self._waiting: Waiting = {}

    def is_taken(self, ref: SessionRef) -> bool:
        """Tell whether a step of the session is under way."""
        return ref in self._waiting

    def take(self, ref: SessionRef) -> "_Turn":
        """Return the context in which the session is the caller's."""
        return _Turn(self._waiting, ref)


class _Turn:
    __slots__ = ("_ref", "_waiting")

    def __init__(self, waiting: Waiting, ref: SessionRef) -> None:
        self._waiting = waiting
        self._ref = ref

    async def __aenter__(self) -> None:
        waiting = self._waiting
        if self._ref not in waiting:
            waiting[self._ref] = None
            return
        queue = waiting[self._ref]
        if queue is None:
            queue = waiting[self._ref] = deque()
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # It came as this was given up; one that was turned away has no turn to pass on.
                if place.exception() is None:
                    self._pass_on()
            elif place in queue:
                # Whoever ended a turn since the place was given up has passed it over already.
                queue.remove(place)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if isinstance(error, StoreUnavailable) and not isinstance(error, StoreContended):
            self._turn_away(error.retry_after_ms)
        self._pass_on()

    def _turn_away(self, retry_after_ms: int) -> None:
        queue = self._waiting[self._ref]
        while queue:
            place = queue.popleft()
            if not place.done():
                place.set_exception(StoreUnavailable("none", retry_after_ms))

    def _pass_on(self) -> None:
        queue = self._waiting[self._ref]
        while queue:
            place = queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        del self._waiting[self._ref]
