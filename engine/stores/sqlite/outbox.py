"""What `sqlite:` keeps to be told and sent: causes, deliveries and the feed."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Literal

from engine.stores.base import (
    Delivery,
    DeliveryStatus,
    DueDeliveries,
    FeedPage,
    StoredCause,
)
from engine.stores.feed import Feeds
from engine.stores.head import check_room_for_causes
from engine.stores.sqlite import deliveries as sent
from engine.stores.sqlite import tables
from engine.stores.sqlite.guards import SqliteGuards


class SqliteOutbox(SqliteGuards):
    """The part of `Store` that the world hears of; the feed and claims of deliveries are in memory."""

    def __init__(
        self,
        path: Path,
        durability: Literal["D1", "D2"],
        clock: Callable[[], int],
        heads_len_max: int,
    ) -> None:
        """Open the file, see `SqliteCalls`."""
        super().__init__(path, durability, clock, heads_len_max)
        self._feeds = Feeds(self._writer.tick())
        # Only the thread looks at them.
        self._claims = sent.Claims()

    async def keep_causes(self, causes: Sequence[StoredCause]) -> None:
        """See `Store.keep_causes`."""
        self._check_causes(causes)
        if causes:
            await self._write(lambda w: w.commits.keep_causes(causes, w.tick()))

    async def take_causes(self, partition: int = 0, *, limit: int = 256) -> list[StoredCause]:
        """See `Store.take_causes`."""
        return await self._read(lambda writer: tables.take_causes(writer.db, limit))

    async def settle_causes(
        self, partition: int, ids: Sequence[str], deliveries: Sequence[Delivery] = ()
    ) -> None:
        """See `Store.settle_causes`."""
        if ids or deliveries:
            await self._write(lambda writer: tables.settle_causes(writer, ids, deliveries))

    async def claim_deliveries(
        self, partition: int = 0, *, limit: int = 64, lease_ms: int = 30_000
    ) -> DueDeliveries:
        """See `Store.claim_deliveries`."""
        claims = self._claims
        return await self._read(lambda w: claims.take(w.db, w.tick(), limit, lease_ms))

    async def settle_delivery(self, delivery: Delivery) -> bool:
        """See `Store.settle_delivery`."""
        return await self._write(lambda writer: sent.settle(writer, self._claims, delivery))

    async def send_again(self, delivery: Delivery) -> None:
        """See `Store.send_again`."""
        await self._write(lambda writer: sent.send_again(writer, self._claims, delivery))

    async def delivery(self, workspace: str, endpoint: str, delivery_id: str) -> Delivery | None:
        """See `Store.delivery`."""
        return await self._read(lambda w: sent.find(w.db, workspace, endpoint, delivery_id))

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
        of = (workspace, endpoint)
        return await self._read(lambda writer: sent.below(writer.db, of, status, before, limit))

    async def feed_add(self, workspace: str, event: str, body: bytes) -> int:
        """See `Store.feed_add`."""
        self._check_open()
        newest = self._feeds.offset(workspace)
        offset = self._feeds.add(workspace, event, body)
        if offset > newest:
            self._hints.announce_feed(workspace, offset)
        return offset

    async def feed_after(
        self, workspace: str, epoch: str | None, after: int, limit: int = 256
    ) -> FeedPage:
        """See `Store.feed_after`."""
        self._check_open()
        return self._feeds.after(workspace, epoch, after, limit)

    async def feed_clear(self, workspace: str) -> None:
        """See `Store.feed_clear`."""
        self._check_open()
        self._feeds.clear(workspace)

    async def watch_feeds(self, worker: str, workspaces: AbstractSet[str]) -> None:
        """See `Store.watch_feeds`."""
        self._check_open()
        self._hints.watch_feeds(worker, workspaces)

    async def pass_on(self, workspace: str, body: bytes) -> None:
        """See `Store.pass_on`; within one process there is no other worker."""
        self._check_open()

    def _check_causes(self, causes: Sequence[StoredCause]) -> None:
        """Refuse more causes when too many wait; the thread's number is as of a moment ago."""
        if causes:
            check_room_for_causes(self._writer.commits.causes_kept)
