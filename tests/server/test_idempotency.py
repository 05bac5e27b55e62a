"""What an Idempotency-Key does when the store or the task fails in the middle."""

import asyncio

import pytest

from engine.errors import StoreUnavailable
from engine.stores.base import Replayed, Retention
from engine.stores.memory.store import MemoryStore
from server.errors import ApiError
from server.limits.idempotency import LOCK_MS, RepeatKey, answer_once, repeat_key
from server.wire.envelope import Answer

pytestmark = pytest.mark.anyio
DONE = Answer(200, b'{"data":1}')
SECRET = b"a secret of tests that is long enough"


class Clock:
    now_ms = 1_750_000_000_000


class Forgetful(MemoryStore):
    """A store that cannot keep an answer."""

    async def idem_end(
        self, key: bytes, body_sha256: bytes, answer: tuple[int, bytes] | None
    ) -> None:
        raise StoreUnavailable("unknown", 1_000)


def named(body: bytes = b"{}", **parts: str) -> RepeatKey:
    scope = {"workspace": "ws_a", "method": "POST", "path": "/v1/x", **parts}
    return repeat_key(b"key", body=body, secret=SECRET, **scope)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: Clock.now_ms, Retention())


async def done() -> tuple[Answer, str]:
    return DONE, ""


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same() -> None:
    store = Forgetful(lambda: Clock.now_ms, Retention())
    assert await answer_once(store, named(), done) is DONE


async def test_a_run_that_is_cancelled_leaves_its_key_free(store: MemoryStore) -> None:
    begun = asyncio.Event()

    async def endless() -> tuple[Answer, str]:
        begun.set()
        await asyncio.sleep(3_600)
        return await done()

    task = asyncio.create_task(answer_once(store, named(), endless))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await answer_once(store, named(), done) is DONE


async def test_a_run_that_never_ends_holds_its_key_for_a_bounded_time() -> None:
    clock = Clock()
    store = MemoryStore(lambda: clock.now_ms, Retention())
    key = named()
    await store.idem_begin(key.digest, key.body_sha256, lock_ms=LOCK_MS)
    clock.now_ms += LOCK_MS
    assert await answer_once(store, key, done) is DONE


@pytest.mark.parametrize("other", [{"workspace": "ws_b"}, {"method": "PATCH"}, {"path": "/v1/y"}])
def test_a_key_is_of_its_workspace_method_and_path(other: dict[str, str]) -> None:
    assert named().digest != named(**other).digest


def test_repeats_have_one_name_and_another_body_has_another() -> None:
    assert named().name == named().name
    assert named().name != named(b'{"a":1}').name
    assert named().digest == named(b'{"a":1}').digest


def test_parts_of_a_scope_cannot_be_shifted() -> None:
    first = repeat_key(b"k", "ws_a", "POST", "/v1/x", body=b"", secret=SECRET)
    second = repeat_key(b"k", "ws_aPOST", "", "/v1/x", body=b"", secret=SECRET)
    assert first.digest != second.digest


async def test_what_is_kept_of_an_answer_can_be_read_by_its_repeat_alone(
    store: MemoryStore,
) -> None:
    await answer_once(store, named(), done)
    kept = await store.idem_begin(named().digest, named().body_sha256)
    assert isinstance(kept, Replayed)
    assert DONE.body not in kept.response
    assert (await answer_once(store, named(), done)).body == DONE.body
    scope = ("ws_a", "POST", "/v1/x")
    other = repeat_key(b"key", *scope, body=b"{}", secret=b"another secret of a later start")
    with pytest.raises(ApiError) as refused:
        await answer_once(store, other, done)
    assert refused.value.reason == "idempotency_key_reused"
