"""Endpoints over one store: several workers change them, the sender notes what it saw, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.errors import StoreUnavailable
from engine.outbox.endpoint import (
    ROTATION_MS,
    Endpoint,
    Known,
    Noted,
    after_attempt,
    known,
    rotated,
)
from engine.outbox.endpoints import ENDPOINTS_MAX, Endpoints, TooManyEndpoints
from engine.stores.base import Store
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from tests.engine.outbox.causes import AT_MS
from tests.engine.outbox.hooks import endpoint
from tests.faults.receiver import SECRET
from tests.faults.server import Single

pytestmark = pytest.mark.anyio
URL = "https://shop.example/hook"
DAY_MS = 86_400_000


@pytest.fixture(
    params=["memory:", "sqlite:///test.db", "redis:"], ids=["memory", "sqlite", "redis"]
)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = request.param
    if url == "redis:":
        server: Single = request.getfixturevalue("valkey")
        server.flush()
        url = server.url
    opened = await open_store(url, clock=ManualClock().now_ms, base_dir=tmp_path, partitions=4)
    yield opened
    await opened.close()


def failing(before: Known, at_ms: int = AT_MS) -> Noted:
    return after_attempt(before, 500, at_ms, is_taken=False, disable_after_ms=5 * DAY_MS)


async def test_endpoints_are_listed_those_of_the_file_first_then_the_oldest(store: Store) -> None:
    endpoints = Endpoints(store, [endpoint("whk_file", URL, of_file=True)])
    for name, made_ms in (("whk_a", AT_MS + 2), ("whk_b", AT_MS)):
        made = msgspec.structs.replace(endpoint(name, URL), created_ms=made_ms)
        await endpoints.create(made)
    assert list(await endpoints.of_workspace("w")) == ["whk_file", "whk_b", "whk_a"]
    assert list(await endpoints.of_workspace("other")) == []


async def test_what_another_worker_changed_is_known_after_a_reload(store: Store) -> None:
    here, there = Endpoints(store, []), Endpoints(store, [])
    assert not await here.of_workspace("w")
    await there.create(endpoint("whk_1", URL))
    assert not await here.of_workspace("w")
    assert await here.find("w", "whk_1") is not None
    await there.remove("w", "whk_1")
    await here.reload("w")
    assert not await here.of_workspace("w")


async def test_of_many_made_at_the_same_moment_twenty_stay(store: Store) -> None:
    workers = [Endpoints(store, []) for _ in range(4)]
    names = [f"whk_{number:02}" for number in range(ENDPOINTS_MAX + 8)]
    done = await asyncio.gather(
        *(workers[place % 4].create(endpoint(name, URL)) for place, name in enumerate(names)),
        return_exceptions=True,
    )
    assert not [one for one in done if not isinstance(one, Known | TooManyEndpoints)]
    fresh = Endpoints(store, [])
    assert len(await fresh.of_workspace("w")) <= ENDPOINTS_MAX
    assert sum(isinstance(one, Known) for one in done) == len(await fresh.of_workspace("w"))


async def test_changes_of_two_workers_both_count(store: Store) -> None:
    here, there = Endpoints(store, []), Endpoints(store, [])
    await here.create(endpoint("whk_1", URL))

    def described(one: Endpoint) -> Endpoint:
        return msgspec.structs.replace(one, description="mine")

    def disabled(one: Endpoint) -> Endpoint:
        return msgspec.structs.replace(one, is_enabled=False)

    await asyncio.gather(here.change("w", "whk_1", described), there.change("w", "whk_1", disabled))
    await here.reload("w")
    found = await here.find("w", "whk_1")
    assert found is not None
    assert (found.endpoint.description, found.endpoint.is_enabled) == ("mine", False)
    assert await here.change("w", "whk_none", described) is None


async def test_a_change_that_never_wins_is_told_as_unavailable(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Endpoints(store, []), Endpoints(store, [])
    await here.create(endpoint("whk_1", URL))
    kept = store.get_doc

    async def overtaken(workspace: str, kind: str, name: str) -> object:
        doc = await kept(workspace, kind, name)
        assert doc is not None
        await store.put_doc(workspace, kind, name, doc.body, doc.version)
        return doc

    monkeypatch.setattr(store, "get_doc", overtaken)
    with pytest.raises(StoreUnavailable):
        await there.change("w", "whk_1", lambda one: msgspec.structs.replace(one, description="x"))


async def test_what_two_senders_note_begins_when_the_first_failed(store: Store) -> None:
    here, there = Endpoints(store, []), Endpoints(store, [])
    await here.create(endpoint("whk_1", URL))
    await here.note("w", "whk_1", lambda before: failing(before, AT_MS))
    await there.find("w", "whk_1")
    await there.note("w", "whk_1", lambda before: failing(before, AT_MS + 5_000))
    fresh = await Endpoints(store, []).find("w", "whk_1")
    assert fresh is not None
    assert fresh.noted == Noted(AT_MS, 500, url=URL)
    assert await here.note("w", "whk_none", failing) is None


async def test_what_is_noted_already_is_not_written_again(store: Store) -> None:
    endpoints = Endpoints(store, [])
    await endpoints.create(endpoint("whk_1", URL))
    for _ in range(3):
        await endpoints.note("w", "whk_1", failing)
    doc = await store.get_doc("w", "webhook_state", "whk_1")
    assert doc is not None
    assert doc.version == 1


async def test_a_removed_endpoint_leaves_nothing_behind(store: Store) -> None:
    endpoints = Endpoints(store, [])
    await endpoints.create(endpoint("whk_1", URL))
    await endpoints.note("w", "whk_1", failing)
    assert await endpoints.remove("w", "whk_1")
    assert not await endpoints.remove("w", "whk_1")
    for kind in ("webhook", "webhook_state"):
        assert await store.list_docs("w", kind) == ()


def test_what_was_noted_of_another_url_or_before_it_was_enabled_does_not_count() -> None:
    noted = Noted(AT_MS, 410, AT_MS, "gone", URL)
    assert not known(endpoint("whk_1", URL), noted).is_enabled
    assert known(endpoint("whk_1", URL + "2"), noted) == Known(endpoint("whk_1", URL + "2"))
    enabled = endpoint("whk_1", URL, since_ms=AT_MS)
    assert known(enabled, noted).is_enabled
    assert known(enabled, noted).noted == Noted(last_status=410, url=URL)


def test_a_success_does_not_enable_what_was_disabled_unless_it_is_of_the_file() -> None:
    gone = Noted(AT_MS, 410, AT_MS, "gone", URL)
    for of_file in (False, True):
        before = Known(endpoint("whk_1", URL, of_file=of_file), gone)
        after = after_attempt(before, 200, AT_MS + 1, is_taken=True, disable_after_ms=DAY_MS)
        assert known(before.endpoint, after).is_enabled == of_file


def test_one_request_rotates_once_and_the_former_secret_signs_for_a_day() -> None:
    before = endpoint("whk_1", URL)
    once = rotated(before, "whsec_new", "evt_1", AT_MS)
    assert rotated(once, "whsec_newer", "evt_1", AT_MS + 1) == once
    assert once.secrets(AT_MS + ROTATION_MS - 1) == ("whsec_new", SECRET)
    assert once.secrets(AT_MS + ROTATION_MS) == ("whsec_new",)
