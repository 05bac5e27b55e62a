"""Documents that many change at once: no change is lost, and nothing is written that did not change."""

import asyncio

import msgspec
import pytest

from engine.conversations.documents import Documents
from engine.errors import StoreUnavailable
from engine.limits import ATTEMPTS_MAX
from engine.stores.base import Store
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio


class Tally(msgspec.Struct, frozen=True):
    """A number that everybody adds to."""

    number: int = 0


def plus_one(tally: Tally) -> tuple[Tally, int]:
    return Tally(tally.number + 1), tally.number + 1


async def memory() -> Store:
    return await open_store("memory:", clock=ManualClock().now_ms)


async def test_changes_at_once_are_all_made() -> None:
    tallies = Documents(await memory(), "tally", Tally())
    answers = await asyncio.gather(*(tallies.change("w", "a", plus_one) for _ in range(50)))
    assert sorted(answers) == list(range(1, 51))
    assert await tallies.read("w", "a") == Tally(50)
    assert await tallies.read("w", "b") == Tally()
    assert await tallies.read("x", "a") == Tally()


async def test_two_processes_lose_no_change_either() -> None:
    store = await memory()
    ours, theirs = Documents(store, "tally", Tally()), Documents(store, "tally", Tally())

    async def several(tallies: Documents[Tally]) -> None:
        for _ in range(20):
            await tallies.change("w", "a", plus_one)

    await asyncio.gather(several(ours), several(theirs))
    assert await ours.read("w", "a") == Tally(40)


async def test_what_did_not_change_is_not_written() -> None:
    store = await memory()
    tallies = Documents(store, "tally", Tally())
    await tallies.change("w", "a", plus_one)
    assert await tallies.change("w", "a", lambda tally: (Tally(tally.number), "same")) == "same"
    doc = await store.get_doc("w", "tally", "a")
    assert doc is not None
    assert doc.version == 1


async def test_who_is_never_quick_enough_is_told_to_come_again() -> None:
    store = await memory()
    tallies = Documents(store, "tally", Tally())
    attempts = 0

    class Overtaken:
        """A store in which somebody else writes before each of our writes."""

        get_doc = store.get_doc

        async def put_doc(self, *given: object) -> object:
            nonlocal attempts
            attempts += 1
            await tallies.change("w", "a", plus_one)
            return await store.put_doc(*given)  # type: ignore[arg-type]

    ours = Documents(Overtaken(), "tally", Tally())  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        await ours.change("w", "a", plus_one)
    assert attempts == ATTEMPTS_MAX
    assert await tallies.read("w", "a") == Tally(ATTEMPTS_MAX)
