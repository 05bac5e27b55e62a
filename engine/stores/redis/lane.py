"""The fast lane: commands in batches of one write with one `WAIT`, one reply a command, in order."""

import asyncio
from collections import deque
from contextlib import suppress
from enum import Enum

from engine.errors import StoreUnavailable
from engine.limits import LANE_BATCH_BYTES_MAX, LANE_BATCH_LEN_MAX
from engine.stores.redis.handshake import greeting, judge
from engine.stores.redis.lanes import (
    RETRY_AFTER_MS,
    SILENCE_S,
    TRIP_S,
    WAIT_MS,
    LaneSettings,
    Outcome,
)
from engine.stores.redis.pauses import Pauses
from engine.stores.redis.replies import LaneLeft, Reply, ServerSaid, Word
from engine.stores.redis.wire import Wire, pack

_TICK_S = 0.1
_SAMPLE_S = 1.0
_DOUBT_S = 0.02
_FENCE_MS = 86_400_000

_ASKING = pack(("ASKING",))
_TIME = pack(("TIME",))


class _Mark(Enum):
    """A reply that no caller waits for."""

    ASKING = 0
    TIME = 1
    FENCE = 2
    WAIT = 3


class _Call:
    """One command in its place; the place stays when the caller has gone."""

    __slots__ = ("asking", "deadline", "durable", "future", "packed", "reply", "sends")

    def __init__(
        self, packed: bytes, deadline: float, future: "asyncio.Future[Reply]", *, durable: bool
    ) -> None:
        self.packed = packed
        self.deadline = deadline
        self.future = future
        self.durable = durable
        self.asking = False
        self.sends = 0
        self.reply: Reply = None


