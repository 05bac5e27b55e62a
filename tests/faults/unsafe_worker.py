"""A serving process with safeties off: the controls of the fault tests, out of reach of any configuration.

`python -m tests.faults.unsafe_worker NAME[,NAME…] serve …`: the command line of `opportune`, after the
patches of these names, some with a number as in `idle_after=75`. Each safety that is off must make its test
fail, or the test proves nothing.
"""

import asyncio
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from engine import intake, openings
from engine.clock import SystemClock
from engine.errors import StoreUnavailable
from engine.outbox import sender
from engine.outbox.attempts import Attempts
from engine.outbox.endpoint import Endpoint
from engine.stores.base import (
    Commit,
    CommitAnswer,
    Committed,
    Delivery,
    RateAnswer,
    RateAsk,
    SessionRef,
    Store,
)
from engine.stores.rates import Rates
from engine.stores.redis import lane as redis_lane
from engine.stores.redis import replies as redis_replies
from engine.stores.redis import store as redis_impl
from engine.stores.redis.replies import Reply, ServerSaid
from engine.stores.redis.store import RedisStore
from engine.stores.sqlite import custody as sqlite_custody
from engine.stores.sqlite.store import SqliteStore
from server import jobs
from server.cli.main import main
from server.sockets import bounded_writer, connection, delivery
from server.wire.decoding import Reader

LATER_S = 0.4
CAP_NEVER = 1 << 30

FREED_AFTER_S = 0.3
"""How soon `free_slots` gives a command up: what is on its way when answers come again is newer than they are."""


def tell_before_commit() -> None:
    """Answer a commit before it is made; it is made a little later, in the session's order."""
    for kind in stores():
        _tell_first(kind)


