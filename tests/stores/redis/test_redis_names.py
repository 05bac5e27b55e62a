"""How the Redis store finds sessions by names that lie in other partitions, and forgets them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.limits import ALIAS_KEPT_MS
from engine.stores.records import SessionRef
from engine.stores.redis import names as redis_names
from engine.stores.redis.keys import tail_of
from engine.stores.redis.part import SETTLED_MS
from engine.stores.redis.records import pack_alias
from engine.stores.redis.store import RedisStore
from tests.faults.server import Single
from tests.stores.steps import OTHER, REF, START_MS, SteppedClock, step

pytestmark = pytest.mark.anyio
THIRD = SessionRef("ws_a", "visitor_3", "chat_3")


@pytest.fixture
async def store(valkey: Single, clock: SteppedClock) -> AsyncIterator[RedisStore]:
    valkey.flush()
    opened = await RedisStore.open(valkey.url, clock=clock, partitions=16)
    yield opened
    await opened.close()


async def test_of_many_racing_calls_one_session_wins(store: RedisStore) -> None:
    refs = [SessionRef("ws_a", f"visitor_{number}", f"chat_{number}") for number in range(20)]
    answers = await asyncio.gather(*(store.resolve("client_1", ref) for ref in refs))
    assert len(set(answers)) == 1
    assert await store.find_alias("ws_a", "client_1") == answers[0]


async def test_an_alias_that_another_wrote_meanwhile_stands(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = redis_names.RedisNames._note_alias

    async def note_and_lose(self: RedisStore, alias: str, ref: SessionRef) -> bool:
        monkeypatch.setattr(redis_names.RedisNames, "_note_alias", note)
        assert await self.resolve(alias, OTHER) == OTHER
        return await note(self, alias, ref)

    monkeypatch.setattr(redis_names.RedisNames, "_note_alias", note_and_lose)
    assert await store.resolve("client_1", REF) == OTHER


async def test_an_alias_is_noted_with_its_visitor_before_it_is_written(
    store: RedisStore, valkey: Single
) -> None:
    await store.resolve("client_1", REF)
    await store.resolve("client_2", REF)
    await store.resolve("client_1", OTHER)
    key = store._keys.of_visitor("va", "ws_a", REF.visitor)
    found = valkey.node.ask("SMEMBERS", key)
    assert isinstance(found, list)
    assert set(found) == {b"client_1", b"client_2"}
    assert int(valkey.node.ask("PTTL", key)) > ALIAS_KEPT_MS


async def test_an_unused_alias_ends_and_that_of_a_live_session_stays(
    store: RedisStore, clock: SteppedClock
) -> None:
    await store.commit(step(0))
    await store.resolve("used", REF)
    await store.resolve("unused", OTHER)
    clock.now_ms += ALIAS_KEPT_MS - 1
    assert await store.find_alias("ws_a", "unused") == OTHER
    clock.now_ms += 1
    assert await store.find_alias("ws_a", "unused") is None
    assert await store.find_alias("ws_a", "used") == REF
    assert await store.resolve("unused", THIRD) == THIRD
    assert await store.find_alias("ws_a", "unused") == THIRD


async def test_an_alias_of_an_erased_visitor_is_not_kept(
    store: RedisStore, valkey: Single, clock: SteppedClock
) -> None:
    place = store.partition_of("ws_a", REF.visitor)
    erased = store._keys.erased(place)
    valkey.node.ask("ZADD", erased, START_MS + 10, tail_of("ws_a", REF.visitor))
    assert await store.resolve("client_1", REF) == REF
    assert await store.find_alias("ws_a", "client_1") is None
    clock.now_ms += 10
    assert await store.resolve("client_1", REF) == REF
    assert await store.find_alias("ws_a", "client_1") == REF


async def test_an_erasure_while_an_alias_is_written_leaves_nothing_of_it(
    store: RedisStore, valkey: Single, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = redis_names.RedisNames._note_alias

    async def note_and_erase(self: RedisStore, alias: str, ref: SessionRef) -> bool:
        noted = await note(self, alias, ref)
        erased = self._keys.erased(self.partition_of(ref.workspace, ref.visitor))
        valkey.node.ask("ZADD", erased, START_MS + 10, tail_of(ref.workspace, ref.visitor))
        return noted

    monkeypatch.setattr(redis_names.RedisNames, "_note_alias", note_and_erase)
    assert await store.resolve("client_1", REF) == REF
    assert await store.find_alias("ws_a", "client_1") is None


async def test_a_young_alias_is_written_once_more_before_it_is_told(
    store: RedisStore, clock: SteppedClock, valkey: Single
) -> None:
    # Whoever wrote it may still wait for its replicas; after that time it is only read.
    await store.resolve("client_1", REF)
    valkey.node.ask("CONFIG", "RESETSTAT")
    assert await store.resolve("client_1", OTHER) == REF
    assert "cmdstat_evalsha" in valkey.node.about("commandstats")
    clock.now_ms += SETTLED_MS
    valkey.node.ask("CONFIG", "RESETSTAT")
    assert await store.resolve("client_1", OTHER) == REF
    assert "cmdstat_evalsha" not in valkey.node.about("commandstats")


async def test_a_name_of_a_session_that_was_swept_leads_to_it_still(
    store: RedisStore, valkey: Single
) -> None:
    await store.commit(step(0, ids=("msg_1",)))
    keys = store._keys
    valkey.node.ask("DEL", keys.of_session("s", REF))
    valkey.node.ask("HDEL", keys.of_session("n", REF), REF.session)
    assert await store.find("ws_a", "msg_1") == REF
    assert await store.find("ws_a", REF.session) is None


async def test_a_name_s_record_says_nothing_of_the_visitor(
    store: RedisStore, valkey: Single
) -> None:
    await store.commit(step(0, ids=("msg_1",)))
    raw = valkey.node.ask("GET", store._keys.of_name("ref", "ws_a", "msg_1"))
    assert isinstance(raw, bytes)
    assert REF.visitor.encode() not in raw
    assert REF.session.encode() not in raw
    assert REF.visitor.encode() in pack_alias(REF, START_MS)
