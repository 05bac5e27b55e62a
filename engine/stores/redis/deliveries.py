"""Deliveries in Redis: pending ones lie where their cause lay, each endpoint's log with its workspace.

Neither can be changed in one step with the other, so whatever is cut off between the two leads to one more
attempt of the same delivery and never to none: causes become pending deliveries before the log has them, and
the log has the end of a delivery before it stops to be pending.
"""

import asyncio
from collections.abc import Iterator, Sequence

import msgspec

from engine.errors import StoreUnavailable
from engine.limits import DELIVERIES_KEPT_MAX, DELIVERIES_ROWS_MAX
from engine.stores.base import Delivery, DeliveryStatus, DueDeliveries
from engine.stores.redis.keys import short, tail_of
from engine.stores.redis.part import SLICE, RedisPart
from engine.stores.redis.replies import Word, script

_SETTLE_CAUSES = script("causes_settle_1")
_DROP_CAUSES = script("causes_drop_1")
_CLAIM = script("deliveries_claim_1")
_SETTLE = script("delivery_settle_1")
_AGAIN = script("delivery_again_1")
_LOG = script("delivery_log_1")
_ROWS = script("delivery_rows_1")

DELIVERIES_LEN_MAX = 1_000_000
DELIVERIES_LEN_MIN = 1_000
"""Deliveries that wait, in all partitions, and those that one partition has room for at least; over it their
causes stay unsettled. test_when_too_many_deliveries_wait_their_causes_stay"""

