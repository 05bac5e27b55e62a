"""What only the Redis store's sessions do: one script a step, names in other partitions, channels."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.errors import LimitExceeded, StoreUnavailable
from engine.limits import COMMIT_ITEMS_MAX, MESSAGES_KEPT_MAX, SEEN_KEPT_MS
from engine.stores.records import (
    Committed,
    Conflict,
    Count,
    DecisionLine,
    Duplicate,
    Hint,
    Lost,
    Seen,
    SessionRef,
)
from engine.stores.redis import commits as redis_commits
from engine.stores.redis import sessions as redis_sessions
from engine.stores.redis.store import RedisStore
from tests.faults.server import Single
from tests.servers import need_server
from tests.stores.steps import (
    OTHER,
    REF,
    START_MS,
    SteppedClock,
    a_cause,
    commit_all,
    heard,
    message,
    step,
    until,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(valkey: Single, clock: SteppedClock) -> AsyncIterator[RedisStore]:
    valkey.flush()
    opened = await RedisStore.open(valkey.url, clock=clock, partitions=16)
    yield opened
    await opened.close()


@pytest.fixture
async def peer(valkey: Single, clock: SteppedClock, store: RedisStore) -> AsyncIterator[RedisStore]:
    opened = await RedisStore.open(valkey.url, clock=clock, partitions=16)
    yield opened
    await opened.close()


async def test_two_workers_share_one_session(store: RedisStore, peer: RedisStore) -> None:
    await store.commit(step(0))
    assert (await peer.load(REF)).state == b"state 1"
    assert isinstance(await peer.commit(step(1)), Committed)
    assert isinstance(await store.commit(step(1, op="op_late")), Conflict)
    assert isinstance(await store.commit(step(1)), Duplicate)


async def test_a_wakeup_is_claimed_by_one_of_two_workers(
    store: RedisStore, peer: RedisStore, clock: SteppedClock
) -> None:
    refs = [SessionRef("ws_a", "visitor_1", f"chat_{number}") for number in range(300)]
    await asyncio.gather(*(store.commit(step(0, ref, wake_ms=START_MS)) for ref in refs))
    place = store.partition_of("ws_a", "visitor_1")
    found = await asyncio.gather(
        *(worker.claim_due(place, limit=200) for worker in (store, peer, store, peer))
    )
    claimed = [ref for due in found for ref, _ in due.sessions]
    assert sorted(ref.session for ref in claimed) == sorted(ref.session for ref in refs)
    assert {due.next_ms for due in found} <= {START_MS, START_MS + 500}


async def test_a_store_without_a_clock_goes_by_the_server_s_time(valkey: Single) -> None:
    valkey.flush()
    store = await RedisStore.open(valkey.url)
    await store.commit(step(0, wake_ms=1))
    seconds, micros = valkey.node.ask("TIME")
    said_ms = int(seconds) * 1_000 + int(micros) // 1_000
    (entry,) = await store.journal(REF)
    due = await store.claim_due(store.partition_of("ws_a", REF.visitor))
    for at_ms in (entry.at_ms, due.now_ms, await store.now()):
        assert abs(at_ms - said_ms) < 5_000
    assert due.sessions == ((REF, 1),)
    await store.close()


async def test_a_name_leads_nowhere_until_its_commit_is_made(store: RedisStore) -> None:
    await store.commit(step(0))
    refused = step(0, op="op_late", ids=("msg_1",))
    assert isinstance(await store.commit(refused), Conflict)
    assert await store.find("ws_a", "msg_1") is None
    await store.commit(step(1, ids=("msg_1",)))
    assert await store.find("ws_a", "msg_1") == REF


async def test_no_name_of_a_client_stands_in_a_key(store: RedisStore, valkey: Single) -> None:
    ref = SessionRef("ws_canary", "visitor_canary", "chat_canary")
    line = DecisionLine("dec_canary", START_MS, "rule", "sent", b"why")
    await store.commit(
        step(0, ref, ids=("msg_canary",), messages=(message("m1"),), decisions=(line,), seen=(1,))
    )
    await store.resolve("alias_canary", ref)
    keys = valkey.node.ask("KEYS", "*")
    assert isinstance(keys, list)
    assert len(keys) > 10
    assert [key for key in keys if b"canary" in key] == []


async def test_a_commit_with_too_many_items_is_refused(store: RedisStore) -> None:
    most = tuple(range(COMMIT_ITEMS_MAX))
    assert isinstance(await store.commit(step(0, seen=most)), Committed)
    with pytest.raises(LimitExceeded):
        await store.commit(step(1, seen=(*most, COMMIT_ITEMS_MAX)))
    again = await store.commit(step(1, seen=(5, *range(COMMIT_ITEMS_MAX, COMMIT_ITEMS_MAX + 300))))
    assert again == Seen((5,))


async def test_all_seen_ids_are_named_also_behind_many_new_ones(store: RedisStore) -> None:
    await store.commit(step(0, seen=(1, 2, 3)))
    many = (1, *range(100, 400), 2, *range(500, 700), 3)
    assert await store.commit(step(1, seen=many)) == Seen((1, 2, 3))


async def test_the_oldest_event_ids_leave(
    store: RedisStore, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_commits, "SEEN_LEN_MAX", 3)
    for expect in range(4):
        clock.now_ms += 1
        await store.commit(step(expect, seen=(expect,)))
    assert await store.commit(step(4, seen=(1, 2, 3))) == Seen((1, 2, 3))
    assert isinstance(await store.commit(step(4, seen=(0,))), Committed)


async def test_an_event_id_is_forgotten_after_a_day_without_a_sweep(
    store: RedisStore, clock: SteppedClock
) -> None:
    await store.commit(step(0, seen=(1,)))
    clock.now_ms += SEEN_KEPT_MS - 1
    assert await store.commit(step(1, seen=(1,))) == Seen((1,))
    clock.now_ms += 1
    assert isinstance(await store.commit(step(1, seen=(1,))), Committed)


async def test_the_sockets_noted_with_a_session_are_bounded(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_sessions, "SOCKETS_NOTED_MAX", 2)
    for conn in range(4):
        await store.attach(REF, "w1", conn)
    assert await store.presence([REF]) == [2]
    await store.detach(REF, "w1", 0)
    assert await store.presence([REF]) == [2]
    await store.detach(REF, "w1", 3)
    assert await store.presence([REF]) == [1]


async def test_sockets_of_a_session_without_a_commit_are_forgotten_in_time(
    store: RedisStore, valkey: Single
) -> None:
    await store.attach(REF, "w1", 1)
    key = store._keys.of_session("s", REF)
    assert 0 < int(valkey.node.ask("PTTL", key)) <= 86_400_000
    await store.commit(step(0, messages=(message("m1"),)))
    assert valkey.node.ask("PTTL", key) == -1
    assert await store.presence([REF]) == [1]


async def test_a_worker_is_hinted_at_what_another_committed(
    store: RedisStore, peer: RedisStore
) -> None:
    await peer.attach(REF, "w2", 1)
    await peer.attach(REF, "w2", 2)
    hints = peer.hints("w2")
    await store.commit(step(0, new_epoch="an epoch: 7", messages=(message("m1"),)))
    assert await heard(hints) == Hint(REF, "an epoch: 7", 1)
    await store.commit(step(1, messages=(message("m2"), message("m3"))))
    assert await heard(hints) == Hint(REF, "an epoch: 7", 3)


async def test_lost_channels_are_told_to_every_worker(store: RedisStore) -> None:
    await store.attach(REF, "w1", 1)
    hints = store.hints("w1")
    store._client.channels.on_lost()
    assert await heard(hints) == Lost()


async def test_after_lost_channels_every_watched_partition_is_looked_at(store: RedisStore) -> None:
    told: list[tuple[str, int]] = []
    store.on_earlier_wake = lambda partition, due_ms: told.append((f"wake {due_ms}", partition))
    store.on_work = lambda partition: told.append(("work", partition))
    await store.watch("w1", {4, 5})
    store._client.channels.on_lost()
    assert sorted(told) == [
        *((f"wake {START_MS}", partition) for partition in (4, 5)),
        *(("work", partition) for partition in (4, 5)),
    ]


async def test_a_watch_that_was_not_confirmed_is_waited_for_when_it_is_asked_for_again(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels, asked = store._hints._channels, list[int]()

    async def refuse(partition: int, channel: str) -> None:
        asked.append(partition)
        raise StoreUnavailable("unknown", 1)

    with monkeypatch.context() as patch:
        patch.setattr(channels, "subscribe", refuse)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await store.watch("w1", {4})
    assert asked == [4, 4]
    await store.watch("w1", {4})
    assert store._keys.work_channel(4) in channels._wanted
    await store.watch("w1", set())
    assert store._keys.work_channel(4) not in channels._wanted


async def test_only_the_watched_partitions_are_told_of_work(
    store: RedisStore, peer: RedisStore
) -> None:
    refs = {
        store.partition_of("ws_a", f"v{n}"): SessionRef("ws_a", f"v{n}", f"c{n}") for n in range(99)
    }
    told: list[tuple[str, int]] = []
    store.on_earlier_wake = lambda partition, due_ms: told.append((f"wake {due_ms}", partition))
    store.on_work = lambda partition: told.append(("work", partition))
    await store.watch("w1", {3, 4, 5})
    await store.watch("w1", {4, 5})
    for partition in (3, 4):
        ref = refs[partition]
        causes = (a_cause(f"evt_{partition}", ref.visitor),)
        await peer.commit(step(0, ref, wake_ms=START_MS + 7, causes=causes))
    await store.commit(step(0, refs[5], causes=(a_cause("evt_own", refs[5].visitor),)))
    await peer.commit(step(1, refs[5], causes=(a_cause("evt_5", refs[5].visitor),)))
    await until(lambda: ("work", 5) in told)
    assert sorted(told) == [(f"wake {START_MS + 7}", 4), ("work", 4), ("work", 5)]


async def test_a_later_wakeup_than_the_earliest_is_not_told(
    store: RedisStore, peer: RedisStore
) -> None:
    told: list[int] = []
    place = store.partition_of("ws_a", "visitor_1")
    store.on_earlier_wake = lambda _, due_ms: told.append(due_ms)
    await store.watch("w1", {place})
    refs = [SessionRef("ws_a", "visitor_1", f"chat_{number}") for number in range(3)]
    await peer.commit(step(0, refs[0], wake_ms=START_MS + 50))
    await peer.commit(step(0, refs[1], wake_ms=START_MS + 60))
    await peer.commit(step(1, refs[0], wake_ms=START_MS + 70))
    await peer.commit(step(0, refs[2], wake_ms=START_MS + 10))
    await until(lambda: START_MS + 10 in told)
    assert told == [START_MS + 50, START_MS + 10]


async def test_of_many_messages_the_newest_are_kept_and_read(store: RedisStore) -> None:
    count = MESSAGES_KEPT_MAX + 20
    await store.commit(step(0, messages=tuple(message(f"m{n}") for n in range(1, count + 1))))
    epoch = (await store.load(REF)).epoch
    whole = await store.history(REF, None, 0)
    assert [m.offset for m in whole.messages] == list(range(21, count + 1))
    for after in (20, 100, count - 9, count - 8, count - 1, count):
        page = await store.history(REF, epoch, after)
        assert page.recovered
        assert [m.offset for m in page.messages] == list(range(after + 1, count + 1))
    for wrong in ((epoch, 19), (epoch, count + 1), ("other", count)):
        page = await store.history(REF, *wrong)
        assert not page.recovered
        assert page.messages == whole.messages


async def test_a_session_that_began_again_shows_the_journal_of_its_second_life(
    store: RedisStore, valkey: Single, clock: SteppedClock
) -> None:
    await commit_all(store, 5)
    valkey.node.ask("DEL", store._keys.of_session("s", REF))
    clock.now_ms += 10
    for expect in range(2):
        await store.commit(step(expect, op=f"again_{expect}", entry=b"second %d" % expect))
    assert [entry.body for entry in await store.journal(REF)] == [b"second 0", b"second 1"]
    assert [entry.number for entry in await store.journal(REF, after=1)] == [2]
    shown = [(ref, len(entries)) async for ref, entries in store.scan("ws_a", 0, 2**60)]
    assert shown == [(REF, 2)]


async def test_an_entry_that_was_trimmed_is_left_out(store: RedisStore, valkey: Single) -> None:
    await commit_all(store, 5)
    valkey.node.ask("LTRIM", store._keys.of_session("j", REF), 2, -1)
    assert [entry.number for entry in await store.journal(REF)] == [3, 4, 5]
    assert [entry.number for entry in await store.journal(REF, limit=2)] == [3, 4]
    await store.commit(step(5))
    assert [entry.number for entry in await store.journal(REF, after=4)] == [5, 6]


async def test_a_server_without_memory_refuses_and_nothing_is_half_done(
    store: RedisStore, valkey: Single
) -> None:
    await store.commit(step(0))
    valkey.node.ask("CONFIG", "SET", "maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable) as caught:
            await store.commit(step(1, counts=(Count("2026-11-21", "sent"),), ids=()))
    finally:
        valkey.node.ask("CONFIG", "SET", "maxmemory", 0)
    assert caught.value.outcome == "none"
    assert (await store.load(REF)).version == 1
    assert isinstance(await store.commit(step(1)), Committed)


async def test_what_waits_is_counted(store: RedisStore) -> None:
    await store.commit(step(0, wake_ms=START_MS + 10))
    await store.commit(step(0, OTHER, wake_ms=START_MS + 10))
    health = await store.health()
    assert (health.ok, health.kind, health.pending_wakeups) == (True, "redis", 2)


async def test_commits_are_done_once_however_often_connections_are_lost(
    store: RedisStore, valkey: Single
) -> None:
    refs = [SessionRef("ws_a", f"visitor_{number}", f"chat_{number}") for number in range(20)]
    made = dict.fromkeys(refs, 0)

    async def cut() -> int:
        lost = 0
        for _ in range(10):
            await asyncio.sleep(0.02)
            lost += await asyncio.to_thread(valkey.node.ask, "CLIENT", "KILL", "TYPE", "normal")
        return lost

    async def commit_on(ref: SessionRef) -> None:
        while not cutting.done():
            answer = await store.commit(step(made[ref], ref, messages=(message(f"m{made[ref]}"),)))
            made[ref] += 1
            assert isinstance(answer, Committed | Duplicate)
            assert (answer.version, answer.offset) == (made[ref], made[ref])

    cutting = asyncio.create_task(cut())
    await asyncio.gather(*(commit_on(ref) for ref in refs))
    assert await cutting >= 10
    for ref in refs:
        last = (await store.journal(ref, after=made[ref] - 1))[-1]
        assert last.number == made[ref] == (await store.load(ref)).offset


async def test_health_says_when_no_server_answers(tmp_path: Path) -> None:
    need_server()
    with Single.start(tmp_path) as server:
        store = await RedisStore.open(server.url, partitions=4)
        await store.commit(step(0, wake_ms=1))
        well = await store.health()
        assert (well.ok, well.pending_wakeups, well.primaries_down) == (True, 1, 0)
        server.kill()
        ill = await store.health()
        assert (ill.ok, ill.pending_wakeups, ill.primaries_down) == (False, 1, 1)
        assert ill.reason
        await store.close()
    closed = await store.health()
    assert (closed.ok, closed.reason) == (False, "the store is closed")
