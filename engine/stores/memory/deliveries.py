"""The deliveries of `memory:`: those that wait, by partition, and the log of each endpoint."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import heappop, heappush

import msgspec

from engine.errors import StoreUnavailable
from engine.limits import (
    DELIVERIES_KEPT_MAX,
    DELIVERIES_KEPT_MS,
    DELIVERIES_ROWS_MAX,
    MEMORY_DELIVERIES_MAX,
)
from engine.stores.base import Delivery, DeliveryStatus, DueDeliveries

_Key = tuple[int, str]


class _Pending(msgspec.Struct, frozen=True, gc=False):
    """Where a delivery waits, and when it falls due: its own time, or the end of its claim."""

    partition: int
    falls_ms: int
    delivery: Delivery


class _Log:
    """The deliveries of one endpoint, in the order of (`created_ms`, id)."""

    def __init__(self) -> None:
        self.kept: dict[str, Delivery] = {}
        self.order: list[_Key] = []
        self.settled: list[_Key] = []

    def put(self, delivery: Delivery) -> None:
        """Keep a delivery in the place of what was known of it; settled ones over the limit leave."""
        self.remove(delivery.id)
        self.kept[delivery.id] = delivery
        insort(self.order, (delivery.created_ms, delivery.id))
        if delivery.status != "pending":
            insort(self.settled, (delivery.created_ms, delivery.id))
        if len(self.settled) > DELIVERIES_KEPT_MAX:
            self.remove(self.settled[0][1])

    def remove(self, name: str) -> None:
        """Forget a delivery; one that is not kept is nothing."""
        known = self.kept.pop(name, None)
        if known is None:
            return
        key = (known.created_ms, name)
        del self.order[bisect_left(self.order, key)]
        if known.status != "pending":
            del self.settled[bisect_left(self.settled, key)]


class Deliveries:
    """What `Store` promises of deliveries, in dicts."""

    def __init__(self, partitions: int) -> None:
        """Start with none."""
        self._pending: dict[str, _Pending] = {}
        # By partition: (falls due, id); an entry counts while the delivery still falls due then.
        self._heaps: list[list[_Key]] = [[] for _ in range(partitions)]
        self._logs: dict[tuple[str, str], _Log] = {}

    def check_room(self, more: int) -> None:
        """Refuse more than may wait.

        Raises:
            StoreUnavailable: too many wait.
        """
        if more and len(self._pending) + more > MEMORY_DELIVERIES_MAX:
            raise StoreUnavailable("none", 1_000, "too many deliveries wait to be sent")

    def add(self, partition: int, delivery: Delivery) -> None:
        """Keep a delivery that is not known."""
        if self.find(delivery.workspace, delivery.endpoint, delivery.id) is None:
            self.put(partition, delivery)

    def put(self, partition: int, delivery: Delivery) -> None:
        """Keep a delivery as it is now; a pending one waits in a partition."""
        self._logs.setdefault((delivery.workspace, delivery.endpoint), _Log()).put(delivery)
        if delivery.status == "pending":
            self._wait(partition, delivery.due_ms, delivery)
        else:
            self._pending.pop(delivery.id, None)

    def claim(self, partition: int, now_ms: int, limit: int, lease_ms: int) -> DueDeliveries:
        """See `Store.claim_deliveries`."""
        heap = self._heaps[partition]
        claimed: list[Delivery] = []
        while len(claimed) < min(limit, DELIVERIES_ROWS_MAX) and self._next(partition) <= now_ms:
            claimed.append(self._pending[heappop(heap)[1]].delivery)
        for delivery in claimed:
            self._wait(partition, now_ms + max(1, lease_ms), delivery)
        next_ms = self._next(partition)
        claimed.sort(key=lambda delivery: (delivery.due_ms, delivery.id))
        return DueDeliveries(now_ms, None if next_ms == _NEVER else int(next_ms), tuple(claimed))

    def settle(self, delivery: Delivery) -> bool:
        """See `Store.settle_delivery`."""
        known = self._pending.get(delivery.id)
        if known is None:
            return False
        self.put(known.partition, delivery)
        return True

    def find(self, workspace: str, endpoint: str, name: str) -> Delivery | None:
        """See `Store.delivery`."""
        log = self._logs.get((workspace, endpoint))
        return None if log is None else log.kept.get(name)

    def below(
        self,
        of: tuple[str, str],
        status: DeliveryStatus | None,
        before: str | None,
        limit: int,
    ) -> tuple[Delivery, ...]:
        """See `Store.deliveries`; `of` is (workspace, endpoint)."""
        log = self._logs.get(of, _Log())
        known = None if before is None else log.kept.get(before)
        if before is not None and known is None:
            return ()
        key = None if known is None else (known.created_ms, known.id)
        end = len(log.order) if key is None else bisect_left(log.order, key)
        newest = (log.kept[name] for _, name in reversed(log.order[:end]))
        found = (delivery for delivery in newest if status in (None, delivery.status))
        rows = range(min(limit, DELIVERIES_ROWS_MAX))
        return tuple(delivery for delivery, _ in zip(found, rows, strict=False))

    def of(self, workspace: str, visitor: str) -> Iterator[Delivery]:
        """Yield what is kept of a visitor's deliveries, in no order."""
        for (of_one, _), log in self._logs.items():
            if of_one == workspace:
                yield from (kept for kept in log.kept.values() if kept.visitor == visitor)

    def forget(self, delivery: Delivery) -> None:
        """Forget a delivery, whether it waits or not."""
        self._pending.pop(delivery.id, None)
        log = self._logs[delivery.workspace, delivery.endpoint]
        log.remove(delivery.id)
        if not log.kept:
            del self._logs[delivery.workspace, delivery.endpoint]

    def sweep(self, now_ms: int) -> int:
        """Forget the settled deliveries that are too old, and count them."""
        last = (now_ms - DELIVERIES_KEPT_MS + 1, "")
        old = [
            log.kept[name]
            for log in self._logs.values()
            for _, name in log.settled[: bisect_left(log.settled, last)]
        ]
        for delivery in old:
            self.forget(delivery)
        return len(old)

    def _wait(self, partition: int, falls_ms: int, delivery: Delivery) -> None:
        self._pending[delivery.id] = _Pending(partition, falls_ms, delivery)
        heappush(self._heaps[partition], (falls_ms, delivery.id))

    def _next(self, partition: int) -> float:
        """Tell when the first delivery falls due; what moved away vanishes from the heap."""
        heap = self._heaps[partition]
        while heap:
            falls_ms, name = heap[0]
            known = self._pending.get(name)
            if known is not None and (known.partition, known.falls_ms) == (partition, falls_ms):
                return falls_ms
            heappop(heap)
        return _NEVER


_NEVER = float("inf")