OWNER_CHARS = 22
"""Characters that stand for a visitor, or for an endpoint, in the log's index."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Delivery).decode


def deliveries_len_max(partitions: int) -> int:
    """Return how many deliveries may wait in one partition."""
    return max(DELIVERIES_LEN_MAX // partitions, DELIVERIES_LEN_MIN)


class RedisDeliveries(RedisPart):
    """The part of `Store` that keeps what is sent to webhooks."""

    async def settle_causes(
        self, partition: int, ids: Sequence[str], deliveries: Sequence[Delivery] = ()
    ) -> None:
        """See `Store.settle_causes`; each cause and its deliveries are one step."""
        self._check_open()
        fresh = await self._not_logged(deliveries)
        for some, their in steps_of(ids, fresh):
            kept = await self._settle_causes(partition, some, their)
            logged = [one for one in their if one.id in kept]
            await asyncio.gather(*(self._log(one, "new") for one in logged))

    async def claim_deliveries(
        self, partition: int = 0, *, limit: int = 64, lease_ms: int = 30_000
    ) -> DueDeliveries:
        """See `Store.claim_deliveries`."""
        self._check_open()
        claimed: list[Delivery] = []
        wanted = min(limit, DELIVERIES_ROWS_MAX)
        while True:
            some = min(SLICE, wanted - len(claimed))
            due = await self._claim_pending(partition, some, lease_ms)
            claimed += due.deliveries
            if len(due.deliveries) < some or len(claimed) == wanted:
                break
        claimed.sort(key=lambda delivery: (delivery.due_ms, delivery.id))
        return DueDeliveries(due.now_ms, due.next_ms, tuple(claimed))

    async def settle_delivery(self, delivery: Delivery) -> bool:
        """See `Store.settle_delivery`."""
        self._check_open()
        partition = await self._partition_of(delivery)
        if partition is None:
            return False
        await self._log(delivery, "any")
        return await self._wait(partition, delivery)

    async def send_again(self, delivery: Delivery) -> None:
        """See `Store.send_again`."""
        self._check_open()
        partition = await self._partition_of(delivery)
        if partition is None:
            partition = self._keys.partition(delivery.workspace, delivery.visitor)
        whose = tail_of(delivery.workspace, delivery.visitor)
        args = (
            *(self._time(), whose, delivery.id, _of_visitor(delivery), delivery.due_ms),
            *(_encode(delivery), self._keys.work_channel(partition), self._work_told),
        )
        keys = (*self._pending(partition), self._keys.erased(partition))
        if await self._client.run(partition, _AGAIN, keys, args) == 1:
            await self._log(delivery, "any")

    async def delivery(self, workspace: str, endpoint: str, delivery_id: str) -> Delivery | None:
        """See `Store.delivery`."""
        self._check_open()
        home, key = self._keys.partition(workspace), self._log_key("dh", workspace, endpoint)
        row = await self._client.read(home, "HGET", key, delivery_id)
        return unpack_row(row) if isinstance(row, bytes) else None

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
        rows: list[Delivery] = []
        wanted = min(limit, DELIVERIES_ROWS_MAX)
        while len(rows) < wanted:
            some = await self._rows_below(workspace, endpoint, before or "")
            rows += [row for row in some if status in (None, row.status)]
            if len(some) < SLICE:
                break
            before = some[-1].id
        return tuple(rows[:wanted])

    async def _claim_pending(self, partition: int, limit: int, lease_ms: int) -> DueDeliveries:
        """Claim at most 128 deliveries."""
        keys = (self._keys.delivery_due(partition), self._keys.delivery_bodies(partition))
        args = (self._time(), limit, max(1, lease_ms))
        # A claim that a fail-over forgets is made again; nothing waits for the replicas.
        match await self._client.run(partition, _CLAIM, keys, args, durable=False):
            case [int(now_ms), bytes(following), *records]:
                claimed = tuple(unpack_delivery(raw) for raw in records if isinstance(raw, bytes))
                return DueDeliveries(now_ms, int(following) if following else None, claimed)
            case unexpected:
                raise AssertionError(unexpected)

    async def _settle_causes(
        self, partition: int, ids: Sequence[str], deliveries: Sequence[Delivery]
    ) -> set[str]:
        """Do one step of `settle_causes`, and name the deliveries that are kept by it."""
        causes = (self._keys.cause_order(partition), self._keys.cause_bodies(partition))
        if not deliveries:
            await self._client.run(partition, _DROP_CAUSES, causes, ids)
            return set()
        args: list[Word] = [len(ids), deliveries_len_max(self.partitions)]
        args += [self._keys.work_channel(partition), self._work_told, *ids]
        for one in deliveries:
            args += [one.cause, one.id, one.due_ms, _of_visitor(one), _encode(one)]
        keys = (*causes, *self._pending(partition))
        kept = await self._client.run(partition, _SETTLE_CAUSES, keys, args)
        if not isinstance(kept, list):
            raise StoreUnavailable("none", 1_000, "too many deliveries wait to be sent")
        return {name.decode() for name in kept if isinstance(name, bytes)}

    async def _not_logged(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Leave out deliveries that a log has already, whatever became of them."""
        found = await asyncio.gather(*(self._is_logged(one) for one in deliveries))
        return [one for one, known in zip(deliveries, found, strict=True) if not known]

    async def _is_logged(self, delivery: Delivery) -> bool:
        home = self._keys.partition(delivery.workspace)
        key = self._log_key("dh", delivery.workspace, delivery.endpoint)
        return await self._client.read(home, "HEXISTS", key, delivery.id) == 1

    async def _log(self, delivery: Delivery, mode: str) -> None:
        """Write a delivery into its endpoint's log; with mode "new" only one that is not there."""
        workspace, endpoint = delivery.workspace, delivery.endpoint
        home = self._keys.partition(workspace)
        keys = (
            *(self._log_key(kind, workspace, endpoint) for kind in ("dl", "ds", "dh")),
            self._keys.of_workspace(home, "dv", workspace),
            self._keys.aged("lx", home),
            self._keys.erased(home),
        )
        args: tuple[Word, ...] = (
            *(self._time(), tail_of(workspace, delivery.visitor), delivery.id),
            *(delivery.created_ms, 0 if delivery.status == "pending" else 1, mode),
            *(short(workspace, delivery.visitor), short(endpoint), DELIVERIES_KEPT_MAX),
            *(tail_of(workspace, endpoint), _encode(delivery)),
        )
        await self._client.run(home, _LOG, keys, args)

    async def _wait(self, partition: int, delivery: Delivery) -> bool:
        """Set when a pending delivery is tried again, or end its waiting; False: it is not pending."""
        due = delivery.due_ms if delivery.status == "pending" else ""
        args = (delivery.id, _of_visitor(delivery), due, _encode(delivery))
        return await self._client.run(partition, _SETTLE, self._pending(partition), args) == 1

    async def _partition_of(self, delivery: Delivery) -> int | None:
        """Find where a delivery is pending: with its visitor, or where a document's causes lie."""
        workspace = delivery.workspace
        places = (
            self._keys.partition(workspace, delivery.visitor),
            self._keys.partition(workspace),
        )
        for place in dict.fromkeys(places):
            key = self._keys.delivery_bodies(place)
            if await self._client.read(place, "HEXISTS", key, delivery.id) == 1:
                return place
        return None

    async def _rows_below(self, workspace: str, endpoint: str, before: str) -> list[Delivery]:
        home = self._keys.partition(workspace)
        keys = [self._log_key(kind, workspace, endpoint) for kind in ("dl", "dh")]
        rows = await self._client.run(home, _ROWS, keys, (before, SLICE), durable=False)
        assert isinstance(rows, list)
        return [unpack_row(row) for row in rows if isinstance(row, bytes)]

    def _pending(self, partition: int) -> tuple[str, str, str]:
        """Return the keys of pending deliveries: by the instant due, their records, by visitor."""
        due, bodies = self._keys.delivery_due(partition), self._keys.delivery_bodies(partition)
        return due, bodies, self._keys.pending_of_visitors(partition)

    def _log_key(self, kind: str, workspace: str, endpoint: str) -> str:
        """Return a key of an endpoint's log: `dl` rows by instant, `ds` settled ones, `dh` records."""
        home = self._keys.partition(workspace)
        return self._keys.of_workspace(home, kind, workspace, short(endpoint))


def steps_of(
    ids: Sequence[str], deliveries: Sequence[Delivery]
) -> Iterator[tuple[list[str], list[Delivery]]]:
    """Divide causes into steps of at most 128 causes and deliveries, each cause with all of its own."""
    by_cause: dict[str, list[Delivery]] = {}
    for one in deliveries:
        by_cause.setdefault(one.cause, []).append(one)
    some: list[str] = []
    their: list[Delivery] = []
    for name in dict.fromkeys(ids):
        own = by_cause.pop(name, [])
        if len(some) + len(their) + 1 + len(own) > SLICE and some:
            yield some, their
            some, their = [], []
        some.append(name)
        their.extend(own)
    their.extend(one for own in by_cause.values() for one in own)
    if some or their:
        yield some, their


def _of_visitor(delivery: Delivery) -> str:
    """Return the member by which a visitor's pending deliveries are found."""
    return short(delivery.workspace, delivery.visitor) + delivery.id


def unpack_delivery(raw: bytes) -> Delivery:
    """Read a pending delivery."""
    return _decode(raw)


def unpack_row(raw: bytes) -> Delivery:
    """Read a row of a log, behind the characters of its visitor."""
    return _decode(memoryview(raw)[OWNER_CHARS:])
