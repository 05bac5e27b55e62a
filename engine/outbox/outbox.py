"""The outbox: every cause is told to all who must hear of it, at least once, then settled.

Live causes come from the runtime right after their commit. The store keeps each one until it is settled,
so what a crash, a full queue or a failing hearer left untold is read from there, in the order it was kept.
Causes of partitions that are another worker's are left to that worker.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from engine.causes import Cause, FollowUp
from engine.errors import StoreUnavailable
from engine.outbox.follow_ups import FollowUps
from engine.outbox.partition_outbox import PartitionOutbox, Told
from engine.stores.base import Delivery, Store

SETTLE_PAUSE_S = 0.2
"""How long told causes are gathered before they are settled together; deliveries do not wait."""

ATTEMPTS_MAX = 5
"""How often a hearer gets a cause that it fails on; then the cause goes on without it, and is logged."""

Hearer = Callable[[Cause], Awaitable[None]]
"""Takes a cause, also one that it took before. StoreUnavailable: the same cause comes again."""

Plan = Callable[[Cause], Awaitable[Sequence[Delivery]]]
"""Says which deliveries come of a cause, the same each time."""

_log = logging.getLogger("opportune.outbox")


class Outbox:
    """Tells causes of all workspaces, those of one session in the order of their commits."""

    def __init__(self, store: Store, *, retry_s: float = 0.25) -> None:
        """Settle in `store`; a failed telling is tried again after `retry_s`, doubling.

        In a shared store it tells nothing before `change` names partitions.
        """
        self._store = store
        self._retry_s = retry_s
        self._hearers: list[Hearer] = []
        self._plan: Plan | None = None
        self._told = Told()
        self._has_told = asyncio.Event()
        self._follow_ups = FollowUps(self._settle_follow_up, retry_s=retry_s)
        self._boxes: dict[int, PartitionOutbox] = {}
        self._is_started = False
        self._settling: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self.on_deliveries: Callable[[int], None] | None = None
        """Called on the loop with a partition when deliveries were kept in it."""
        if not store.is_shared:
            self.change(frozenset(range(store.partitions)), frozenset())

    @property
    def waiting(self) -> int:
        """Count causes that are known here and not told, or told and not settled."""
        return sum(box.waiting for box in self._boxes.values())

    def add_hearer(self, hearer: Hearer) -> None:
        """Tell `hearer` every cause, after those who were added before."""
        self._hearers.append(hearer)

    def plan_deliveries(self, plan: Plan) -> None:
        """Keep the deliveries that `plan` names when their cause is settled, in the same step."""
        self._plan = plan

    def on_follow_up(self, work: str, carry_out: Hearer) -> None:
        """Let `carry_out` do the work of this name; it is safe to do twice."""
        self._follow_ups.add(work, carry_out)

    @property
    def works(self) -> frozenset[str]:
        """Return the names of the works that somebody does."""
        return self._follow_ups.works

    def hear(self, cause: Cause, partition: int | None = None, *, follows: bool = False) -> None:
        """Take a live cause, right after its commit is durable; returns at once.

        Args:
            cause: it is kept already.
            partition: where it is kept, its visitor's when left out.
            follows: this worker committed what its session told before, too.
        """
        if partition is None:
            partition = self._store.partition_of(cause.workspace, cause.visitor)
        box = self._boxes.get(partition)
        if box is not None:
            box.hear(cause, follows=follows)

    def look(self, partition: int) -> None:
        """Ask the store for causes of a partition: another worker kept some, or may have."""
        box = self._boxes.get(partition)
        if box is not None:
            box.look()

    def change(self, gained: frozenset[int], lost: frozenset[int]) -> None:
        """Begin to tell the causes of some partitions, and leave those of others to their new owner."""
        for partition in lost:
            box = self._boxes.pop(partition, None)
            if box is not None:
                task = asyncio.ensure_future(box.retire())
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
        for partition in gained:
            if partition in self._boxes:
                self._boxes[partition].look()
                continue
            box = self._boxes[partition] = self._box_of(partition)
            if self._is_started:
                box.start()

    def start(self) -> None:
        """Begin on the running loop, with what was left untold before."""
        self._is_started = True
        self._settling = asyncio.get_running_loop().create_task(
            self._settle_told(), name="outbox-settling"
        )
        for box in self._boxes.values():
            box.start()

    async def stop(self) -> None:
        """End the work under way and settle what was told; what is left is told after the next start."""
        self._is_started = False
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)
            self._settling = None
        boxes = tuple(self._boxes.values())
        await asyncio.gather(*(box.stop() for box in boxes), *self._leaving, return_exceptions=True)
        await self._follow_ups.stop()
        with suppress(StoreUnavailable):
            await self._settle()

    async def drain(self) -> None:
        """Tell and settle all there is now, follow-ups too; for a caller on a clock of its own."""
        while True:
            await self._tell_all()
            await self._follow_ups.wait()
            await self._settle()
            boxes = tuple(self._boxes.values())
            if not any(await asyncio.gather(*(box.has_more() for box in boxes))):
                return

    # ---- inside

    def _box_of(self, partition: int) -> PartitionOutbox:
        return PartitionOutbox(
            self._store,
            partition,
            self._tell,
            told=self._told,
            retry_s=self._retry_s,
            on_ended=self._has_told.set,
        )

    async def _tell_all(self) -> None:
        await asyncio.gather(*(box.tell_all() for box in tuple(self._boxes.values())))

    async def _tell(self, cause: Cause, partition: int) -> tuple[Delivery, ...] | None:
        if isinstance(cause.body, FollowUp):
            await self._follow_ups.begin(cause, partition)
            return None
        for hearer in self._hearers:
            await self._tell_one(hearer, cause)
        planned: list[Delivery] = []
        if self._plan is not None:
            plan = self._plan

            async def note(told: Cause) -> None:
                planned.extend(await plan(told))

            await self._tell_one(note, cause)
        return tuple(planned)

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

    def _settle_follow_up(self, cause_id: str, partition: int) -> None:
        """Settle work that is done; when its partition is another's now, it is done there once more."""
        box = self._boxes.get(partition)
        if box is not None:
            box.settle_later(cause_id)

    async def _settle_told(self) -> None:
        while True:
            await self._has_told.wait()
            if not any(box.has_deliveries for box in self._boxes.values()):
                await asyncio.sleep(SETTLE_PAUSE_S)
            self._has_told.clear()
            try:
                await self._settle()
            except StoreUnavailable:
                self._has_told.set()
                await asyncio.sleep(SETTLE_PAUSE_S)

    async def _settle(self) -> None:
        """Settle in all partitions; one that does not answer does not stop the others."""
        boxes = [(place, box) for place, box in self._boxes.items() if box.has_ended]
        answers = await asyncio.gather(
            *(self._settle_box(*one) for one in boxes), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def _settle_box(self, partition: int, box: PartitionOutbox) -> None:
        if await box.settle() and self.on_deliveries is not None:
            self.on_deliveries(partition)


def _name(cause: Cause) -> str:
    return f"{cause.id} ({type(cause.body).__name__})"
