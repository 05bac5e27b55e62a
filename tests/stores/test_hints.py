"""What every store promises of sockets: who is attached is hinted, after the commit, and counted."""

import asyncio

import pytest

from engine.limits import HINTS_LEN_MAX, WHISPER_BYTES_MAX, WHISPERS_BEHIND_MAX
from engine.stores.base import Heard, Hint, Lost, SessionRef, Store, Whisper
from engine.stores.hints import Hints
from tests.stores.steps import OTHER, REF, heard, message, step

pytestmark = pytest.mark.anyio


async def test_an_attached_worker_is_hinted_at_messages(store: Store, peer: Store) -> None:
    assert await store.attach(REF, "w1", 1) == ("", 0, 1)
    hints = store.hints("w1")
    await peer.commit(step(0, OTHER, messages=(message("m0"),)))
    await peer.commit(step(0))
    await peer.commit(step(1, messages=(message("m1"), message("m2"))))
    epoch = (await store.load(REF)).epoch
    assert await heard(hints) == Hint(REF, epoch, 2)
    assert await store.attach(REF, "w1", 2) == (epoch, 2, 2)


async def test_a_detached_worker_is_not_hinted(store: Store, peer: Store) -> None:
    await store.attach(REF, "w1", 1)
    await store.attach(OTHER, "w1", 2)
    await store.detach(REF, "w1", 1)
    await store.detach(REF, "w1", 1)
    hints = store.hints("w1")
    await peer.commit(step(0, messages=(message("m1"),)))
    await peer.commit(step(0, OTHER, messages=(message("m2"),)))
    first = await heard(hints)
    assert isinstance(first, Hint)
    assert first.ref == OTHER


async def test_a_whisper_reaches_the_other_workers_that_have_sockets_and_no_store_keeps_it(
    store: Store, peer: Store
) -> None:
    await store.attach(REF, "w1", 1)
    await store.attach(REF, "w1", 2)
    await store.attach(OTHER, "w1", 3)
    hints = store.hints("w1")
    assert await peer.whisper(REF, b"psst\x00 \xff") is store.is_shared
    assert await peer.whisper(SessionRef("ws_a", "v", "chat_x"), b"nobody") is False
    await peer.commit(step(0, OTHER, messages=(message("m1"),)))
    if store.is_shared:
        assert await heard(hints) == Whisper(REF, b"psst\x00 \xff")
    first = await heard(hints)
    assert isinstance(first, Hint)
    assert first.ref == OTHER
    assert (await store.load(REF)).offset == 0


async def test_a_whisper_of_one_s_own_is_not_heard(store: Store, peer: Store) -> None:
    await store.attach(REF, "w1", 1)
    assert await store.whisper(REF, b"to nobody") is False
    hints = store.hints("w1")
    await peer.commit(step(0, messages=(message("m1"),)))
    assert isinstance(await heard(hints), Hint)


async def test_a_whisper_that_is_too_long_is_dropped(store: Store, peer: Store) -> None:
    await store.attach(REF, "w1", 1)
    hints = store.hints("w1")
    await peer.whisper(REF, b"x" * (WHISPER_BYTES_MAX + 1))
    await peer.whisper(REF, b"x" * WHISPER_BYTES_MAX)
    await peer.commit(step(0, messages=(message("m1"),)))
    if store.is_shared:
        assert await heard(hints) == Whisper(REF, b"x" * WHISPER_BYTES_MAX)
    assert isinstance(await heard(hints), Hint)


async def test_whispers_end_when_the_last_socket_of_a_worker_has_gone(
    store: Store, peer: Store
) -> None:
    await store.attach(REF, "w1", 1)
    await store.detach(REF, "w1", 1)
    assert await peer.whisper(REF, b"nobody") is False


async def test_an_erasure_hints_who_has_a_socket_of_the_visitor(store: Store, peer: Store) -> None:
    await store.attach(REF, "w1", 1)
    await store.attach(REF, "w1", 2)
    await store.attach(OTHER, "w1", 3)
    hints = store.hints("w1")
    await peer.commit(step(0, messages=(message("m1"),)))
    epoch = (await store.load(REF)).epoch
    assert await heard(hints) == Hint(REF, epoch, 1)
    await peer.erase(REF.workspace, REF.visitor)
    assert await heard(hints) == Hint(REF, "", 0)
    assert (await store.load(REF)).epoch == ""
    await peer.commit(step(0, OTHER, messages=(message("m2"),)))
    following = await heard(hints)
    assert isinstance(following, Hint)
    assert following.ref == OTHER


async def test_hints_end_when_the_store_closes(store: Store) -> None:
    async def listen() -> list[Heard]:
        return [hint async for hint in store.hints("w1")]

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    await store.close()
    assert await listening == []


async def test_sockets_of_all_workers_are_counted(store: Store, peer: Store) -> None:
    for one, worker in ((store, "w1"), (peer, "w2")):
        await one.heartbeat(worker, 60_000)
        await one.attach(REF, worker, 1)
        await one.attach(REF, worker, 1)
    assert await store.presence([REF, OTHER]) == [2, 0]
    assert await peer.presence([REF]) == [2]
    await peer.detach(REF, "w2", 1)
    assert await store.presence([REF]) == [1]


async def test_a_slow_listener_is_told_that_hints_were_lost() -> None:
    hints = Hints()
    hints.attach(REF, "w1", 1)
    for offset in range(HINTS_LEN_MAX + 2):
        hints.announce(REF, "e", offset)
    listening = hints.listen("w1")
    assert await anext(listening) == Lost()
    assert await anext(listening) == Hint(REF, "e", HINTS_LEN_MAX + 1)


async def test_whispers_push_no_hints_out() -> None:
    hints = Hints()
    hints.attach(REF, "w1", 1)
    hints.announce(REF, "e", 1)
    for number in range(HINTS_LEN_MAX + 2):
        assert hints.whisper(REF, str(number).encode())
    hints.announce(REF, "e", 2)
    hints.close()
    waited = [hint async for hint in hints.listen("w1")]
    assert (waited[0], waited[-1]) == (Hint(REF, "e", 1), Hint(REF, "e", 2))
    assert len(waited) == WHISPERS_BEHIND_MAX + 1


async def test_hints_of_one_worker_are_not_another_s() -> None:
    hints = Hints()
    hints.attach(REF, "w1", 1)
    hints.attach(SessionRef("ws_a", "v", "chat_x"), "w2", 1)
    hints.announce(REF, "e", 1)
    hints.close()
    assert [hint async for hint in hints.listen("w2")] == []
    assert len([hint async for hint in hints.listen("w1")]) == 1
