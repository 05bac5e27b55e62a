"""What every store promises of sockets: who is attached is hinted, after the commit, and counted."""

import asyncio

import pytest

from engine.limits import HINTS_LEN_MAX
from engine.stores.base import Hint, Lost, SessionRef, Store
from engine.stores.hints import Hints
from tests.stores.steps import OTHER, REF, message, step

pytestmark = pytest.mark.anyio


async def test_an_attached_worker_is_hinted_at_messages(store: Store) -> None:
    assert await store.attach(REF, "w1", 1) == ("", 0)
    hints = store.hints("w1")
    await store.commit(step(0, OTHER, messages=(message("m0"),)))
    await store.commit(step(0))
    await store.commit(step(1, messages=(message("m1"), message("m2"))))
    epoch = (await store.load(REF)).epoch
    assert await anext(hints) == Hint(REF, epoch, 2)
    assert await store.attach(REF, "w1", 2) == (epoch, 2)


async def test_a_detached_worker_is_not_hinted(store: Store) -> None:
    await store.attach(REF, "w1", 1)
    await store.attach(OTHER, "w1", 2)
    await store.detach(REF, "w1", 1)
    await store.detach(REF, "w1", 1)
    await store.commit(step(0, messages=(message("m1"),)))
    await store.commit(step(0, OTHER, messages=(message("m2"),)))
    first = await anext(store.hints("w1"))
    assert isinstance(first, Hint)
    assert first.ref == OTHER


async def test_hints_end_when_the_store_closes(store: Store) -> None:
    async def listen() -> list[Hint | Lost]:
        return [hint async for hint in store.hints("w1")]

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    await store.close()
    assert await listening == []


async def test_sockets_are_counted(store: Store) -> None:
    await store.attach(REF, "w1", 1)
    await store.attach(REF, "w1", 1)
    await store.attach(REF, "w2", 1)
    assert await store.presence([REF, OTHER]) == [2, 0]
    await store.detach(REF, "w2", 1)
    assert await store.presence([REF]) == [1]


async def test_a_slow_listener_is_told_that_hints_were_lost() -> None:
    hints = Hints()
    hints.attach(REF, "w1", 1)
    for offset in range(HINTS_LEN_MAX + 2):
        hints.announce(REF, "e", offset)
    listening = hints.listen("w1")
    assert await anext(listening) == Lost()
    assert await anext(listening) == Hint(REF, "e", HINTS_LEN_MAX + 1)


async def test_hints_of_one_worker_are_not_another_s() -> None:
    hints = Hints()
    hints.attach(REF, "w1", 1)
    hints.attach(SessionRef("ws_a", "v", "chat_x"), "w2", 1)
    hints.announce(REF, "e", 1)
    hints.close()
    assert [hint async for hint in hints.listen("w2")] == []
    assert len([hint async for hint in hints.listen("w1")]) == 1
