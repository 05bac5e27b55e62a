"""The outbox: every cause is told to all who must hear of it, at least once, then settled.

Live causes come from the runtime right after their commit. The store keeps each one until it is settled,
so what a crash, a full queue or a failing hearer left untold is read from there, in the order it was kept.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from engine.causes import Cause, FollowUp, decode_cause
from engine.errors import StoreUnavailable
from engine.limits import CAUSES_ROWS_MAX
from engine.outbox.follow_ups import OPEN_MAX, FollowUps
from engine.stores.base import Store, StoredCause

QUEUE_LEN_MAX = 4_096
"""Live causes that wait to be told; beyond, they are read from the store instead."""

READ_MAX = 256
"""Causes read from the store at once, beside those that are told and not settled."""

TOLD_KEPT_MAX = 16_384
"""Ids remembered as told; an older one that comes again is told again, which its hearers bear."""

SETTLE_MAX = 128
"""Causes settled at once; telling waits while as many are told and not settled."""

SETTLE_PAUSE_S = 0.2
"""How long told causes are gathered before they are settled together."""

LOOK_AGAIN_S = 5.0
"""How often the store is asked for causes that nobody here was told of."""

TURN_LEN = 64
"""Causes told before the loop gets a turn: a long backlog must not hold up the requests."""

ATTEMPTS_MAX = 5
"""How often a hearer gets a cause that it fails on; then the cause goes on without it, and is logged."""

# What is told and not settled must not fill a whole read, or what is new would not be seen behind it.
assert READ_MAX + 2 * SETTLE_MAX + OPEN_MAX <= CAUSES_ROWS_MAX

Hearer = Callable[[Cause], Awaitable[None]]
"""Takes a cause, also one that it took before. StoreUnavailable: the same cause comes again."""

_log = logging.getLogger("opportune.outbox")


class Outbox:
    """Tells causes of all workspaces in the order of their commits. One event loop uses it."""

    def __init__(self, store: Store, *, retry_s: float = 0.25) -> None:
        """Settle in `store`; a failed telling is tried again after `retry_s`, doubling."""
        self._store = store
        self._retry_s = retry_s
        self._hearers: list[Hearer] = []
        self._queue: deque[Cause] = deque()
        self._has_work = asyncio.Event()
        self._is_behind = True
        self._told: OrderedDict[str, None] = OrderedDict()
        self._to_settle: list[str] = []
        self._turn = 0
        self._unsettled: set[str] = set()
        self._has_told = asyncio.Event()
        self._follow_ups = FollowUps(self._settle_later, retry_s=retry_s)
        self._tasks: list[asyncio.Task[None]] = []

    def add_hearer(self, hearer: Hearer) -> None:
        """Tell `hearer` every cause, after those who were added before."""
        self._hearers.append(hearer)

    def on_follow_up(self, work: str, carry_out: Hearer) -> None:
        """Let `carry_out` do the work of this name; it is safe to do twice."""
        self._follow_ups.add(work, carry_out)

    @property
    def works(self) -> frozenset[str]:
        """Return the names of the works that somebody does."""
        return self._follow_ups.works

    def hear(self, cause: Cause) -> None:
        """Take a live cause, right after its commit is durable; returns at once."""
        if len(self._queue) >= QUEUE_LEN_MAX:
            self._queue.clear()
            self._is_behind = True
        else:
            self._queue.append(cause)
        self._has_work.set()

    def start(self) -> None:
        """Begin on the running loop, with what was left untold before."""
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._run(), name="outbox"),
            loop.create_task(self._settle_told(), name="outbox-settling"),
        ]

    async def stop(self) -> None:
        """End the work under way and settle what was told; what is left is told after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._follow_ups.stop()
        with suppress(StoreUnavailable):
            await self._settle()

    async def drain(self) -> None:
        """Tell and settle all there is now, follow-ups too; for a caller on a clock of its own."""
        while True:
            await self._tell_all()
            await self._follow_ups.wait()
            await self._settle()
            if not self._queue and not await self._unknown():
                return

    # ---- telling

    async def _run(self) -> None:
        loop, pause_s = asyncio.get_running_loop(), self._retry_s
        look_at_s = loop.time() + LOOK_AGAIN_S
        while True:
            self._has_work.clear()
            try:
                await self._tell_all()
            except Exception as error:  # noqa: BLE001  # telling never ends; the store keeps what is untold
                if not isinstance(error, StoreUnavailable):
                    _log.exception("causes could not be told; they are read again")
                self._is_behind = True
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LOOK_AGAIN_S)
                continue
            pause_s = self._retry_s
            with suppress(TimeoutError):
                async with asyncio.timeout_at(look_at_s):
                    await self._has_work.wait()
            if loop.time() >= look_at_s:
                self._is_behind = True
                look_at_s = loop.time() + LOOK_AGAIN_S

    async def _tell_all(self) -> None:
        """Tell what the store holds untold, when we may be behind, then what is queued."""
        while self._is_behind or self._queue:
            if self._is_behind:
                await self._catch_up()
            while self._queue and not self._is_behind:
                cause = self._queue[0]
                await self._tell(cause)
                if self._queue and self._queue[0] is cause:
                    self._queue.popleft()

    async def _catch_up(self) -> None:
        """Tell from the store until it holds nothing that is unknown here.

        What is committed while it is read waits in the queue, behind all that was read; a cause that is
        in both is told once.
        """
        self._is_behind = False
        for kept in await self._unknown():
            self._is_behind = True
            try:
                cause = decode_cause(kept.body)
            except msgspec.DecodeError:
                _log.exception("cause %s cannot be read; it stays in the store", kept.id)
                self._unsettled.add(kept.id)
                continue
            await self._tell(cause)

    async def _unknown(self) -> list[StoredCause]:
        """Read causes that were not told; one that was told and is kept again is settled again."""
        kept = await self._store.take_causes(READ_MAX + len(self._unsettled))
        fresh = [cause for cause in kept if cause.id not in self._told]
        for cause in kept:
            if cause.id in self._told and cause.id not in self._unsettled:
                self._settle_later(cause.id)
        return [cause for cause in fresh if cause.id not in self._unsettled]

    async def _tell(self, cause: Cause) -> None:
        if cause.id in self._told or cause.id in self._unsettled:
            return
        if len(self._to_settle) >= SETTLE_MAX:
            await self._settle()
        if isinstance(cause.body, FollowUp):
            self._unsettled.add(cause.id)
            await self._follow_ups.begin(cause)
        else:
            for hearer in self._hearers:
                await self._tell_one(hearer, cause)
            self._settle_later(cause.id)
        self._told[cause.id] = None
        self._turn += 1
        if self._turn % TURN_LEN == 0:
            await asyncio.sleep(0)
        while len(self._told) > TOLD_KEPT_MAX:
            self._told.popitem(last=False)

    async def _tell_one(self, hearer: Hearer, cause: Cause) -> None:
        for attempt in range(ATTEMPTS_MAX):
            try:
                await hearer(cause)
            except StoreUnavailable:
                raise
            except Exception:  # noqa: BLE001  # whatever it was, the others are told
                _log.exception("a hearer failed on %s", _name(cause))
                await asyncio.sleep(self._retry_s * 2**attempt)
            else:
                return
        _log.error("a hearer never took %s", _name(cause))

    # ---- settling

    def _settle_later(self, cause_id: str) -> None:
        self._unsettled.add(cause_id)
        self._to_settle.append(cause_id)
        self._has_told.set()

    async def _settle_told(self) -> None:
        while True:
            await self._has_told.wait()
            await asyncio.sleep(SETTLE_PAUSE_S)
            self._has_told.clear()
            try:
                await self._settle()
            except StoreUnavailable:
                self._has_told.set()

    async def _settle(self) -> None:
        while batch := self._to_settle[:SETTLE_MAX]:
            del self._to_settle[: len(batch)]
            try:
                await self._store.settle_causes(batch)
            except BaseException:
                self._to_settle += batch
                raise
            self._unsettled.difference_update(batch)


def _name(cause: Cause) -> str:
    return f"{cause.id} ({type(cause.body).__name__})"