def _tell_first(kind: type[Store]) -> None:
    real = kind.commit
    last: dict[SessionRef, asyncio.Task[None]] = {}

    async def later(store: Store, commit: Commit, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        await asyncio.sleep(LATER_S)
        await real(store, commit)

    async def commit_later(store: Store, commit: Commit) -> CommitAnswer:
        if commit.expect == 0:
            return await real(store, commit)
        before = last.get(commit.ref)
        last[commit.ref] = asyncio.create_task(later(store, commit, before))
        loaded = await store.load(commit.ref)
        profile = (commit.expect_profile or 0) + (commit.profile is not None)
        first = loaded.offset + 1 if commit.messages else 0
        offset = loaded.offset + len(commit.messages)
        return Committed(commit.expect + 1, profile, first, offset)

    kind.commit = commit_later  # type: ignore[method-assign]  # the safety that is off


def no_cas() -> None:
    """Commit over whatever is there: the versions that were loaded are not compared."""
    for kind in stores():
        _over_all(kind, lambda commit: commit)


def no_cap_check() -> None:
    """Let every commit grant as much as it wants."""
    for kind in stores():
        _wrapped(kind, lambda commit: msgspec.structs.replace(commit, cap=CAP_NEVER))


def no_fired_check() -> None:
    """Let a wake-up take effect although somebody else has taken it."""
    for kind in stores():
        _wrapped(kind, lambda commit: msgspec.structs.replace(commit, fired_ms=None))


def no_op_id() -> None:
    """Let Redis forget which commit was a session's last."""
    _change_script("commit", "if S[2] == ARGV[2] then", "if false then")


def _change_script(name: str, old: str, new: str) -> None:
    """Change a line of a script before anybody has loaded it from its file."""
    safe = redis_replies.script(name)
    assert old in safe.text, f"{name}.lua reads otherwise"
    unsafe = redis_replies.script_of(name, safe.text.replace(old, new))
    for module in list(sys.modules.values()):
        for attribute, value in list(vars(module).items()):
            if value is safe or value == safe:
                setattr(module, attribute, unsafe)
    load = redis_replies.script
    redis_impl.script = lambda wanted: unsafe if wanted == name else load(wanted)


def epoch_kept() -> None:
    """Go on with the sequence of messages of a store that went back, as if clients could tell by nothing."""
    for kind in stores():
        _wrapped(kind, lambda commit: msgspec.structs.replace(commit, new_epoch=None))
    _change_script("commit", "elseif lineage ~= (S[14] or '') then", "elseif false then")


def no_seen() -> None:
    """Take every event for a new one."""
    for kind in stores():
        _wrapped(kind, lambda commit: msgspec.structs.replace(commit, seen=()))
    intake.note_number = lambda *_: True


def free_slots() -> None:
    """Give up commands that are not answered soon; what comes for them answers whoever is next."""
    lane_type = redis_lane.HiredisLane
    tick, heard, flush = lane_type._tick, lane_type.replied, lane_type._flush
    sample = lane_type._sample
    unread: defaultdict[redis_lane.HiredisLane, deque[Reply | ServerSaid]] = defaultdict(deque)

    def impatient(lane: redis_lane.HiredisLane) -> None:
        if lane._flight and lane._loop.time() - lane._heard_s > FREED_AFTER_S:
            for slot in lane._flight:
                if isinstance(slot, redis_lane._Call):
                    lane._fail(slot, StoreUnavailable("unknown", 1_000))
            lane._flight.clear()
            lane._flush()
        tick(lane)

    def replied(lane: redis_lane.HiredisLane, reply: Reply | ServerSaid) -> None:
        if lane._flight or not lane._is_ready:
            heard(lane, reply)
        else:
            unread[lane].append(reply)

    def read_on(lane: redis_lane.HiredisLane) -> None:
        flush(lane)
        while unread[lane] and lane._flight:
            heard(lane, unread[lane].popleft())

    def sampled(lane: redis_lane.HiredisLane, reply: list[Reply]) -> None:
        with suppress(ValueError):
            sample(lane, reply)

    lane_type._tick = impatient  # type: ignore[method-assign]  # the safety that is off
    lane_type.replied = replied  # type: ignore[method-assign]  # so that it goes on
    lane_type._flush = read_on  # type: ignore[method-assign]  # what came too late is still read
    lane_type._sample = sampled  # type: ignore[method-assign]  # its answer is another's, too
    redis_lane.SILENCE_S = 1e9  # type: ignore[attr-defined]  # imported there


def ack_before_wait() -> None:
    """Answer writes before the replicas have confirmed them."""
    safe = redis_lane.HiredisLane._take

    def take(lane: redis_lane.HiredisLane, parts: list[bytes]) -> bool:
        safe(lane, parts)
        return False

    redis_lane.HiredisLane._take = take  # type: ignore[method-assign]  # the safety that is off


def quick_timers() -> None:
    """Wait a quarter as long for a socket's first frame and for a client that reads: not unsafe, only quick."""
    connection.AUTH_WAIT_S /= 4
    connection.SEND_WAIT_S /= 4


def no_decode_catch() -> None:
    """Decode bodies without expecting that they are nested too deep or no text."""

    def read(reader: Reader[msgspec.Struct], body: bytes) -> msgspec.Struct:
        return reader._decoder.decode(body)

    Reader.read = read  # type: ignore[method-assign]  # the safety that is off


def no_auth_timer() -> None:
    """Wait for ever until a socket says who it is."""
    connection.AUTH_WAIT_S = None  # type: ignore[assignment]  # what `asyncio.timeout` takes for never


def no_send_deadline() -> None:
    """Wait for ever until a client reads, and queue for it whatever comes."""
    connection.SEND_WAIT_S = None  # type: ignore[assignment]  # what `asyncio.timeout` takes for never
    bounded_writer.QUEUED_FRAMES_MAX = bounded_writer.QUEUED_BYTES_MAX = 1 << 60


def no_lease() -> None:
    """Claim wake-ups without keeping others off, in every partition."""
    for kind in stores():
        _claim_all(kind)


def count_alone() -> None:
    """Count calls at each worker by itself."""
    rates, clock = Rates(), SystemClock()

    async def rate(_: Store, asks: Sequence[RateAsk]) -> RateAnswer:
        return rates.count(asks, clock.now_ms())

    RedisStore.rate = rate  # type: ignore[method-assign]  # the safety that is off


def no_owner() -> None:
    """Let every worker own every partition: it hears of nobody but itself."""
    heartbeat = RedisStore.heartbeat

    async def beat(
        store: RedisStore, worker: str, lease_ms: int, *, owns: bool = True
    ) -> frozenset[str]:
        await heartbeat(store, worker, lease_ms, owns=owns)
        return frozenset((worker,))

    RedisStore.heartbeat = beat  # type: ignore[assignment, method-assign]  # the safety that is off


def stores() -> list[type[Store]]:
    """List the stores whose commits go wrong."""
    return [SqliteStore, RedisStore]


def _wrapped(kind: type[Store], change: Callable[[Commit], Commit]) -> None:
    real = kind.commit

    async def commit(store: Store, asked: Commit) -> CommitAnswer:
        return await real(store, change(asked))

    kind.commit = commit  # type: ignore[method-assign]  # the safety that is off


def _over_all(kind: type[Store], change: Callable[[Commit], Commit]) -> None:
    real = kind.commit

    async def commit(store: Store, asked: Commit) -> CommitAnswer:
        while True:
            loaded = await store.load(asked.ref)
            known = None if asked.expect_profile is None else loaded.profile_version
            over = msgspec.structs.replace(asked, expect=loaded.version, expect_profile=known)
            answer = await real(store, over)
            if type(answer).__name__ != "Conflict":
                return answer

    kind.commit = commit  # type: ignore[method-assign]  # the safety that is off


def _claim_all(kind: type[Store]) -> None:
    real = kind.claim_due

    async def claim_due(store: Store, partition: int = 0, **options: int) -> object:
        return await real(store, partition, **{**options, "lease_ms": 0})

    kind.claim_due = claim_due  # type: ignore[assignment,method-assign]  # the safety that is off


def settle_before_sent() -> None:
    """Call a webhook delivered, and only then send it."""
    real = Attempts.make

    async def make(self: Attempts, delivery: Delivery, endpoint: Endpoint) -> Delivery:
        await self.settle(msgspec.structs.replace(delivery, status="delivered"))
        await asyncio.sleep(LATER_S)
        return await real(self, delivery, endpoint)

    Attempts.make = make  # type: ignore[method-assign]  # the safety that is off


def quick_look() -> None:
    """Look every second whether a hint was lost: not unsafe, only quick."""
    delivery.LOOK_AGAIN_S, delivery.LOOK_AGAIN_SPREAD_S = 1, 1


def quick_sweep() -> None:
    """Sweep every 2 s: not unsafe, only quick."""
    jobs.SWEEP_EVERY_S = 2


def idle_after(seconds: str) -> None:
    """End a session after so many seconds without events: not unsafe, only quick."""
    openings.SESSION_IDLE_MS = int(seconds) * 1_000


def keep_causes() -> None:
    """Tell causes and settle none: not unsafe, what was told can be counted."""

    async def settle_causes(*_: object, **__: object) -> None:
        """Forget nothing."""

    RedisStore.settle_causes = settle_causes  # type: ignore[method-assign]  # it is counted then


def quick_lease() -> None:
    """Send webhooks of a dead worker again after 3 s: not unsafe, only quick."""
    sender.LEASE_MS = 3_000


def no_history() -> None:
    """Send the newest message that a hint tells of, and not what came before it."""

    async def push(self: delivery.Delivery) -> None:
        pulled = await self._services.runtime.pull(self._ref, self.epoch, self.offset)
        await self.send(list(pulled.items)[-1:])

    delivery.Delivery.push = push  # type: ignore[method-assign]  # the safety that is off


def no_tombstone() -> None:
    """Remove a visitor without noting that events of theirs may still be on the way."""

    async def entomb(*_: object) -> None:
        """Note nothing."""

    RedisStore._entomb = entomb  # type: ignore[method-assign]  # the safety that is off
    sqlite_custody.bury = lambda *_: None


SAFETIES: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (
        tell_before_commit,
        no_cas,
        no_cap_check,
        no_fired_check,
        no_op_id,
        no_owner,
        no_seen,
        no_lease,
        ack_before_wait,
        quick_timers,
        quick_look,
        quick_lease,
        quick_sweep,
        idle_after,
        keep_causes,
        no_history,
        epoch_kept,
        no_tombstone,
        count_alone,
        settle_before_sent,
        no_decode_catch,
        no_auth_timer,
        no_send_deadline,
        free_slots,
    )
}

if __name__ == "__main__":
    for name in sys.argv.pop(1).split(","):
        safety, *number = name.split("=")
        SAFETIES[safety](*number)
    sys.exit(main())
