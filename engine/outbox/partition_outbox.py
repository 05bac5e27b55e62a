"""The causes of one partition: told in the order in which they were kept, then settled.

Where this worker alone keeps causes, live ones are told as they come. In a shared store another worker may
have kept an earlier one of the same session: unless it is known that none has, a live cause says only that
there is something to read.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import msgspec

from engine.causes import Cause, decode_cause
from engine.errors import StoreUnavailable
from engine.limits import CAUSES_ROWS_MAX
from engine.outbox.follow_ups import OPEN_MAX
from engine.position_checks import next_check_s
from engine.stores.base import Delivery, Store, StoredCause

QUEUE_LEN_MAX = 4_096
"""Live causes that wait to be told; beyond, they are read from the store instead."""

READ_MAX = 256
"""Causes read from the store at once, beside those that are told and not settled."""

TOLD_KEPT_MAX = 16_384
"""Ids remembered as told; an older one that comes again is told again, which its hearers bear."""

SETTLE_MAX = 128
"""Causes settled at once; telling waits while as many are told and not settled."""

DELIVERIES_A_SETTLE_MAX = 128
"""Deliveries kept at once with the causes they came of; further causes are settled after them."""

RETRY_S_MAX = 5.0
"""The longest pause after a telling that failed."""

TURN_LEN = 64
"""Causes told before the loop gets a turn: a long backlog must not hold up the requests."""

# What is told and not settled must not fill a whole read, or what is new would not be seen behind it.
assert READ_MAX + 2 * SETTLE_MAX + OPEN_MAX <= CAUSES_ROWS_MAX

_log = logging.getLogger("opportune.outbox")


class Told:
    """Which causes were told, of all partitions, the newest of them."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        """Start with none."""
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, cause_id: str) -> bool:
        """Tell whether a cause was told."""
        return cause_id in self._ids

    def add(self, cause_id: str) -> None:
        """Note that a cause was told."""
        self._ids[cause_id] = None
        while len(self._ids) > TOLD_KEPT_MAX:
            self._ids.popitem(last=False)

    def forget(self, cause_ids: Sequence[str]) -> None:
        """Let causes be told again."""
        for cause_id in cause_ids:
            self._ids.pop(cause_id, None)


class Ended(msgspec.Struct, frozen=True):
    """A cause that everybody was told of, and the deliveries that came of it."""

    cause: str
    deliveries: tuple[Delivery, ...] = ()


Tell = Callable[[Cause, int], Awaitable[tuple[Delivery, ...] | None]]
"""Tells everybody a cause of a partition; answers its deliveries, None when it is settled later."""


class PartitionOutbox:
    """Tells the causes of one partition while it is this worker's."""

    def __init__(
        self,
        store: Store,
        partition: int,
        tell: Tell,
        *,
        told: Told,
        retry_s: float,
        on_ended: Callable[[], None],
    ) -> None:
        """Tell by `tell`; call `on_ended` when there is something to settle."""
        self._store = store
        self._partition = partition
        self._tell_everybody = tell
        self._retry_s = retry_s
        self._on_ended = on_ended
        self._queue: deque[Cause] = deque()
        self._has_work = asyncio.Event()
        self._is_behind = True
        self._told = told
        self._to_settle: list[Ended] = []
        self._turn = 0
        self._unsettled: set[str] = set()
        self._one_settles = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Count causes that are known here and not told, or told and not settled."""
        return len(self._queue) + len(self._unsettled)

    def hear(self, cause: Cause, *, follows: bool = False) -> None:
        """Take a live cause, right after its commit is durable; returns at once.

        With `follows` the session's causes before it were heard here, or are read before it.
        """
        if self._store.is_shared and not follows:
            self._is_behind = True
        elif len(self._queue) >= QUEUE_LEN_MAX:
            self._queue.clear()
            self._is_behind = True
        else:
            self._queue.append(cause)
        self._has_work.set()

    def look(self) -> None:
        """Ask the store: another worker kept causes, or may have."""
        self._is_behind = True
        self._has_work.set()

    def start(self) -> None:
        """Begin on the running loop, with what was left untold before."""
        name = f"outbox-{self._partition}"
        self._task = asyncio.get_running_loop().create_task(self._run(), name=name)

    async def stop(self) -> None:
        """End the telling under way; what is untold is told by whoever has the partition next."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def retire(self) -> Awaitable[None]:
        """End with a partition that is another's now, at once; await the answer to settle what was told.

        What is told and not settled counts as untold: it is told again with the deliveries that it has.
        """
        if self._task is not None:
            self._task.cancel()
        self._told.forget(tuple(self._unsettled))
        return self._leave()

    async def _leave(self) -> None:
        await self.stop()
        with suppress(StoreUnavailable):
            await self.settle()

    async def has_more(self) -> bool:
        """Tell whether there is something untold, live or in the store."""
        return bool(self._queue) or bool((await self._unknown())[0])

    # ---- telling

    async def _run(self) -> None:
        loop, pause_s = asyncio.get_running_loop(), self._retry_s
        look_at_s = next_check_s(self._partition, loop.time())
        while True:
            self._has_work.clear()
            try:
                await self.tell_all()
            except Exception as error:  # noqa: BLE001  # telling never ends; the store keeps what is untold
                if not isinstance(error, StoreUnavailable):
                    _log.exception("causes could not be told; they are read again")
                self._is_behind = True
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, RETRY_S_MAX)
                continue
            pause_s = self._retry_s
            look = loop.call_at(look_at_s, self._has_work.set)
            try:
                await self._has_work.wait()
            finally:
                look.cancel()
            if loop.time() >= look_at_s:
                self._is_behind = True
                look_at_s = next_check_s(self._partition, loop.time())

    async def tell_all(self) -> None:
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
        unknown, is_all = await self._unknown()
        if not is_all:
            self._is_behind = True
        for kept in unknown:
            try:
                cause = decode_cause(kept.body)
            except msgspec.DecodeError:
                _log.exception("cause %s cannot be read; it stays in the store", kept.id)
                self._unsettled.add(kept.id)
                continue
            await self._tell(cause)

    async def _unknown(self) -> tuple[list[StoredCause], bool]:
        """Read causes that were not told, and whether these are all there are.

        One that was told and is kept again is settled again.
        """
        limit = min(READ_MAX + len(self._unsettled), CAUSES_ROWS_MAX)
        kept = await self._store.take_causes(self._partition, limit=limit)
        fresh = [cause for cause in kept if cause.id not in self._told]
        for cause in kept:
            if cause.id in self._told and cause.id not in self._unsettled:
                self.settle_later(cause.id)
        unknown = [cause for cause in fresh if cause.id not in self._unsettled]
        return unknown, len(kept) < limit or not unknown

    async def _tell(self, cause: Cause) -> None:
        if cause.id in self._told or cause.id in self._unsettled:
            return
        if len(self._to_settle) >= SETTLE_MAX:
            await self.settle()
        deliveries = await self._tell_everybody(cause, self._partition)
        if deliveries is None:
            self._unsettled.add(cause.id)
        else:
            self.settle_later(cause.id, deliveries)
        self._told.add(cause.id)
        self._turn += 1
        if self._turn % TURN_LEN == 0:
            await asyncio.sleep(0)

    # ---- settling

    def settle_later(self, cause_id: str, deliveries: tuple[Delivery, ...] = ()) -> None:
        """Let a cause be forgotten soon, because everybody was told of it."""
        self._unsettled.add(cause_id)
        self._to_settle.append(Ended(cause_id, deliveries))
        self._on_ended()

    @property
    def has_ended(self) -> bool:
        """Tell whether causes wait to be settled, or are being settled."""
        return bool(self._to_settle) or self._one_settles.locked()

    @property
    def has_deliveries(self) -> bool:
        """Tell whether deliveries wait to be kept."""
        return any(ended.deliveries for ended in self._to_settle)

    async def settle(self) -> bool:
        """Forget what was told, and keep its deliveries; returns whether there were any.

        Once it returns, all that was told before it was called is settled, by whomever.
        """
        has_delivered = False
        async with self._one_settles:
            while batch := self._batch():
                has_delivered = await self._settle_batch(batch) or has_delivered
        return has_delivered

    async def _settle_batch(self, batch: list[Ended]) -> bool:
        ids = [ended.cause for ended in batch]
        deliveries = [delivery for ended in batch for delivery in ended.deliveries]
        try:
            await self._store.settle_causes(self._partition, ids, deliveries)
        except BaseException:
            self._to_settle = batch + self._to_settle
            raise
        self._unsettled.difference_update(ids)
        return bool(deliveries)

    def _batch(self) -> list[Ended]:
        """Take what is settled in one step: bounded in causes and in deliveries, but one at least."""
        count, deliveries = 0, 0
        for ended in self._to_settle[:SETTLE_MAX]:
            deliveries += len(ended.deliveries)
            if count and deliveries > DELIVERIES_A_SETTLE_MAX:
                break
            count += 1
        batch, self._to_settle = self._to_settle[:count], self._to_settle[count:]
        return batch
