"""Versions of rule sets in a store: one line of versions, one winner, nothing lost half-way."""

from collections.abc import AsyncIterator

import pytest

from engine.rule_library import RuleLibrary, RuleVersion, Stale, files_digest
from engine.stores.base import Store, StoredCause
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory:", "sqlite"])
async def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[Store]:
    folder = tmp_path_factory.mktemp("library")
    url = request.param if request.param == "memory:" else f"sqlite:///{folder}/rules.db"
    opened = await open_store(url, clock=ManualClock().now_ms)
    yield opened
    await opened.close()


def made(number: int, text: str, *, rule_set: str = "main", by: str = "") -> RuleVersion:
    files = {"main.rules": text}
    return RuleVersion(
        rule_set,
        number,
        files_digest(files),
        program=f"p-{text}",
        publication=by or f"pub-{rule_set}-{number}",
    )


async def publish(store: Store, version: RuleVersion) -> RuleVersion | Stale:
    text = version.program.removeprefix("p-")
    cause = StoredCause(f"evt_{version.publication}", "w", "", b"told")
    return await RuleLibrary(store).publish("w", version, {"main.rules": text}, cause)


async def test_a_set_begins_empty(store: Store) -> None:
    library = RuleLibrary(store)
    live = await library.live("w", "main")
    assert (live.number, await library.files("w", live)) == (0, {})
    assert await library.history("w", "main", None, 10) == ()
    assert await library.version("w", "main", 1) is None


async def test_versions_are_kept_with_their_files(store: Store) -> None:
    library = RuleLibrary(store)
    for number, text in enumerate("abc", 1):
        assert await publish(store, made(number, text)) == made(number, text)
    assert await library.live("w", "main") == made(3, "c")
    second = await library.version("w", "main", 2)
    assert second == made(2, "b")
    assert await library.files("w", second) == {"main.rules": "b"}
    assert await library.of_program("w", "main", "p-a") == made(1, "a")
    assert await library.of_program("w", "site", "p-a") is None
    assert await library.of_program("other", "main", "p-a") is None


async def test_the_history_of_one_set_is_read_downwards(store: Store) -> None:
    library = RuleLibrary(store)
    for name in ("main", "main-2", "zoo"):
        for number in range(1, 4):
            await publish(store, made(number, f"{name}{number}", rule_set=name))
    for name in ("main", "main-2", "zoo"):
        first = await library.history("w", name, None, 2)
        assert [(each.rule_set, each.number) for each in first] == [(name, 3), (name, 2)]
        rest = await library.history("w", name, first[-1].number, 2)
        assert [(each.rule_set, each.number) for each in rest] == [(name, 1)]


async def test_who_knows_an_old_version_is_refused(store: Store) -> None:
    await publish(store, made(1, "a"))
    assert await publish(store, made(1, "b", by="another")) == Stale(made(1, "a"))
    assert await publish(store, made(3, "b")) == Stale(made(1, "a"))
    assert (await RuleLibrary(store).live("w", "main")).number == 1


async def test_a_repeat_answers_what_it_made(store: Store) -> None:
    first = await publish(store, made(1, "a", by="request"))
    assert await publish(store, made(1, "a", by="request")) == first
    assert await publish(store, made(2, "a", by="request")) == first
    assert len(await store.take_causes()) == 1


async def test_the_cause_is_kept_with_the_version(store: Store) -> None:
    await publish(store, made(1, "a"))
    await publish(store, made(1, "b", by="loser"))
    assert [cause.id for cause in await store.take_causes()] == ["evt_pub-main-1"]


async def test_a_record_that_a_publisher_left_out_is_written_by_the_next(store: Store) -> None:
    """The publisher of version 1 stopped between the publication and the record."""
    library = RuleLibrary(store)
    await publish(store, made(1, "a"))
    place = ("w", "rules", "main/0000000001")
    kept = await store.get_doc(*place)
    assert kept is not None
    await store.put_doc(*place, None, kept.version)
    assert [each.number for each in await library.history("w", "main", None, 5)] == [1]
    await publish(store, made(2, "b"))
    assert [each.number for each in await library.history("w", "main", None, 5)] == [2, 1]
    assert await library.version("w", "main", 1) == made(1, "a")


def test_the_order_of_files_is_no_difference() -> None:
    assert files_digest({"a": "1", "b": "2"}) == files_digest({"b": "2", "a": "1"})
    assert files_digest({"a": "1", "b": "2"}) != files_digest({"a": "12", "b": ""})


def test_an_etag_names_the_version_and_its_files() -> None:
    assert made(7, "a").etag == f'"7-{made(1, "a").digest[:16]}"'
    assert RuleVersion("main").etag == f'"0-{files_digest({})[:16]}"'
