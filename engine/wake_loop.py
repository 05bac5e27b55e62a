"""The loop that takes wake-ups from the store when they are due: it sleeps, it does not poll.

Each partition that is this worker's has its own next look; claims of several run side by side.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress

from engine.errors import StoreUnavailable
from engine.limits import WAKE_RETRY_MS, WAKES_AT_ONCE_MAX
from engine.position_checks import next_check_s
from engine.stores.base import Due, SessionRef, Store

CLAIM_LEN = 64
"""Wake-ups of one partition that are claimed at once in a shared store."""

assert CLAIM_LEN <= WAKES_AT_ONCE_MAX

_log = logging.getLogger("opportune.wakes")


class WakeLoop:
    """Claims due sessions and lets `wake(ref, due_ms)` take each; idle CPU is zero with nothing due."""

    def __init__(
        self,
        store: Store,
        wake: Callable[[SessionRef, int], Awaitable[None]],
        owned: Callable[[], frozenset[int]] | None = None,
    ) -> None:
        """Claim from the partitions `owned` of `store`, all when left out; nothing runs before `start`."""
        self._store = store
        self._wake = wake
        self._owned = owned or (lambda: frozenset(range(store.partitions)))
        self._claim_len = CLAIM_LEN if store.is_shared else WAKES_AT_ONCE_MAX
        # By partition: the instant of the loop's clock at which it is to be asked.
        self._look_s: dict[int, float] = {}
        self._claiming: set[int] = set()
        self._in_flight = 0
        self._ahead_ms: float | None = None
        self._changed = asyncio.Event()
        self._freed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._works: set[asyncio.Task[None]] = set()
        self.late_ms_max = 0

    def start(self) -> None:
        """Begin on the running loop."""
        self._store.on_earlier_wake = self._note_earlier
        self._task = asyncio.get_running_loop().create_task(self._run(), name="wake-ups")
        self.change(self._owned(), frozenset())

    async def stop(self) -> None:
        """End after the wake-ups under way."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
            self.change(frozenset(), frozenset(self._look_s))
            self._freed.set()
        while self._works:
            await asyncio.wait(tuple(self._works))

    def change(self, gained: frozenset[int], lost: frozenset[int]) -> None:
        """Look at once at partitions that this worker gained, and no more at those that it lost."""
        for partition in lost:
            self._look_s.pop(partition, None)
        if self._task is not None:
            self._look_s.update(dict.fromkeys(gained, -math.inf))
        self._changed.set()

    async def take_due(self) -> int | None:
        """Take what is due now; returns the milliseconds until the next one, None for nothing pending."""
        owned = sorted(self._owned())
        pauses = await asyncio.gather(*(self._take_from(partition) for partition in owned))
        return min((pause for pause in pauses if pause is not None), default=None)

    # ---- inside

    async def _take_from(self, partition: int) -> int | None:
        due = await self._claim(partition)
        await asyncio.gather(*(self._take(ref, at_ms) for ref, at_ms in due.sessions))
        if len(due.sessions) == self._claim_len:
            return 0
        if due.next_ms is None:
            return None
        return max(0, due.next_ms - await self._store.now())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            now_s = loop.time()
            next_s = math.inf
            for partition, at_s in tuple(self._look_s.items()):
                if partition in self._claiming:
                    continue
                if at_s <= now_s:
                    self._claiming.add(partition)
                    self._work(self._serve(partition))
                else:
                    next_s = min(next_s, at_s)
            await self._sleep(next_s)

    async def _sleep(self, until_s: float) -> None:
        if until_s == math.inf:
            await self._changed.wait()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until_s):
                await self._changed.wait()

    async def _serve(self, partition: int) -> None:
        """Claim once from a partition, begin what is due, and say when to look again."""
        loop = asyncio.get_running_loop()
        try:
            await self._room()
            if partition not in self._look_s:
                return
            # What is hinted from here on is after this claim, or harmlessly before it.
            self._look_s[partition] = math.inf
            self._look_again(partition, await self._begin_due(partition))
        except StoreUnavailable:
            self._look_again(partition, loop.time() + WAKE_RETRY_MS / 1_000)
        except Exception:  # noqa: BLE001  # whatever it was, the next look comes
            _log.exception("wake-ups could not be claimed")
            self._look_again(partition, loop.time() + WAKE_RETRY_MS / 1_000)
        finally:
            self._claiming.discard(partition)
            self._changed.set()

    async def _begin_due(self, partition: int) -> float:
        """Claim what is due and begin it; returns the instant of the loop's clock of the next look."""
        self._in_flight += self._claim_len
        begun = 0
        try:
            due = await self._claim(partition)
            begun = len(due.sessions)
        finally:
            self._free(self._claim_len - begun)
        for ref, at_ms in due.sessions:
            self._work(self._take_one(ref, at_ms))
        now_s = asyncio.get_running_loop().time()
        self._ahead_ms = due.now_ms - now_s * 1_000
        if begun == self._claim_len:
            return now_s
        check_s = next_check_s(partition, now_s) if self._store.is_shared else math.inf
        if due.next_ms is None:
            return check_s
        return min(now_s + max(0, due.next_ms - due.now_ms) / 1_000, check_s)

    async def _claim(self, partition: int) -> Due:
        due = await self._store.claim_due(partition, limit=self._claim_len)
        if due.sessions:
            self.late_ms_max = max(self.late_ms_max, due.now_ms - due.sessions[0][1])
        return due

    async def _room(self) -> None:
        """Wait until a whole claim can be taken."""
        while self._task is not None and self._in_flight + self._claim_len > WAKES_AT_ONCE_MAX:
            self._freed.clear()
            await self._freed.wait()

    def _free(self, count: int) -> None:
        self._in_flight -= count
        self._freed.set()

    async def _take_one(self, ref: SessionRef, due_ms: int) -> None:
        try:
            await self._take(ref, due_ms)
        finally:
            self._free(1)

    async def _take(self, ref: SessionRef, due_ms: int) -> None:
        try:
            await self._wake(ref, due_ms)
        except StoreUnavailable:
            # The claim's lease ends and the session falls due again: nothing is lost.
            _log.warning("a wake-up waits: the store is unavailable")
        except Exception:  # noqa: BLE001  # one session's bug must not stop the others' wake-ups
            _log.exception("a wake-up failed; it falls due again when its claim ends")

    def _note_earlier(self, partition: int, due_ms: int) -> None:
        at_s = -math.inf if self._ahead_ms is None else (due_ms - self._ahead_ms) / 1_000
        self._look_again(partition, at_s)
        self._changed.set()

    def _look_again(self, partition: int, at_s: float) -> None:
        if partition in self._look_s:
            self._look_s[partition] = min(self._look_s[partition], at_s)

    def _work(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._works.add(task)
        task.add_done_callback(self._works.discard)
