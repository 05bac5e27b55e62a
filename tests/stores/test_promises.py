"""Clients' ids that are answered before the disk has them."""

import asyncio

import pytest

from engine.stores.base import SessionRef
from engine.stores.sqlite.promises import MISSED_MAX, Promises

pytestmark = pytest.mark.anyio
KEY = ("w", "client_1")
REF = SessionRef("w", "v", "chat_1")
OTHER = SessionRef("w", "v", "chat_2")


def written() -> asyncio.Future[object]:
    return asyncio.get_running_loop().create_future()


async def test_a_promise_stands_until_its_row_is_written() -> None:
    promises, row = Promises(), written()
    promises.make(KEY, REF, row)
    assert promises.find(KEY) == REF
    row.set_result(None)
    await promises.settled(KEY)
    assert (promises.find(KEY), len(promises)) == (None, 0)


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_promise_whose_row_cannot_be_written_is_none(is_cancelled: bool) -> None:
    promises, row = Promises(), written()
    promises.make(KEY, REF, row)
    if is_cancelled:
        row.cancel()
    else:
        row.set_exception(OSError("the disk is full"))
    await promises.settled(KEY)
    assert promises.find(KEY) is None
    assert not promises.is_missed(KEY)


async def test_the_end_of_an_older_promise_leaves_the_newer_one() -> None:
    promises, first, second = Promises(), written(), written()
    promises.make(KEY, REF, first)
    promises.make(KEY, OTHER, second)
    first.set_result(None)
    await asyncio.sleep(0)
    assert promises.find(KEY) == OTHER


async def test_who_looked_before_a_promise_was_made_does_not_call_it_missed() -> None:
    promises, row = Promises(), written()
    promises.miss(KEY)
    promises.make(KEY, REF, row)
    promises.miss(KEY)
    row.set_result(None)
    await promises.settled(KEY)
    assert not promises.is_missed(KEY)


def test_ids_that_were_looked_for_in_vain_are_bounded() -> None:
    promises = Promises()
    for number in range(MISSED_MAX + 1):
        promises.miss(("w", f"client_{number}"))
    assert promises.is_missed(("w", f"client_{MISSED_MAX}"))
    assert len(promises) <= MISSED_MAX
