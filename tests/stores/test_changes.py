"""What every store promises of change counters: each write of a document shows, to every worker."""

import pytest

from engine.stores.base import Store

pytestmark = pytest.mark.anyio


async def test_every_write_and_removal_of_a_document_is_counted_by_kind(
    store: Store, peer: Store
) -> None:
    assert await store.changes(["ws_a", "ws_b"]) == {}
    await store.put_doc("ws_a", "key", "k1", b"one", 0)
    await store.put_doc("ws_a", "key", "k2", b"two", 0)
    await store.put_doc("ws_a", "key", "k1", None, 1)
    await store.put_doc("ws_a", "webhook", "we_1", b"", 0)
    await store.put_doc("ws_b", "key", "k1", b"", 0)
    wanted = {("ws_a", "key"): 3, ("ws_a", "webhook"): 1}
    assert await store.changes(["ws_a"]) == wanted
    assert await peer.changes(["ws_a", "ws_b", "ws_c"]) == {**wanted, ("ws_b", "key"): 1}
    assert await peer.changes([]) == {}


async def test_a_write_that_was_refused_is_no_change(store: Store) -> None:
    await store.put_doc("ws_a", "key", "k1", b"one", 0)
    await store.put_doc("ws_a", "key", "k1", b"late", 0)
    assert await store.changes(["ws_a"]) == {("ws_a", "key"): 1}


async def test_the_numbers_go_on_over_a_removal(store: Store) -> None:
    for expect, body in ((0, b"one"), (1, None), (0, b"two")):
        await store.put_doc("ws_a", "key", "k1", body, expect)
    assert await store.changes(["ws_a"]) == {("ws_a", "key"): 3}
