"""All that a memory store holds, and what each of its parts stands on."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

from engine.errors import StoreUnavailable
from engine.stores.base import Durability, Retention, SessionRef
from engine.stores.feed import Feeds
from engine.stores.hints import Hints
from engine.stores.locks import Leases
from engine.stores.memory.answers import Answers
from engine.stores.memory.deliveries import Deliveries
from engine.stores.memory.journal import MemoryJournal
from engine.stores.memory.tables import Tables
from engine.stores.partitions import digest_of, partition_of
from engine.stores.rates import Rates
from engine.stores.workers import Workers
from engine.wakeups import Wheel


class MemoryState:
    """Everything but who looks at it: one store has it alone, or the views of several workers share it."""

    def __init__(
        self,
        clock: Callable[[], int],
        retention: Retention,
        journal_bytes_max: int,
        partitions: int,
    ) -> None:
        """Start empty; `clock` answers Unix milliseconds."""
        self._clock = clock
        self.now_ms = clock()
        self.retention = retention
        self.partitions = partitions
        self.tables = Tables(MemoryJournal(journal_bytes_max), partitions)
        self.wheels = [Wheel() for _ in range(partitions)]
        # By partition: the `next_ms` that its latest `claim_due` answered, or what was earlier since.
        self.next_ms: list[int | None] = [None] * partitions
        self.deliveries = Deliveries(partitions)
        self.answers = Answers()
        self.rates = Rates()
        self.feeds = Feeds(self.now_ms)
        self.leases = Leases()
        self.workers = Workers()

    def tick(self) -> int:
        """Tell the time, which never steps back."""
        self.now_ms = max(self._clock(), self.now_ms)
        return self.now_ms

    def partition_of(self, workspace: str, visitor: str) -> int:
        """See `Store.partition_of`."""
        if self.partitions == 1:
            return 0
        return partition_of(digest_of(workspace, visitor), self.partitions)


class MemoryPart:
    """One worker's look at the state; the parts of a store are subclasses side by side."""

    durability: Durability = "D0"
    is_shared: bool = False

    def __init__(self, state: MemoryState) -> None:
        """Look at a state that others may look at too."""
        self.partitions = state.partitions
        self.on_earlier_wake: Callable[[int, int], None] | None = None
        self.on_work: Callable[[int], None] | None = None
        self._state = state
        self._tables = state.tables
        self._hints = Hints()
        self._closed = False

    def partition_of(self, workspace: str, visitor: str = "") -> int:
        """See `Store.partition_of`."""
        return self._state.partition_of(workspace, visitor)

    async def watch(self, worker: str, partitions: AbstractSet[int]) -> None:
        """See `Store.watch`; within one process there is nobody else to hear of."""
        self._check_open()

    async def lineages(self) -> tuple[str, ...]:
        """See `Store.lineages`."""
        return ("",) * self.partitions

    async def now(self) -> int:
        """See `Store.now`."""
        return self._state.tick()

    def _tell_earlier(self, partition: int, due_ms: int) -> None:
        """Tell of a wake-up before all that were known."""
        if self.on_earlier_wake is not None:
            self.on_earlier_wake(partition, due_ms)

    def _tell_work(self, partition: int) -> None:
        """Tell the other workers of causes or deliveries."""

    def _tell_messages(self, ref: SessionRef, epoch: str, offset: int) -> None:
        """Tell those who are connected to a session of its messages."""
        self._hints.announce(ref, epoch, offset)

    def _tell_feed(self, workspace: str, offset: int) -> None:
        """Tell those who watch a workspace's feed of an event."""
        self._hints.announce_feed(workspace, offset)

    def _count_sockets(self, ref: SessionRef) -> int:
        return self._hints.count(ref, self._state.workers.gone(self._state.tick()))

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("none", 1_000, "the store is closed")