class HiredisLane:
    """A lane over a connection of our own, as `Lane` promises."""

    def __init__(self, settings: LaneSettings) -> None:
        """Begin to connect."""
        self._settings = settings
        self._room = settings.room
        self._safety = settings.safety
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Call] = deque()
        self._flight: deque[_Call | _Mark] = deque()
        self._held: list[_Call] = []
        self._greeted: list[Reply | ServerSaid] = []
        self._wire: Wire | None = None
        self._is_ready = False
        self._is_closed = False
        self._plans_flush = False
        self._batch_waits = False
        self._is_fenced = False
        self._fence_is_absent = False
        self._heard_s = self._loop.time()
        self._sample_due_s = 0.0
        self._sample_sent_ms = 0.0
        self._down_since: float | None = self._heard_s
        self._short_since: float | None = None
        self._over: asyncio.Future[str] = self._loop.create_future()
        self._fence_turn = 0
        self._pauses = Pauses(settings.pause_s)
        self._timer = self._loop.call_later(_TICK_S, self._tick)
        self._task = self._loop.create_task(self._serve())

    # ---- callers

    def submit(
        self, words: tuple[Word, ...], deadline: float, *, durable: bool, asking: bool = False
    ) -> "asyncio.Future[Reply]":
        """Queue a command, as `Lane.submit` promises."""
        if self._is_closed:
            raise LaneLeft(sent=False)
        if self._down_since is not None or self._short_since is not None:
            self._refuse_when_tripped(durable=durable)
        packed = pack(words)
        self._room.take(len(packed))
        call = _Call(packed, deadline, self._loop.create_future(), durable=durable)
        call.asking = asking
        self._queue.append(call)
        if not self._plans_flush and not self._flight:
            self._plans_flush = True
            self._loop.call_soon(self._flush)
        return call.future

    async def close(self) -> None:
        """End the connection; what is unanswered ends with `LaneLeft`."""
        self._is_closed = True
        self._timer.cancel()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._disconnect()
        self._leave()

    def hurry(self) -> None:
        """Connect now, when a pause runs."""
        self._pauses.hurry()

    @property
    def trouble(self) -> str:
        """Tell why commands wait longer than they should, "" when they do not."""
        if self._down_since is not None:
            return f"{self._settings.address} does not answer"
        if self._short_since is not None:
            return f"the replicas of {self._settings.address} do not confirm writes"
        return ""

    def _refuse_when_tripped(self, *, durable: bool) -> None:
        since = self._down_since
        if since is None and durable:
            since = self._short_since
        if since is not None and self._loop.time() - since > TRIP_S:
            raise StoreUnavailable("none", RETRY_AFTER_MS, self.trouble)

    # ---- sending

    def _flush(self) -> None:
        """Send the next batch, when the one before is answered."""
        self._plans_flush = False
        if self._flight or not self._is_ready:
            return
        parts: list[bytes] = []
        now = self._loop.time()
        if now >= self._sample_due_s:
            self._sample_due_s = now + _SAMPLE_S
            parts.append(_TIME)
            self._flight.append(_Mark.TIME)
        if self._held and not self._safety.replicas:
            self._confirm()
        if self._held:
            self._batch_waits = True
        else:
            self._is_fenced = False
            self._batch_waits = self._take(parts)
        if self._batch_waits:
            self._append_wait(parts)
        if parts:
            assert self._wire is not None
            self._heard_s = now
            self._sample_sent_ms = self._settings.watch.elapsed_ms()
            self._wire.send(b"".join(parts))

    def _take(self, parts: list[bytes]) -> bool:
        """Move commands from the queue into the batch; tells whether a `WAIT` has to follow."""
        queue, flight = self._queue, self._flight
        count = size = 0
        durable = False
        while queue and count < LANE_BATCH_LEN_MAX:
            if count and size + len(queue[0].packed) > LANE_BATCH_BYTES_MAX:
                break
            call = queue.popleft()
            if call.future.done():
                self._room.give_back(len(call.packed))
                continue
            if call.asking:
                parts.append(_ASKING)
                flight.append(_Mark.ASKING)
            call.sends += 1
            durable = durable or call.durable
            parts.append(call.packed)
            flight.append(call)
            count += 1
            size += len(call.packed)
        return durable and self._safety.replicas > 0

    def _append_wait(self, parts: list[bytes]) -> None:
        safety = self._safety
        if not self._is_fenced:
            # It needs no memory, so that a full server can still say what is safe.
            fence = safety.fences[self._fence_turn % len(safety.fences)]
            words: tuple[Word, ...] = ("PEXPIRE", fence, _FENCE_MS)
            if self._fence_is_absent:
                words = ("SET", fence, "1", "PX", _FENCE_MS)
            parts.append(pack(words))
            self._flight.append(_Mark.FENCE)
        parts.append(pack(("WAIT", safety.replicas, WAIT_MS)))
        self._flight.append(_Mark.WAIT)

    # ---- what the wire tells

    def replied(self, reply: Reply | ServerSaid) -> None:
        """Give a reply to whose it is."""
        if not self._is_ready:
            self._greeted.append(reply)
            return
        if not self._flight:
            self.hung_up("the server sent a reply that nobody asked for")
            return
        slot = self._flight.popleft()
        if isinstance(slot, _Mark):
            self._note(slot, reply)
        elif isinstance(reply, ServerSaid):
            reply.was_resent = slot.sends > 1
            self._fail(slot, reply)
        elif slot.durable and self._batch_waits:
            slot.reply = reply
            self._held.append(slot)
        else:
            self._answer(slot, reply)

    def drained(self) -> None:
        """Go on with the next batch."""
        self._heard_s = self._loop.time()
        if not self._is_ready:
            if len(self._greeted) >= len(greeting(self._settings)) and not self._over.done():
                self._over.set_result("")
        elif not self._flight and not self._plans_flush and (self._queue or self._held):
            self._flush()

    def hung_up(self, reason: str) -> None:
        """Leave the connection; `_serve` makes another."""
        if not self._over.done():
            self._over.set_result(reason)
        self._disconnect()

    def _note(self, mark: _Mark, reply: Reply | ServerSaid) -> None:
        if mark is _Mark.TIME and isinstance(reply, list):
            self._sample(reply)
        elif mark is _Mark.FENCE:
            self._is_fenced = reply in (1, b"OK")
            self._fence_is_absent = reply == 0
            # A key that is being moved cannot be written: another range of slots can.
            self._fence_turn += isinstance(reply, ServerSaid)
        elif mark is _Mark.WAIT:
            self._count(reply)

    def _count(self, reply: Reply | ServerSaid) -> None:
        """Tell the batch's callers when enough replicas have it, else ask again."""
        if self._is_fenced and isinstance(reply, int) and reply >= self._safety.replicas:
            self._confirm()
            return
        if not self._held or self._fence_is_absent:
            return
        self._short_since = self._short_since or self._loop.time()
        self._settings.events.doubted()
        if not self._is_fenced or not isinstance(reply, int):
            self._plans_flush = True
            self._loop.call_later(_DOUBT_S, self._flush)

    def _sample(self, reply: list[Reply]) -> None:
        seconds, micros = (int(part) for part in reply if isinstance(part, bytes))
        received_ms = self._settings.watch.elapsed_ms()
        server_us = seconds * 1_000_000 + micros
        self._settings.events.sampled(self._sample_sent_ms, received_ms, server_us)

    # ---- endings of a call

    def _confirm(self) -> None:
        self._short_since = None
        for call in self._held:
            self._answer(call, call.reply)
        self._held.clear()

    def _answer(self, call: _Call, reply: Reply) -> None:
        self._room.give_back(len(call.packed))
        if not call.future.done():
            call.future.set_result(reply)

    def _fail(self, call: _Call, error: Exception) -> None:
        self._room.give_back(len(call.packed))
        if not call.future.done():
            call.future.set_exception(error)

    def _leave(self) -> None:
        """Hand everything back to its callers."""
        while self._queue:
            call = self._queue.popleft()
            self._fail(call, LaneLeft(sent=call.sends > 0))

    # ---- time

    def _tick(self) -> None:
        now = self._loop.time()
        self._expire(now)
        if self._flight and now - self._heard_s > SILENCE_S:
            self.hung_up(f"{self._settings.address} said nothing for {SILENCE_S:.0f} s")
        elif now >= self._sample_due_s and not self._plans_flush:
            self._flush()
        self._timer = self._loop.call_later(_TICK_S, self._tick)

    def _expire(self, now: float) -> None:
        is_gone = False
        for call in [*self._held, *self._flight, *self._queue]:
            if isinstance(call, _Call) and call.deadline < now and not call.future.done():
                outcome: Outcome = "unknown" if call.sends else "none"
                reason = self.trouble or f"{self._settings.address} is slow"
                call.future.set_exception(StoreUnavailable(outcome, RETRY_AFTER_MS, reason))
                is_gone = True
        if is_gone:
            self._forget()

    def _forget(self) -> None:
        """Leave out of the queue what nobody waits for any more."""
        waiting = [call for call in self._queue if not call.future.done()]
        for call in self._queue:
            if call.future.done():
                self._room.give_back(len(call.packed))
        self._queue = deque(waiting)

    # ---- the connection

    async def _serve(self) -> None:
        while True:
            reason = await self._connect()
            if not reason:
                opened_s = self._loop.time()
                reason = await self._over
                self._pauses.lived(self._loop.time() - opened_s)
            self._disconnect()
            self._settings.events.lost(reason)
            await self._pauses.wait()

    async def _connect(self) -> str:
        """Connect and greet; returns why it failed, "" when it did not."""
        settings = self._settings
        self._over = self._loop.create_future()
        self._greeted = []
        try:
            async with asyncio.timeout(SILENCE_S):
                self._wire = await Wire.connect(settings.address, settings.place, self)
                self._wire.send(b"".join(pack(words) for words in greeting(settings)))
                if reason := await self._over:
                    return reason
            judge(settings, self._greeted)
        except (OSError, TimeoutError, UnicodeError, ServerSaid) as error:
            return f"{settings.address}: {str(error) or 'it does not answer'}"
        except LaneLeft:
            self._leave()
            return f"{settings.address} is not a primary"
        self._over = self._loop.create_future()
        self._is_ready = True
        self._down_since = None
        settings.events.opened()
        self._flush()
        return ""

    def _disconnect(self) -> None:
        """Put everything unanswered in front of the queue again, in its order."""
        if self._wire is not None:
            self._wire.drop()
            self._wire = None
        if self._is_ready:
            self._down_since = self._heard_s if self._flight else self._loop.time()
        self._is_ready = False
        unanswered = [*self._held, *(slot for slot in self._flight if isinstance(slot, _Call))]
        self._held.clear()
        self._flight.clear()
        self._short_since = None
        self._queue.extendleft(reversed(unanswered))
