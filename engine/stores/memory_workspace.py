"""What `memory:` keeps of a workspace besides its sessions: visitors, documents, places, causes, counters."""

from collections.abc import Callable, Iterable, Sequence

from engine.errors import StoreUnavailable
from engine.limits import CAUSES_LEN_MAX, CAUSES_ROWS_MAX, DOCS_ROWS_MAX
from engine.stores.base import (
    Begun,
    Count,
    Doc,
    DocConflict,
    FeedPage,
    InProgress,
    KeyReused,
    NamedDoc,
    RateAnswer,
    RateAsk,
    Replayed,
    StoredCause,
    VisitorRecord,
)
from engine.stores.feed import Feeds
from engine.stores.head import check_profile_size
from engine.stores.memory_answers import Answers
from engine.stores.memory_tables import KeptProfile, Tables
from engine.stores.rates import Rates


class MemoryWorkspace:
    """The part of `Store` that no session is needed for."""

    def __init__(self, clock: Callable[[], int], tables: Tables) -> None:
        """Start empty; `clock` answers Unix milliseconds."""
        self._clock = clock
        self._now_ms = clock()
        self._tables = tables
        self._answers = Answers()
        self._rates = Rates()
        self._feeds = Feeds(self._now_ms)
        self._closed = False

    async def visitor(self, workspace: str, visitor: str) -> VisitorRecord | None:
        """See `Store.visitor`."""
        self._check_open()
        found = self._tables.profile(workspace, visitor)
        return None if found is None else VisitorRecord(found.version, found.profile)

    async def put_profile(
        self, workspace: str, visitor: str, profile: bytes, expect: int
    ) -> int | VisitorRecord | None:
        """See `Store.put_profile`."""
        self._check_open()
        check_profile_size(profile)
        found = self._tables.profile(workspace, visitor)
        if expect != (0 if found is None else found.version):
            return None if found is None else VisitorRecord(found.version, found.profile)
        of_one = self._tables.profiles.setdefault(workspace, {})
        of_one[visitor] = KeptProfile(expect + 1, profile, self._tick())
        return expect + 1

    async def get_doc(self, workspace: str, kind: str, name: str) -> Doc | None:
        """See `Store.get_doc`."""
        self._check_open()
        return self._tables.docs.get(workspace, kind, name)

    async def put_doc(
        self,
        workspace: str,
        kind: str,
        name: str,
        body: bytes | None,
        expect: int,
        *,
        causes: tuple[StoredCause, ...] = (),
    ) -> int | DocConflict:
        """See `Store.put_doc`."""
        self._check_open()
        self._check_causes(causes)
        version = self._tables.docs.put((workspace, kind, name), body, expect)
        if isinstance(version, int):
            self._keep_causes(causes)
        return version

    async def list_docs(
        self, workspace: str, kind: str, before: str | None = None, limit: int = 100
    ) -> tuple[NamedDoc, ...]:
        """See `Store.list_docs`."""
        self._check_open()
        return self._tables.docs.below(workspace, kind, before, min(limit, DOCS_ROWS_MAX))

    async def book(self, workspace: str, place: str, booking: str, capacity: int) -> bool:
        """See `Store.book`."""
        self._check_open()
        taken = self._tables.bookings.get((workspace, place), {})
        if booking not in taken and len(taken) >= capacity:
            return False
        taken.setdefault(booking, self._tick())
        self._tables.bookings[workspace, place] = taken
        return True

    async def unbook(self, workspace: str, place: str, booking: str) -> bool:
        """See `Store.unbook`."""
        self._check_open()
        taken = self._tables.bookings.get((workspace, place), {})
        if booking not in taken:
            return False
        del taken[booking]
        if not taken:
            del self._tables.bookings[workspace, place]
        return True

    async def booked(self, workspace: str, first: str, last: str) -> dict[str, int]:
        """See `Store.booked`."""
        self._check_open()
        return {
            place: len(taken)
            for (of_one, place), taken in self._tables.bookings.items()
            if of_one == workspace and first <= place <= last
        }

    async def keep_causes(self, causes: Sequence[StoredCause]) -> None:
        """See `Store.keep_causes`."""
        self._check_open()
        self._check_causes(causes)
        self._keep_causes(causes)

    async def take_causes(self, limit: int = 256) -> list[StoredCause]:
        """See `Store.take_causes`."""
        self._check_open()
        kept = iter(self._tables.causes.values())
        return [cause for cause, _ in zip(kept, range(min(limit, CAUSES_ROWS_MAX)), strict=False)]

    async def settle_causes(self, ids: Sequence[str]) -> None:
        """See `Store.settle_causes`."""
        self._check_open()
        for name in ids:
            self._tables.causes.pop(name, None)

    async def feed_add(self, workspace: str, event: str, body: bytes) -> int:
        """See `Store.feed_add`."""
        self._check_open()
        return self._feeds.add(workspace, event, body)

    async def feed_after(
        self, workspace: str, epoch: str | None, after: int, limit: int = 256
    ) -> FeedPage:
        """See `Store.feed_after`."""
        self._check_open()
        return self._feeds.after(workspace, epoch, after, limit)

    async def counts(self, workspace: str, days: Sequence[str], prefix: str) -> dict[str, int]:
        """See `Store.counts`."""
        self._check_open()
        sums: dict[str, int] = {}
        for day in dict.fromkeys(days):
            for name, number in self._tables.counters.get((workspace, day), {}).items():
                if name.startswith(prefix):
                    sums[name] = sums.get(name, 0) + number
        return sums

    async def rate(self, asks: Sequence[RateAsk]) -> RateAnswer:
        """See `Store.rate`."""
        self._check_open()
        return self._rates.count(asks, self._tick())

    async def idem_begin(
        self, key: bytes, body_sha256: bytes, *, lock_ms: int = 30_000
    ) -> Begun | InProgress | Replayed | KeyReused:
        """See `Store.idem_begin`."""
        self._check_open()
        return self._answers.begin(key, body_sha256, self._tick(), lock_ms)

    async def idem_end(
        self, key: bytes, body_sha256: bytes, answer: tuple[int, bytes] | None
    ) -> None:
        """See `Store.idem_end`."""
        self._check_open()
        self._answers.end(key, body_sha256, self._tick(), answer)

    async def now(self) -> int:
        """See `Store.now`."""
        return self._tick()

    def _keep_causes(self, causes: Sequence[StoredCause]) -> None:
        for cause in causes:
            self._tables.causes.setdefault(cause.id, cause)

    def _add_counts(self, workspace: str, counts: Iterable[Count]) -> None:
        for count in counts:
            of_day = self._tables.counters.setdefault((workspace, count.day), {})
            of_day[count.name] = of_day.get(count.name, 0) + count.number

    def _check_causes(self, causes: Sequence[StoredCause]) -> None:
        if causes and len(self._tables.causes) >= CAUSES_LEN_MAX:
            raise StoreUnavailable("none", 1_000, "too many causes wait to be told")

    def _tick(self) -> int:
        now_ms = self._clock()
        self._now_ms = max(now_ms, self._now_ms)
        return self._now_ms

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("none", 1_000, "the store is closed")
