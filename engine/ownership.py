"""Which partitions this worker looks after: those that are its own among the workers that live.

Nobody takes or gives back a partition: whoever hears the same names knows the same owners
(`engine.rendezvous`). While two workers have heard different ones, a partition has two owners or none for
a heartbeat; two owners at once cost time and nothing else. So who gets no answer keeps what it has: the
names lie on one server, and its partitions on all of them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from engine.errors import StoreUnavailable
from engine.rendezvous import owners
from engine.stores.base import Store

_log = logging.getLogger("opportune.ownership")


class Timings(msgspec.Struct, frozen=True):
    """How often what is done, in seconds.

    A worker lives for `life_s` after a heartbeat, so that four may be late or lost. After its death the
    others know within `life_s` + `beat_s`, and its wake-ups come within 2 s (R8). A worker that gets no
    answer goes on with its partitions for `kept_s` after its latest heartbeat; then it is the one that
    is cut off, for all it knows, and others do its work.
    """

    beat_s: float = 0.25
    life_s: float = 1.25
    kept_s: float = 300.0
    exchange_s: float = 1.0


OnChange = Callable[[frozenset[int], frozenset[int]], None]
"""Called on the loop with the partitions gained and those lost; returns at once and raises nothing."""


class Ownership:
    """The partitions that are this worker's now. In a store of one process all are, for ever.

    `start` keeps it going by itself; a caller on a clock of its own calls `beat`, `look` and `exchange`.
    """

    def __init__(
        self,
        store: Store,
        worker: str,
        about: Callable[[], bytes],
        *,
        timings: Timings = Timings(),  # noqa: B008  # frozen
        time_s: Callable[[], float] | None = None,
    ) -> None:
        """Look after partitions of `store` as `worker`.

        Args:
            about: says what the other workers are to know.
            timings: how often what is done.
            time_s: a monotonic clock in seconds, the loop's when left out.
        """
        self._store = store
        self._worker = worker
        self._about = about
        self._timings = timings
        self._time_s = time_s or (lambda: asyncio.get_running_loop().time())
        # As of the latest heartbeat: who owns partitions, which are this worker's, and until when without another.
        self._names = frozenset[str]()
        self._share = frozenset[int]()
        self._until_s = float("-inf")
        self._is_taking = True
        self._watched = frozenset[int]()
        self._unheard = frozenset[int]()
        self._has_changed = asyncio.Event()
        self._hearers: list[OnChange] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._lapse: asyncio.TimerHandle | None = None
        self.mine = frozenset(range(store.partitions)) if not store.is_shared else frozenset[int]()
        self.on_heard: Callable[[list[bytes]], None] | None = None
        """Called on the loop after each exchange with what the other living workers say."""

    def on_change(self, hear: OnChange) -> None:
        """Call `hear` when partitions come or go, and now when there are any."""
        self._hearers.append(hear)
        if self.mine:
            hear(self.mine, frozenset())

    async def start(self) -> None:
        """Say that this worker lives, look after what is its own, and go on so."""
        if not self._store.is_shared or self._tasks:
            return
        with suppress(StoreUnavailable):
            await self.beat()
            await self.exchange()
            await self.look()
        loop, timings = asyncio.get_running_loop(), self._timings
        self._tasks = [
            loop.create_task(self._repeat(self.beat, timings.beat_s), name="heartbeat"),
            loop.create_task(self._repeat(self.exchange, timings.exchange_s), name="exchange"),
            loop.create_task(self._keep_looking(), name="ownership"),
        ]
        self._arm()

    async def release(self) -> None:
        """Own nothing any more, and let the others know; the worker lives on."""
        if not self._store.is_shared or not self._is_taking:
            return
        self._is_taking = False
        self._settle()
        with suppress(StoreUnavailable):
            await self.beat()

    async def stop(self) -> None:
        """Own nothing any more and leave; a second call changes nothing."""
        if not self._store.is_shared:
            return
        self._is_taking = False
        self._settle()
        await self._end_tasks()
        with suppress(StoreUnavailable):
            await self._store.leave(self._worker)

    # ---- one round

    async def beat(self) -> None:
        """Say that this worker lives, and take what is its own among those who do.

        Raises:
            StoreUnavailable: nobody may have heard it; what is its own stays so for a while.
        """
        sent_s, life_s = self._time_s(), self._timings.life_s
        names = await self._store.heartbeat(
            self._worker, round(life_s * 1_000), owns=self._is_taking
        )
        if names != self._names:
            self._names = names
            named = enumerate(owners(self._store.partitions, names))
            self._share = frozenset(number for number, name in named if name == self._worker)
        self._until_s = sent_s + self._timings.kept_s
        self._settle()
        self._arm()

    async def exchange(self) -> None:
        """Tell the other workers what they are to know, and hear what they say.

        Raises:
            StoreUnavailable: they may not have been told.
        """
        said = await self._store.exchange(self._worker, self._about())
        said.pop(self._worker, None)
        if self.on_heard is not None:
            self.on_heard(list(said.values()))

    async def look(self) -> None:
        """Hear of work in the partitions that are one's own now; who gained them looks at them then.

        Raises:
            StoreUnavailable: work may go unheard; those who gained partitions look at them all the same.
        """
        mine, gained = self.mine, self._unheard
        if mine == self._watched and not gained:
            return
        try:
            await self._store.watch(self._worker, mine)
            self._watched = mine
            self._unheard -= gained
        finally:
            if gained := gained & self.mine:
                self._tell(gained, frozenset())

    # ---- inside

    async def _repeat(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        is_answered = True
        while True:
            await asyncio.sleep(every_s)
            try:
                await work()
                is_answered = True
            except StoreUnavailable:
                if is_answered:
                    _log.warning("the store does not answer for the ownership of partitions")
                is_answered = False
            except Exception:  # noqa: BLE001  # whatever it was, the next round comes
                _log.exception("a round of ownership failed")

    async def _keep_looking(self) -> None:
        while True:
            await self._has_changed.wait()
            self._has_changed.clear()
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001  # whatever it was, it is looked again
                if not isinstance(error, StoreUnavailable):
                    _log.exception("work in partitions could not be heard of")
                await asyncio.sleep(self._timings.beat_s)
                self._has_changed.set()

    def _settle(self) -> None:
        """Own what the latest heartbeat made one's own, unless it is too long ago."""
        is_kept = self._is_taking and self._time_s() < self._until_s
        mine = self._share if is_kept else frozenset[int]()
        gained, lost = mine - self.mine, self.mine - mine
        self.mine = mine
        self._unheard = (self._unheard | gained) & mine
        if gained or lost:
            self._has_changed.set()
        if lost:
            self._tell(frozenset(), lost)

    def _tell(self, gained: frozenset[int], lost: frozenset[int]) -> None:
        for hear in tuple(self._hearers):
            hear(gained, lost)

    def _arm(self) -> None:
        """See to it that partitions are given up on time also while the store does not answer."""
        if self._lapse is not None:
            self._lapse.cancel()
            self._lapse = None
        if self._tasks and self.mine:
            left_s = max(0.0, self._until_s - self._time_s())
            self._lapse = asyncio.get_running_loop().call_later(left_s, self._give_up)

    def _give_up(self) -> None:
        self._lapse = None
        self._settle()
        self._arm()

    async def _end_tasks(self) -> None:
        if self._lapse is not None:
            self._lapse.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
