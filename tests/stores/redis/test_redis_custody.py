"""What Redis holds after an erasure, after one that was cut off, and when retention is over: nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.errors import StoreUnavailable
from engine.limits import BOOKINGS_KEPT_MS, CAUSES_ROWS_MAX, ERASED_LATELY_MS
from engine.stores.base import Retention, SessionRef
from engine.stores.redis import sweep as redis_sweep
from engine.stores.redis.replies import Reply
from engine.stores.redis.store import RedisStore
from tests.faults.server import Cluster, Single, wait_until
from tests.stores.canary import ENDPOINT, keep_all, ref_of
from tests.stores.redis.everything import all_keys, holding, kinds_without_end
from tests.stores.steps import REF, SteppedClock, a_delivery, keep_deliveries, message, step

pytestmark = pytest.mark.anyio
GONE, STAYS = "canary", "neighbour"
VISITOR = ref_of(GONE).visitor
Call = Callable[..., Awaitable[Reply]]


@pytest.fixture(params=["valkey", "valkey_cluster"])
def servers(request: pytest.FixtureRequest) -> Single | Cluster:
    found: Single | Cluster = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def store(servers: Single | Cluster, clock: SteppedClock) -> AsyncIterator[RedisStore]:
    servers.flush()
    opened = await RedisStore.open(servers.url, clock=clock, partitions=16)
    yield opened
    await opened.close()


async def test_no_byte_of_an_erased_visitor_stands_anywhere(
    store: RedisStore, servers: Single | Cluster
) -> None:
    await keep_all(store, STAYS)
    before = set(all_keys(servers))
    await keep_all(store, GONE)
    assert holding(servers, GONE.encode())
    assert await store.erase("ws_a", VISITOR)
    assert holding(servers, GONE.encode()) == []
    # A tombstone in the visitor's partition and one in the workspace's say that it was.
    left = set(all_keys(servers)) - before
    assert {key.split(b":")[2] for key in left} <= {b"del", b"ct", b"da", b"on", b"doc"}


async def test_an_erasure_that_is_cut_off_anywhere_is_completed_by_the_next(
    store: RedisStore, servers: Single | Cluster
) -> None:
    for calls in range(0, 400, 5):
        servers.flush()
        await keep_all(store, GONE)
        is_done = await _erase_with(store, calls)
        if not is_done:
            await store.erase("ws_a", VISITOR)
        assert holding(servers, GONE.encode()) == [], f"cut off after {calls} calls"
        if is_done:
            assert calls > 20
            return
    pytest.fail("the erasure never ended")


async def test_an_erased_visitor_leaves_the_files_of_the_server(
    tmp_path: Path, clock: SteppedClock
) -> None:
    with Single.start(tmp_path) as server:
        store = await RedisStore.open(server.url, clock=clock, durability="D1", partitions=16)
        try:
            await keep_all(store, GONE)
            _wait_until_written(tmp_path)
            await store.erase("ws_a", VISITOR)
            wait_until(lambda: not any(_files_with(tmp_path, GONE)), "the files are written anew")
        finally:
            await store.close()


async def test_a_sweep_of_any_worker_soon_after_an_erasure_clears_the_files(
    tmp_path: Path, clock: SteppedClock
) -> None:
    with Single.start(tmp_path) as server:
        stores = [
            await RedisStore.open(server.url, clock=clock, durability="D1", partitions=16)
            for _ in range(2)
        ]
        try:
            await stores[0].erase("ws_a", VISITOR)
            # What is not the visitor's own names them too, and goes later.
            await stores[0].put_doc("ws_a", "erasure", "era_1", GONE.encode(), 0)
            await stores[0].put_doc("ws_a", "erasure", "era_1", None, 1)
            _wait_until_written(tmp_path)
            await stores[1].sweep(clock.now_ms)
            wait_until(lambda: not any(_files_with(tmp_path, GONE)), "the files are written anew")
            clock.now_ms += ERASED_LATELY_MS
            assert await stores[1]._erased_lately(clock.now_ms) == frozenset()
        finally:
            for store in stores:
                await store.close()


async def test_a_server_that_is_busy_with_its_files_writes_them_anew_at_the_next_sweep(
    tmp_path: Path, clock: SteppedClock
) -> None:
    with Single.start(tmp_path) as server:
        store = await RedisStore.open(server.url, clock=clock, durability="D1", partitions=16)
        try:
            await keep_all(store, GONE)
            # So slow that the erasure happens while the file is written.
            server.node.ask("CONFIG", "SET", "rdb-key-save-delay", "10000")
            server.node.ask("BGREWRITEAOF")
            await store.erase("ws_a", VISITOR)
            server.node.ask("CONFIG", "SET", "rdb-key-save-delay", "0")
            wait_until(
                lambda: not _is_rewriting(server), "the file is written that was begun before"
            )
            assert any(_files_with(tmp_path, GONE))
            await store.sweep(clock.now_ms)
            wait_until(lambda: not any(_files_with(tmp_path, GONE)), "the files are written anew")
        finally:
            await store.close()


async def test_more_than_a_slice_of_everything_is_erased(
    store: RedisStore, servers: Single | Cluster
) -> None:
    many = 140
    names = [f"canary_{number}" for number in range(many)]
    await store.commit(step(0, ids=tuple(names)))
    await store.commit(step(1, messages=tuple(message(name) for name in names)))
    for number in range(many):
        await store.commit(step(0, SessionRef("ws_a", REF.visitor, f"chat_canary_{number}")))
    await keep_deliveries(store, [a_delivery(name) for name in names])
    assert await store.erase("ws_a", REF.visitor)
    assert holding(servers, b"canary_") == []
    assert holding(servers, REF.visitor.encode()) == []


async def test_when_everything_is_over_only_what_expires_by_itself_is_left(
    store: RedisStore, servers: Single | Cluster, clock: SteppedClock
) -> None:
    await keep_all(store, GONE)
    await store.commit(step(2, ref_of(GONE), op="op_end_1", closed=True))
    await store.commit(step(2, ref_of(GONE, 2), op="op_end_2", closed=True))
    await store.book("ws_a", "place", "apt_1", 1)
    for partition in range(store.partitions):
        ids = [cause.id for cause in await store.take_causes(partition, limit=CAUSES_ROWS_MAX)]
        await store.settle_causes(partition, ids)
        for delivery in (await store.claim_deliveries(partition)).deliveries:
            await store.send_again(delivery)
    waits = await store.delivery("ws_a", ENDPOINT, f"dlv_{GONE}_waits")
    assert waits is not None
    assert await store.settle_delivery(replace(waits, status="failed"))
    clock.now_ms += max(Retention().profiles_ms, BOOKINGS_KEPT_MS)
    while (await store.sweep(clock.now_ms)).more:
        pass
    # Seen events, aliases and counters have their own end. What stays are numbers, the document, and from
    # when on counters are shown.
    assert kinds_without_end(servers) <= {b"on", b"doc", b"dn", b"ch", b"cf", b"meta"}


async def test_a_sweep_of_much_is_done_in_slices(
    store: RedisStore, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_sweep, "SWEPT_MAX", 1)
    monkeypatch.setattr(redis_sweep, "PARTITIONS_AT_ONCE", 1)
    refs = [SessionRef("ws_a", f"v_{number}", f"chat_{number}") for number in range(40)]
    for ref in refs:
        await store.commit(step(0, ref, closed=True))
    clock.now_ms += Retention().ended_ms
    slices = [await store.sweep(clock.now_ms)]
    while slices[-1].more:
        slices.append(await store.sweep(clock.now_ms))
    assert len(slices) > 2
    assert sum(swept.sessions for swept in slices) == len(refs)
    assert (await store.sweep(clock.now_ms)).sessions == 0


async def test_a_journal_of_many_entries_is_swept_to_its_end_and_with_it_the_names(
    store: RedisStore, clock: SteppedClock
) -> None:
    for expect in range(300):
        await store.commit(step(expect, ids=(f"msg_{expect}",), closed=True))
    clock.now_ms += Retention().ended_ms
    await store.sweep(clock.now_ms)
    assert await store.find("ws_a", "msg_1") == REF
    clock.now_ms += Retention().events_ms
    entries = 0
    while True:
        swept = await store.sweep(clock.now_ms)
        entries += swept.entries
        if not swept.more:
            break
    assert entries == 300
    assert await store.find("ws_a", "msg_1") is None
    assert await store.list_sessions("ws_a", None, 9) == ()


async def test_the_young_entries_of_a_journal_stay(store: RedisStore, clock: SteppedClock) -> None:
    await store.commit(step(0))
    clock.now_ms += 1
    await store.commit(step(1))
    clock.now_ms += Retention().events_ms - 1
    assert (await store.sweep(clock.now_ms)).entries == 1
    assert [entry.number for entry in await store.journal(REF)] == [2]
    assert isinstance((await store.load(REF)).state, bytes)
    clock.now_ms += 1
    assert (await store.sweep(clock.now_ms)).entries == 1
    await store.commit(step(2))
    assert [entry.number for entry in await store.journal(REF)] == [3]


async def _erase_with(store: RedisStore, calls: int) -> bool:
    """Erase the visitor, but lose the servers after so many calls; answer whether they were enough."""
    left = calls

    def lose(*_: object, **__: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise StoreUnavailable("none", 1_000, "cut off")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("run", "read", "write"):
            patch.setattr(store._client, name, _after(lose, getattr(store._client, name)))
        try:
            return await store.erase("ws_a", VISITOR)
        except StoreUnavailable:
            return False


def _after(first: Callable[..., None], call: Call) -> Call:
    async def called(*args: object, **named: object) -> Reply:
        first()
        return await call(*args, **named)

    return called


def _is_rewriting(server: Single) -> bool:
    return server.node.about("persistence")["aof_rewrite_in_progress"] == "1"


def _wait_until_written(folder: Path) -> None:
    """Wait until the server's files name who is to be erased: on a busy disk it answers before they do."""
    wait_until(lambda: any(_files_with(folder, GONE)), "the files name who is to be erased")


def _files_with(folder: Path, word: str) -> Iterator[Path]:
    """Yield the server's files that hold a word."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and word.encode() in path.read_bytes():
                yield path
