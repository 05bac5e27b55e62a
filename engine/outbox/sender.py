"""The loop that sends webhooks when they are due, so that no endpoint holds up another."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.outbox.attempts import Attempts
from engine.outbox.endpoint import Known
from engine.outbox.endpoints import Endpoints
from engine.outbox.lane import IN_FLIGHT_MAX, Lane
from engine.outbox.schedule import TEST_EVENT
from engine.position_checks import next_check_s
from engine.stores.base import Delivery, Store

IN_HAND_MAX = 256
"""Deliveries claimed and not settled of a worker; the others wait in the store.
test_more_deliveries_than_are_in_hand_at_once_are_all_sent"""

CLAIM_MAX = 64
LEASE_MS = 30_000
WAIT_MS_MAX = 10_000
"""A delivery that waited longer for its turn goes back: its attempt must end before its claim does."""

RETRY_MS = 250
STOP_S = 2.0
"""How long a stop waits for requests under way; what is left is due again at once."""

WAYS_MAX = 10_000
"""Endpoints whose pace is remembered; one that was idle longest is begun anew. test_idle_endpoints_are_forgotten"""

_log = logging.getLogger("opportune.webhooks")


class _Way:
    """The way to one endpoint, and whose turn it is."""

    __slots__ = ("lane", "turn")

    def __init__(self) -> None:
        self.lane = Lane()
        self.turn = asyncio.Semaphore(IN_FLIGHT_MAX)


class WebhookSender:
    """Sends the deliveries of the partitions that this worker owns. One event loop uses it."""

    def __init__(
        self,
        store: Store,
        endpoints: Endpoints,
        attempts: Attempts,
        clock: Clock,
    ) -> None:
        """Claim from `store`; nothing is sent before `start`."""
        self._store = store
        self._endpoints = endpoints
        self._attempts = attempts
        self._clock = clock
        self._due_ms: dict[int, int | None] = {}
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._left: list[Delivery] = []
        self._is_ending = False
        self._ways: OrderedDict[str, _Way] = OrderedDict()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.sent = {"delivered": 0, "failed": 0, "retried": 0, "put_back": 0}
        """Counts attempts by what came of them, for /metrics."""
        every = frozenset(range(store.partitions))
        self.owned: Callable[[], frozenset[int]] = lambda: every
        """Names the partitions that this worker looks after; all of them unless several workers share them."""

    @property
    def in_hand(self) -> int:
        """Return how many deliveries are claimed and not settled."""
        return len(self._in_hand)

    def start(self) -> None:
        """Begin on the running loop, with what was due before."""
        self._is_ending = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name="webhooks")

    async def stop(self) -> None:
        """Claim no more, let requests under way end, and give back what is left."""
        self._is_ending = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._in_hand:
            await asyncio.wait(self._in_hand.values(), timeout=STOP_S)
        for task in tuple(self._in_hand.values()):
            task.cancel()
        await asyncio.gather(*self._in_hand.values(), return_exceptions=True)
        for delivery in self._left:
            with suppress(StoreUnavailable):
                await self._store.settle_delivery(delivery)
        self._left.clear()

    def note(self, partition: int) -> None:
        """Look at a partition at once: something may be due in it."""
        self._due_ms[partition] = 0
        self._news.set()

    async def send_due(self) -> int | None:
        """Send what is due now and wait for the answers; returns the milliseconds until the next, None for none.

        `start` does this by itself; a caller on a clock of its own does it by hand.
        """
        self._due_ms.clear()
        pause_ms = await self._claim()
        while self._in_hand:
            await asyncio.wait(tuple(self._in_hand.values()))
            self._due_ms.clear()
            pause_ms = await self._claim()
        return pause_ms

    async def send_now(self, known: Known, delivery: Delivery) -> Delivery:
        """Keep a delivery and post it at once, while somebody waits; with too much under way it comes later."""
        way = self._way(delivery.endpoint)
        now_ms = self._clock.now_ms()
        if way.turn.locked():
            await self._store.send_again(delivery)
            self.note(self._store.partition_of(delivery.workspace, delivery.visitor))
            return delivery
        # Due only when this worker is surely gone: nobody else sends it meanwhile.
        await self._store.send_again(msgspec.structs.replace(delivery, due_ms=now_ms + LEASE_MS))
        way.lane.enter_anyway()
        async with way.turn:
            return await self._attempt(delivery, known, way)

    # ---- claiming

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                pause_ms = await self._claim()
            except StoreUnavailable:
                pause_ms = RETRY_MS
            except Exception:  # noqa: BLE001  # whatever it was, what is due stays due
                _log.exception("webhooks could not be claimed; they are looked for again")
                pause_ms = RETRY_MS
            if pause_ms is None or pause_ms > 0:
                await self._sleep(pause_ms)
            else:
                await asyncio.sleep(0)

    async def _sleep(self, pause_ms: int | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None if pause_ms is None else pause_ms / 1_000):
                await self._news.wait()

    async def _claim(self) -> int | None:
        """Claim what is due in every partition, as far as there is room; returns the pause until the next."""
        owned = self.owned()
        self._due_ms = {partition: self._due_ms.get(partition, 0) for partition in owned}
        if due := self._due_now():
            room = IN_HAND_MAX - len(self._in_hand)
            if room <= 0:
                # A delivery that ends sets the news: then there is room again.
                return None
            asked = due[:room]
            await self._claim_side_by_side(asked, min(CLAIM_MAX, room // len(asked)))
        pending = [due_ms for due_ms in self._due_ms.values() if due_ms is not None]
        return max(0, min(pending) - self._clock.now_ms()) if pending else None

    def _due_now(self) -> list[int]:
        """List the partitions that are to be looked at, those that wait longest first."""
        now_ms = self._clock.now_ms()
        due = [(at_ms, number) for number, at_ms in self._due_ms.items() if at_ms is not None]
        return [number for at_ms, number in sorted(due) if at_ms <= now_ms]

    async def _claim_side_by_side(self, partitions: Sequence[int], limit: int) -> None:
        """Claim in some partitions; one that does not answer costs the others nothing but time."""
        claims = [self._claim_in(partition, limit) for partition in partitions]
        for failure in await asyncio.gather(*claims, return_exceptions=True):
            if failure is not None:
                raise failure

    async def _claim_in(self, partition: int, limit: int) -> None:
        self._due_ms[partition] = None
        try:
            claimed = await self._store.claim_deliveries(partition, limit=limit, lease_ms=LEASE_MS)
        except BaseException:
            self._due_ms[partition] = 0
            raise
        now_ms = self._clock.now_ms()
        for delivery in sorted(claimed.deliveries, key=lambda one: (one.due_ms, one.sequence)):
            if delivery.id not in self._in_hand:
                task = asyncio.create_task(self._deliver(delivery, now_ms))
                self._in_hand[delivery.id] = task
        next_ms = None
        if len(claimed.deliveries) == limit:
            next_ms = now_ms
        elif claimed.next_ms is not None:
            next_ms = now_ms + max(1, claimed.next_ms - claimed.now_ms)
        if self._store.is_shared:
            check_ms = round(next_check_s(partition, now_ms / 1_000) * 1_000)
            next_ms = check_ms if next_ms is None else min(next_ms, check_ms)
        if next_ms is not None:
            self._look_at(partition, next_ms)

    def _look_at(self, partition: int, at_ms: int) -> None:
        """Look at a partition at an instant, or before when that is noted already."""
        noted_ms = self._due_ms.get(partition)
        self._due_ms[partition] = at_ms if noted_ms is None else min(noted_ms, at_ms)

    # ---- delivering

    async def _deliver(self, delivery: Delivery, claimed_ms: int) -> None:
        try:
            await self._send(delivery, claimed_ms)
        except StoreUnavailable:
            # The claim ends, and it is tried again: nothing is lost.
            _log.warning("a webhook waits: the store is unavailable")
        except asyncio.CancelledError:
            self._left.append(msgspec.structs.replace(delivery, due_ms=self._clock.now_ms()))
            raise
        except Exception:  # noqa: BLE001  # one delivery's bug must not stop the others
            _log.exception("a webhook failed; it falls due again when its claim ends")
        finally:
            del self._in_hand[delivery.id]
            self._news.set()

    async def _send(self, delivery: Delivery, claimed_ms: int) -> None:
        if await self._taker(delivery) is None:
            return
        way = self._way(delivery.endpoint)
        turn_ms = way.lane.enter(self._clock.now_ms())
        if turn_ms is not None:
            await self._put_back(delivery, turn_ms)
            return
        is_probe = way.lane.is_dead
        async with way.turn:
            turn_ms = self._missed_ms(way, claimed_ms, is_probe=is_probe)
            known = await self._taker(delivery) if turn_ms is None else None
            if known is not None:
                await self._attempt(delivery, known, way)
                return
        way.lane.give_up()
        if turn_ms is not None:
            await self._put_back(delivery, turn_ms)

    def _missed_ms(self, way: _Way, claimed_ms: int, *, is_probe: bool) -> int | None:
        """Return when a delivery comes again that must not be sent though it is its turn; None: it may be."""
        now_ms = self._clock.now_ms()
        if way.lane.is_dead and not is_probe:
            return way.lane.after_death_ms(now_ms)
        return now_ms if self._is_ending or now_ms - claimed_ms > WAIT_MS_MAX else None

    async def _taker(self, delivery: Delivery) -> Known | None:
        """Return the endpoint of a delivery; with none that takes it, the delivery has failed."""
        known = await self._endpoints.taker(delivery.workspace, delivery.endpoint)
        if known is not None and (known.is_enabled or delivery.event == TEST_EVENT):
            return known
        why = "the endpoint was removed" if known is None else "the endpoint is disabled"
        now_ms = self._clock.now_ms()
        await self._attempts.settle(
            msgspec.structs.replace(delivery, status="failed", error=why, ended_ms=now_ms)
        )
        return None

    async def _put_back(self, delivery: Delivery, due_ms: int) -> None:
        self.sent["put_back"] += 1
        await self._settle(msgspec.structs.replace(delivery, due_ms=due_ms))

    async def _settle(self, delivery: Delivery) -> None:
        """Keep what became of a delivery; one that waits again is looked for when it is due."""
        await self._attempts.settle(delivery)
        if delivery.status == "pending":
            partition = self._store.partition_of(delivery.workspace, delivery.visitor)
            self._look_at(partition, delivery.due_ms)

    async def _attempt(self, delivery: Delivery, known: Known, way: _Way) -> Delivery:
        made = delivery
        try:
            made = await self._attempts.make(delivery, known.endpoint)
        finally:
            is_taken = made.status == "delivered"
            way.lane.leave(self._clock.now_ms(), made.duration_ms, is_taken=is_taken)
        self.sent["retried" if made.status == "pending" else made.status] += 1
        await self._settle(made)
        await self._attempts.note(made, way.lane.failures)
        return made

    def _way(self, endpoint: str) -> _Way:
        way = self._ways.get(endpoint)
        if way is None:
            way = self._ways[endpoint] = _Way()
        self._ways.move_to_end(endpoint)
        if len(self._ways) > WAYS_MAX:
            idle = next((name for name, one in self._ways.items() if not one.lane.open), endpoint)
            del self._ways[idle]
        return way
