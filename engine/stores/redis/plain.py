"""The plain lane: one command at a time over redis-py; what the fast one is compared with."""

import asyncio
from collections import deque
from contextlib import suppress

from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from engine.errors import StoreUnavailable
from engine.stores.redis.address import Address, Place
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

_SAMPLE_S = 1.0
_DOUBT_S = 0.02


def connection_to(address: Address, place: Place, timeout_s: float | None) -> Connection:
    """Make a connection of redis-py that repeats nothing by itself."""
    made = SSLConnection if place.tls else Connection
    return made(
        host=address.host,
        port=address.port,
        db=place.database,
        username=place.user,
        password=place.password,
        socket_timeout=timeout_s,
        socket_connect_timeout=SILENCE_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        legacy_responses=True,
    )


def said(error: ResponseError) -> ServerSaid:
    """Turn a refusal back into the words of the server."""
    code = error.status_code
    return ServerSaid(f"{code} {error}" if code else str(error))


class _Call:
    __slots__ = ("asking", "deadline", "durable", "future", "sends", "size", "words")

    def __init__(
        self, words: tuple[Word, ...], deadline: float, *, durable: bool, asking: bool
    ) -> None:
        self.words = words
        self.deadline = deadline
        self.durable = durable
        self.asking = asking
        self.sends = 0
        self.size = sum(len(word) if isinstance(word, bytes | str) else 8 for word in words)
        self.future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()


class RedisPyLane:
    """A lane that sends a command, and a `WAIT` for it, after the one before was answered."""

    def __init__(self, settings: LaneSettings) -> None:
        """Begin to connect."""
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._calls: deque[_Call] = deque()
        self._came = asyncio.Event()
        self._pauses = Pauses(settings.pause_s)
        self._down_since: float | None = self._loop.time()
        self._short_since: float | None = None
        self._sample_due_s = 0.0
        self._is_closed = False
        self._task = self._loop.create_task(self._serve())

    def submit(
        self, words: tuple[Word, ...], deadline: float, *, durable: bool, asking: bool = False
    ) -> "asyncio.Future[Reply]":
        """Queue a command, as `Lane.submit` promises."""
        if self._is_closed:
            raise LaneLeft(sent=False)
        since = self._down_since or (self._short_since if durable else None)
        if since is not None and self._loop.time() - since > TRIP_S:
            raise StoreUnavailable("none", RETRY_AFTER_MS, self.trouble)
        call = _Call(words, deadline, durable=durable, asking=asking)
        self._settings.room.take(call.size)
        self._calls.append(call)
        self._loop.call_at(deadline, self._expire, call)
        self._came.set()
        return call.future

    @property
    def trouble(self) -> str:
        """Tell why commands wait longer than they should, "" when they do not."""
        if self._down_since is not None:
            return f"{self._settings.address} does not answer"
        if self._short_since is not None:
            return f"the replicas of {self._settings.address} do not confirm writes"
        return ""

    def hurry(self) -> None:
        """Connect now, when a pause runs."""
        self._pauses.hurry()

    async def close(self) -> None:
        """End the connection; what is unanswered ends with `LaneLeft`."""
        self._is_closed = True
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._leave()

    def _leave(self) -> None:
        while self._calls:
            self._finish(self._calls.popleft(), LaneLeft(sent=True))

    def _finish(self, call: _Call, outcome: Reply | Exception) -> None:
        self._settings.room.give_back(call.size)
        if call.future.done():
            return
        if isinstance(outcome, LaneLeft):
            outcome = LaneLeft(sent=call.sends > 0)
        if isinstance(outcome, ServerSaid):
            outcome.was_resent = call.sends > 1
        if isinstance(outcome, Exception):
            call.future.set_exception(outcome)
        else:
            call.future.set_result(outcome)

    def _expire(self, call: _Call) -> None:
        if not call.future.done():
            outcome: Outcome = "unknown" if call.sends else "none"
            reason = self.trouble or f"{self._settings.address} is slow"
            call.future.set_exception(StoreUnavailable(outcome, RETRY_AFTER_MS, reason))

    # ---- the connection

    async def _serve(self) -> None:
        settings = self._settings
        while True:
            connection = connection_to(settings.address, settings.place, SILENCE_S)
            try:
                await self._open(connection)
                await self._answer(connection)
            except LaneLeft:
                self._leave()
                settings.events.lost(f"{settings.address} is not a primary")
            except (RedisError, OSError, TimeoutError, UnicodeError, ServerSaid) as error:
                settings.events.lost(f"{settings.address}: {error}")
            finally:
                await connection.disconnect(nowait=True)
            self._down_since = self._down_since or self._loop.time()
            await self._pauses.wait()

    async def _open(self, connection: Connection) -> None:
        await connection.connect_check_health()
        answers = [await self._ask(connection, words) for words in greeting(self._settings)]
        judge(self._settings, answers)
        self._down_since = None
        self._settings.events.opened()

    async def _answer(self, connection: Connection) -> None:
        """Answer calls until the connection is lost; the one it was lost with is first again."""
        while True:
            if self._loop.time() >= self._sample_due_s:
                await self._sample(connection)
            self._came.clear()
            if not self._calls:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_SAMPLE_S):
                        await self._came.wait()
                continue
            call = self._calls[0]
            outcome: Reply | Exception = None
            if not call.future.done():
                outcome = await self._do(connection, call)
            self._calls.popleft()
            self._finish(call, outcome)

    async def _do(self, connection: Connection, call: _Call) -> Reply | ServerSaid:
        call.sends += 1
        if call.asking:
            await self._ask(connection, ("ASKING",))
        reply = await self._ask(connection, call.words)
        while call.durable and not isinstance(reply, ServerSaid) and not call.future.done():
            if await self._is_safe(connection):
                break
        return reply

    async def _is_safe(self, connection: Connection) -> bool:
        safety = self._settings.safety
        if not safety.replicas:
            return True
        fenced = await self._ask(connection, ("SET", safety.fences[0], "1"))
        held = await self._ask(connection, ("WAIT", safety.replicas, WAIT_MS))
        if fenced == b"OK" and isinstance(held, int) and held >= safety.replicas:
            self._short_since = None
            return True
        self._short_since = self._short_since or self._loop.time()
        self._settings.events.doubted()
        await asyncio.sleep(_DOUBT_S)
        return False

    async def _ask(self, connection: Connection, words: tuple[Word, ...]) -> Reply | ServerSaid:
        await connection.send_command(*words)
        try:
            reply: Reply = await connection.read_response(disable_decoding=True)
        except ResponseError as error:
            return said(error)
        return reply

    async def _sample(self, connection: Connection) -> None:
        self._sample_due_s = self._loop.time() + _SAMPLE_S
        watch = self._settings.watch
        sent_ms = watch.elapsed_ms()
        reply = await self._ask(connection, ("TIME",))
        received_ms = watch.elapsed_ms()
        assert isinstance(reply, list)
        seconds, micros = (int(part) for part in reply if isinstance(part, bytes))
        self._settings.events.sampled(sent_ms, received_ms, seconds * 1_000_000 + micros)
