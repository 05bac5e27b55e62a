"""The desk of an assistant: sessions are seated, queued, called, and let go when they end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.conversations.desk import BEGINNING_MS_MAX, LOOKS_MAX, NO_WAIT, Desk
from engine.conversations.places import DEFAULT_HANDLING_MS
from engine.limits import SESSION_IDLE_MS
from engine.message import Notice
from engine.runtime_types import Opening
from engine.stores.base import SessionRef
from tests.engine.world import World, world

pytestmark = pytest.mark.anyio


class Office:
    """A world with one assistant of so many places."""

    def __init__(self, here: World, count: int) -> None:
        self.world = here
        self.desk = Desk(here.store, here.runtime, here.clock, {("w", "asst"): count})
        here.runtime.on_cause(lambda cause: self.told.append(str(cause.body.__struct_config__.tag)))
        self.told: list[str] = []

    async def session(self) -> SessionRef:
        return (await self.world.runtime.open(Opening("w", "site"))).ref

    async def enter(self) -> tuple[SessionRef, bool]:
        ref = await self.session()
        return ref, (await self.desk.enter(ref, "asst")).queued

    async def status(self, ref: SessionRef) -> str:
        view = await self.world.runtime.view(ref)
        assert view is not None
        return view.status

    async def close(self, ref: SessionRef) -> None:
        await self.world.runtime.close_session(ref, "api")
        await self.desk.leave(ref)


@asynccontextmanager
async def office(count: int = 1, url: str = "memory:") -> AsyncIterator[Office]:
    async with world("", url) as here:
        yield Office(here, count)


async def test_an_assistant_without_a_limit_seats_everybody_and_keeps_nothing() -> None:
    async with office() as here:
        ref = await here.session()
        assert await here.desk.enter(ref, "another") == NO_WAIT
        assert await here.world.store.list_docs("w", "desk") == ()
        await here.desk.leave(ref)


async def test_who_finds_no_place_is_queued_and_told_how_long() -> None:
    async with office() as here:
        await here.enter()
        ref = await here.session()
        seat = await here.desk.enter(ref, "asst")
        assert (seat.queued, seat.estimated_wait_s) == (True, DEFAULT_HANDLING_MS // 1_000)
        assert await here.status(ref) == "queued"
        pulled = await here.world.runtime.pull(ref, None, 0)
        (notice,) = [item for item in pulled.items if isinstance(item, Notice)]
        assert notice.data == {"status": "queued", "estimated_wait": 120}
        assert "session_queued" in here.told


async def test_when_one_leaves_the_first_who_waits_is_called() -> None:
    async with office() as here:
        first, _ = await here.enter()
        second, _ = await here.enter()
        third, _ = await here.enter()
        await here.close(first)
        assert [await here.status(ref) for ref in (second, third)] == ["active", "queued"]
        await here.close(second)
        assert await here.status(third) == "active"


async def test_entering_and_leaving_twice_changes_nothing() -> None:
    async with office() as here:
        first, _ = await here.enter()
        second, _ = await here.enter()
        told = list(here.told)
        assert (await here.desk.enter(first, "asst")).queued is False
        assert (await here.desk.enter(second, "asst")).queued is True
        assert here.told == told
        await here.close(first)
        await here.desk.leave(first)
        assert (await here.desk.places("w", "asst")).seated[0].session == second.session


async def test_a_session_that_ended_in_silence_makes_room_for_a_newcomer() -> None:
    async with office() as here:
        await here.enter()
        here.world.clock.advance(SESSION_IDLE_MS)
        _, queued = await here.enter()
        assert queued is False


async def test_those_who_waited_go_before_the_newcomer_who_noticed() -> None:
    async with office() as here:
        await here.enter()
        here.world.clock.advance(SESSION_IDLE_MS // 2)
        second, _ = await here.enter()
        here.world.clock.advance(SESSION_IDLE_MS // 2)
        _, queued = await here.enter()
        assert queued is True
        assert await here.status(second) == "active"


async def test_tidying_calls_those_whose_turn_came_in_silence() -> None:
    async with office() as here:
        await here.enter()
        here.world.clock.advance(SESSION_IDLE_MS // 2)
        second, _ = await here.enter()
        here.world.clock.advance(SESSION_IDLE_MS // 2)
        await here.desk.tidy()
        assert await here.status(second) == "active"
        places = await here.desk.places("w", "asst")
        assert [one.session for one in places.seated] == [second.session]


async def test_tidying_forgets_those_who_gave_up_waiting() -> None:
    async with office() as here:
        await here.enter()
        await here.enter()
        here.world.clock.advance(SESSION_IDLE_MS)
        await here.desk.tidy()
        places = await here.desk.places("w", "asst")
        assert (places.seated, places.waiting) == ((), ())


async def test_tidying_tells_a_session_what_a_crash_left_untold() -> None:
    async with office() as here:
        first, _ = await here.enter()
        second, _ = await here.enter()
        seat = here.world.runtime.seat

        async def crash(*_: object, **__: object) -> None:
            raise ConnectionError

        here.world.runtime.seat = crash  # type: ignore[method-assign, assignment]
        with pytest.raises(ConnectionError):
            await here.close(first)
        here.world.runtime.seat = seat  # type: ignore[method-assign]
        assert await here.status(second) == "queued"
        await here.desk.tidy()
        assert await here.status(second) == "active"


@pytest.mark.parametrize("store", ["memory:", "sqlite:"])
async def test_thirty_at_once_take_three_places_and_the_others_wait_in_one_line(
    store: str, tmp_path: Path
) -> None:
    url = store if store == "memory:" else f"sqlite:///{tmp_path}/desk.db"
    async with office(3, url) as here:
        refs = [await here.session() for _ in range(30)]
        seats = await asyncio.gather(*(here.desk.enter(ref, "asst") for ref in refs))
        assert [seat.queued for seat in seats].count(False) == 3
        places = await here.desk.places("w", "asst")
        assert (len(places.seated), len(places.waiting)) == (3, 27)
        await asyncio.gather(*(here.close(ref) for ref in refs))
        places = await here.desk.places("w", "asst")
        assert (places.seated, places.waiting) == ((), ())


async def test_the_desk_knows_its_line_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/desk.db"
    async with office(1, url) as here:
        first, _ = await here.enter()
        second, _ = await here.enter()
    async with office(1, url) as here:
        await here.close(first)
        assert await here.status(second) == "active"


async def test_a_place_is_kept_for_a_session_that_is_about_to_begin() -> None:
    async with office() as here:
        coming = SessionRef("w", "vis_coming", "chat_coming")
        assert (await here.desk.enter(coming, "asst")).queued is False
        _, queued = await here.enter()
        assert queued is True
        here.world.clock.advance(BEGINNING_MS_MAX)
        await here.desk.tidy()
        assert coming.session not in {
            g.session for g in (await here.desk.places("w", "asst")).seated
        }


async def test_a_newcomer_looks_at_a_bounded_number_of_sessions() -> None:
    count = LOOKS_MAX + 6
    async with office(count) as here:
        for _ in range(count):
            await here.enter()
        here.world.clock.advance(SESSION_IDLE_MS)
        _, queued = await here.enter()
        assert queued is False
        assert len((await here.desk.places("w", "asst")).seated) == count - LOOKS_MAX + 1
        await here.desk.tidy()
        assert len((await here.desk.places("w", "asst")).seated) == 1
