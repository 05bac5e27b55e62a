"""What `memory:` keeps to be told and sent: causes, deliveries and the feed."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from engine.limits import CAUSES_ROWS_MAX
from engine.stores.base import (
    Delivery,
    DeliveryStatus,
    DueDeliveries,
    FeedPage,
    StoredCause,
)
from engine.stores.head import check_room_for_causes
from engine.stores.memory.state import MemoryPart


class MemoryOutbox(MemoryPart):
    """The part of `Store` that the world hears of."""

    async def keep_causes(self, causes: Sequence[StoredCause]) -> None:
        """See `Store.keep_causes`."""
        self._check_open()
        parts: dict[int, list[StoredCause]] = {}
        for cause in causes:
            parts.setdefault(self.partition_of(cause.workspace, cause.visitor), []).append(cause)
        for partition, some in parts.items():
            self._check_causes(partition, some)
            self._keep_causes(partition, some)

    async def take_causes(self, partition: int = 0, *, limit: int = 256) -> list[StoredCause]:
        """See `Store.take_causes`."""
        self._check_open()
        kept = self._tables.causes[partition].values()
        rows = range(min(limit, CAUSES_ROWS_MAX))
        return [cause for cause, _ in zip(kept, rows, strict=False)]

    async def settle_causes(
        self, partition: int, ids: Sequence[str], deliveries: Sequence[Delivery] = ()
    ) -> None:
        """See `Store.settle_causes`."""
        self._check_open()
        causes = self._tables.causes[partition]
        wanted = [delivery for delivery in deliveries if delivery.cause in causes]
        self._state.deliveries.check_room(len(wanted))
        for delivery in wanted:
            self._state.deliveries.add(partition, delivery)
        for name in ids:
            causes.pop(name, None)
        if wanted:
            self._tell_work(partition)

    async def claim_deliveries(
        self, partition: int = 0, *, limit: int = 64, lease_ms: int = 30_000
    ) -> DueDeliveries:
        """See `Store.claim_deliveries`."""
        self._check_open()
        return self._state.deliveries.claim(partition, self._state.tick(), limit, lease_ms)

    async def settle_delivery(self, delivery: Delivery) -> bool:
        """See `Store.settle_delivery`."""
        self._check_open()
        return self._state.deliveries.settle(delivery)

    async def send_again(self, delivery: Delivery) -> None:
        """See `Store.send_again`."""
        self._check_open()
        if self._tables.is_erased(delivery.workspace, delivery.visitor, self._state.tick()):
            return
        self._state.deliveries.check_room(1)
        partition = self.partition_of(delivery.workspace, delivery.visitor)
        self._state.deliveries.put(partition, delivery)
        self._tell_work(partition)

    async def delivery(self, workspace: str, endpoint: str, delivery_id: str) -> Delivery | None:
        """See `Store.delivery`."""
        self._check_open()
        return self._state.deliveries.find(workspace, endpoint, delivery_id)

    async def deliveries(
        self,
        workspace: str,
        endpoint: str,
        *,
        status: DeliveryStatus | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> tuple[Delivery, ...]:
        """See `Store.deliveries`."""
        self._check_open()
        return self._state.deliveries.below((workspace, endpoint), status, before, limit)

    async def feed_add(self, workspace: str, event: str, body: bytes) -> int:
        """See `Store.feed_add`."""
        self._check_open()
        newest = self._state.feeds.offset(workspace)
        offset = self._state.feeds.add(workspace, event, body)
        if offset > newest:
            self._tell_feed(workspace, offset)
        return offset

    async def feed_after(
        self, workspace: str, epoch: str | None, after: int, limit: int = 256
    ) -> FeedPage:
        """See `Store.feed_after`."""
        self._check_open()
        return self._state.feeds.after(workspace, epoch, after, limit)

    async def feed_clear(self, workspace: str) -> None:
        """See `Store.feed_clear`."""
        self._check_open()
        self._state.feeds.clear(workspace)

    async def watch_feeds(self, worker: str, workspaces: AbstractSet[str]) -> None:
        """See `Store.watch_feeds`."""
        self._check_open()
        self._hints.watch_feeds(worker, workspaces)

    async def pass_on(self, workspace: str, body: bytes) -> None:
        """See `Store.pass_on`; within one process there is no other worker."""
        self._check_open()

    def _keep_causes(self, partition: int, causes: Sequence[StoredCause]) -> None:
        kept, now_ms = self._tables.causes[partition], self._state.tick()
        for cause in causes:
            if not self._tables.is_erased(cause.workspace, cause.visitor, now_ms):
                kept.setdefault(cause.id, cause)
        if causes:
            self._tell_work(partition)

    def _check_causes(self, partition: int, causes: Sequence[StoredCause]) -> None:
        if causes:
            check_room_for_causes(len(self._tables.causes[partition]))
