"""Booking and cancelling: one place a booking, made good after any crash, told once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from engine.causes import Appointment, Cause, decode_cause
from engine.conversations.appointments import Customer, NotBooked, Wish
from engine.conversations.bookings import (
    BEGUN_LOOKS_MAX,
    BEGUN_MS_MAX,
    SESSION_APPOINTMENTS_MAX,
    Bookings,
)
from engine.conversations.slots import Calendar, offset_text
from engine.errors import StoreUnavailable
from engine.message import Notice
from engine.stores.base import SessionRef
from tests.engine.world import SECRET, World, world

pytestmark = pytest.mark.anyio

DAY = ((540, 1_020),)
CALENDAR = Calendar("main", "UTC", (DAY,) * 7, slot_minutes=60, lead_ms=0, horizon_days=30)  # type: ignore[arg-type]
START = datetime(2025, 6, 16, 9, tzinfo=UTC)  # the day after the clock of a world begins
DAY_OF_START = START.date()


class Booked:
    """A world with a calendar, and all causes that were told in it."""

    def __init__(self, here: World, calendars: tuple[Calendar, ...]) -> None:
        self.world = here
        self.told: list[Cause] = []
        here.runtime.on_cause(self.told.append)
        self.bookings = Bookings(here.store, here.runtime, here.clock, SECRET, {"w": calendars})

    async def book(self, number: int, start: datetime = START, **more: object) -> object:
        wish = Wish(start, Customer("Ann", email="ann@example.com"), **more)  # type: ignore[arg-type]
        return await self.bookings.book("w", wish, f"appt_{number}")

    async def room(self, start: datetime = START) -> int:
        day = start.date()
        free = await self.bookings.free("w", CALENDAR, day, day)
        start_ms = int(start.timestamp() * 1_000)
        return sum(one.room for one in free if one.slot.start_ms == start_ms)

    def names(self) -> list[str]:
        return [str(cause.body.__struct_config__.tag) for cause in self.told]


@asynccontextmanager
async def booked(
    url: str = "memory:", calendars: tuple[Calendar, ...] = (CALENDAR,)
) -> AsyncIterator[Booked]:
    async with world("", url) as here:
        yield Booked(here, calendars)


class Broken:
    """A store that stops answering at one operation, once."""

    def __init__(self, here: Booked, operation: str, at_call: int = 1) -> None:
        self._whole = getattr(here.world.store, operation)
        self._left = at_call
        setattr(here.bookings._store, operation, self._call)

    async def _call(self, *given: object, **named: object) -> object:
        self._left -= 1
        if self._left == 0:
            raise StoreUnavailable("none", 100)
        return await self._whole(*given, **named)


async def test_a_booking_takes_its_place_and_is_told_once() -> None:
    async with booked() as here:
        found = await here.book(1, service_type="AC repair", visitor="vis_1")
        assert isinstance(found, Appointment)
        assert (found.slot, found.status) == ("2025-06-16T09:00:00+00:00", "scheduled")
        assert await here.bookings.find("w", "appt_1") == found
        assert await here.room() == 0
        assert here.names() == ["appointment_scheduled"]
        (kept,) = await here.world.store.take_causes()
        assert decode_cause(kept.body) == here.told[0]


async def test_the_same_booking_again_takes_nothing_more() -> None:
    async with booked() as here:
        first = await here.book(1)
        assert await here.book(1) == first
        assert here.names() == ["appointment_scheduled"]
        assert len(await here.world.store.take_causes()) == 1


async def test_a_full_slot_is_taken_and_one_with_capacity_takes_as_many() -> None:
    pair = Calendar(**{**_fields(CALENDAR), "capacity": 2})  # type: ignore[arg-type]
    async with booked(calendars=(pair,)) as here:
        assert isinstance(await here.book(1), Appointment)
        assert isinstance(await here.book(2), Appointment)
        assert await here.book(3) == NotBooked("slot_taken")
        assert await here.bookings.find("w", "appt_3") is None
        assert await here.world.store.list_docs("w", "appointment_begun") == ()


@pytest.mark.parametrize("store", ["memory:", "sqlite:"])
async def test_two_hundred_bookings_of_twenty_slots_are_twenty(store: str, tmp_path: Path) -> None:
    url = store if store == "memory:" else f"sqlite:///{tmp_path}/bookings.db"
    async with booked(url) as here:
        free = await here.bookings.next_free("w", CALENDAR, 20)
        starts = [datetime.fromtimestamp(one.slot.start_ms / 1_000, UTC) for one in free]
        answers = await asyncio.gather(
            *(here.book(number, starts[number % 20]) for number in range(200))
        )
        won = [found for found in answers if isinstance(found, Appointment)]
        assert len({found.start_ms for found in won}) == len(won) == 20
        assert [found for found in answers if not isinstance(found, Appointment)] == [
            NotBooked("slot_taken")
        ] * 180
        assert here.names() == ["appointment_scheduled"] * 20
        listed, more = await here.bookings.listed("w", "", None, 100)
        assert [found.id for found in listed] == [
            found.id for found in sorted(won, key=lambda one: -one.start_ms)
        ]
        assert more is None
        assert await here.world.store.list_docs("w", "appointment_begun") == ()


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"start": START + timedelta(minutes=30)}, "slot_invalid"),
        ({"start": START + timedelta(microseconds=1)}, "slot_invalid"),
        ({"start": START - timedelta(days=10)}, "slot_invalid"),
        ({"start": START, "calendar": "other"}, "calendar_not_found"),
    ],
)
async def test_what_cannot_be_booked_is_refused_and_leaves_nothing(
    wish: dict[str, object], reason: str
) -> None:
    async with booked() as here:
        assert await here.book(1, **wish) == NotBooked(reason)  # type: ignore[arg-type]
        assert await here.world.store.list_docs("w", "appointment_begun") == ()


async def test_without_a_calendar_there_is_none_to_book_in() -> None:
    async with booked(calendars=()) as here:
        assert await here.book(1) == NotBooked("calendar_not_found")


# ---- the session's part


async def test_the_session_is_told_and_the_booking_is_an_event_in_it() -> None:
    async with booked() as here:
        ref = await here.world.session()
        await here.world.view(ref, "/")
        await here.book(1, ref=ref, service_type="AC repair")
        assert "appointment_scheduled" in here.names()
        assert here.names().count("qualified") == 1
        notices = await _notices(here.world, ref)
        assert [(notice.name, notice.data) for notice in notices] == [
            (
                "appointment_scheduled",
                {"appointment_id": "appt_1", "date": "2025-06-16", "time": "9:00 AM - 10:00 AM"},
            )
        ]
        found = await here.world.runtime.read(ref)
        assert found is not None
        session, profile, _ = found
        assert session.talk is not None
        assert session.talk.appointment == "appt_1"
        assert profile.contact["email"] == "ann@example.com"


async def test_a_repeat_tells_the_session_nothing_again() -> None:
    async with booked() as here:
        ref = await here.world.session()
        await here.world.view(ref, "/")
        await here.book(1, ref=ref)
        told = here.names()
        await here.book(1, ref=ref)
        assert here.names() == told
        assert len(await _notices(here.world, ref)) == 1


async def test_a_session_that_is_over_is_left_alone() -> None:
    async with booked() as here:
        ref = await here.world.session()
        await here.world.view(ref, "/")
        await here.world.runtime.close_session(ref, "api")
        found = await here.book(1, ref=ref)
        assert isinstance(found, Appointment)
        assert found.session == ref.session
        assert not [n for n in await _notices(here.world, ref) if n.name != "session_status"]


async def test_one_session_cannot_book_a_calendar_full() -> None:
    async with booked() as here:
        ref = await here.world.session()
        await here.world.view(ref, "/")
        free = await here.bookings.next_free("w", CALENDAR, SESSION_APPOINTMENTS_MAX + 1)
        *starts, last = (datetime.fromtimestamp(f.slot.start_ms / 1_000, UTC) for f in free)
        for number, start in enumerate(starts):
            assert isinstance(await here.book(number, start, ref=ref), Appointment)
        assert await here.book(99, last, ref=ref) == NotBooked("too_many")
        assert await here.room(last) == 1
        await here.bookings.cancel("w", "appt_0")
        assert isinstance(await here.book(99, last, ref=ref), Appointment)


async def test_a_full_slot_takes_no_place_in_the_session() -> None:
    async with booked() as here:
        ref = await here.world.session()
        await here.world.view(ref, "/")
        await here.book(0)
        for number in range(1, SESSION_APPOINTMENTS_MAX + 1):
            assert await here.book(number, ref=ref) == NotBooked("slot_taken")
        later = START + timedelta(hours=1)
        assert isinstance(await here.book(99, later, ref=ref), Appointment)


# ---- cancelling


async def test_cancelling_gives_the_place_back_and_is_told_once() -> None:
    async with booked() as here:
        await here.book(1)
        cancelled = await here.bookings.cancel("w", "appt_1", "is ill")
        assert cancelled is not None
        assert (cancelled.status, cancelled.reason) == ("cancelled", "is ill")
        assert await here.room() == 1
        assert isinstance(await here.book(2), Appointment)
        assert await here.bookings.cancel("w", "appt_1", "another reason") == cancelled
        assert here.names().count("appointment_cancelled") == 1
        assert await here.room() == 0


async def test_an_unknown_or_foreign_appointment_cannot_be_cancelled() -> None:
    async with booked() as here:
        await here.book(1)
        assert await here.bookings.cancel("w", "appt_9") is None
        assert await here.bookings.cancel("other", "appt_1") is None
        assert await here.bookings.find("other", "appt_1") is None


async def test_two_who_cancel_at_once_cancel_once() -> None:
    async with booked() as here:
        await here.book(1)
        answers = await asyncio.gather(*(here.bookings.cancel("w", "appt_1") for _ in range(5)))
        assert {found.status for found in answers if found} == {"cancelled"}
        assert here.names().count("appointment_cancelled") == 1


# ---- after a crash


@pytest.mark.parametrize("at_call", [2, 3])
async def test_a_place_without_an_appointment_comes_back(at_call: int) -> None:
    """The second and third document written are the appointment's place in lists and itself."""
    async with booked() as here:
        Broken(here, "put_doc", at_call)
        with pytest.raises(StoreUnavailable):
            await here.book(1)
        assert await here.room() == 0
        assert await here.book(2) == NotBooked("slot_taken")
        here.world.clock.advance(BEGUN_MS_MAX)
        assert isinstance(await here.book(3), Appointment)
        assert await here.bookings.find("w", "appt_1") is None
        assert await here.world.store.list_docs("w", "appointment_begun") == ()
        listed, _ = await here.bookings.listed("w", "", None, 10)
        assert [found.id for found in listed] == ["appt_3"]


async def test_a_place_that_a_cancellation_kept_comes_back() -> None:
    async with booked() as here:
        await here.book(1)
        Broken(here, "unbook")
        with pytest.raises(StoreUnavailable):
            await here.bookings.cancel("w", "appt_1")
        assert await here.room() == 0
        here.world.clock.advance(BEGUN_MS_MAX)
        assert await here.room() == 1
        assert await here.world.store.list_docs("w", "appointment_begun") == ()


async def test_a_cancellation_that_never_happened_changes_nothing() -> None:
    async with booked() as here:
        ref = await here.world.session()
        await here.world.view(ref, "/")
        first = await here.book(1, ref=ref)
        Broken(here, "put_doc", 2)
        with pytest.raises(StoreUnavailable):
            await here.bookings.cancel("w", "appt_1")
        here.world.clock.advance(BEGUN_MS_MAX)
        assert await here.room() == 0
        assert await here.bookings.find("w", "appt_1") == first
        assert len(await _notices(here.world, ref)) == 1
        assert await here.world.store.list_docs("w", "appointment_begun") == ()


async def test_a_place_that_is_young_is_left_to_its_booking() -> None:
    async with booked() as here:
        Broken(here, "put_doc", 3)
        with pytest.raises(StoreUnavailable):
            await here.book(1)
        here.world.clock.advance(BEGUN_MS_MAX - 1)
        assert await here.book(2) == NotBooked("slot_taken")
        assert isinstance(await here.book(1), Appointment)


async def test_a_session_that_was_not_told_is_told_at_a_later_look() -> None:
    async with booked() as here:
        ref = await here.world.session()
        await here.world.view(ref, "/")
        Broken(here, "commit")
        with pytest.raises(StoreUnavailable):
            await here.book(1, ref=ref)
        assert not await _notices(here.world, ref)
        here.world.clock.advance(BEGUN_MS_MAX)
        assert await here.room() == 0
        assert len(await _notices(here.world, ref)) == 1


async def test_what_nobody_looks_at_is_made_good_by_tidying() -> None:
    async with booked() as here:
        Broken(here, "put_doc", 3)
        with pytest.raises(StoreUnavailable):
            await here.book(1)
        here.world.clock.advance(BEGUN_MS_MAX)
        await here.bookings.tidy()
        assert await here.world.store.list_docs("w", "appointment_begun") == ()
        assert await here.world.store.booked("w", "", "~") == {}


async def test_one_look_makes_so_many_good_and_the_next_goes_on() -> None:
    async with booked() as here:
        first = await here.book(1)
        assert isinstance(first, Appointment)
        for number in range(BEGUN_LOOKS_MAX + 5):
            left = replace(first, id=f"appt_left_{number}")
            body = msgspec.msgpack.encode(left)
            await here.world.store.put_doc("w", "appointment_begun", left.id, body, 0)
        here.world.clock.advance(BEGUN_MS_MAX)
        assert await here.bookings.make_good("w") == BEGUN_LOOKS_MAX
        assert await here.bookings.make_good("w") == 5
        assert await here.bookings.make_good("w") == 0


async def test_a_booking_that_took_too_long_is_given_up_by_itself() -> None:
    """Who stopped for long must not write what another look gave back meanwhile."""
    async with booked() as here:
        whole = here.world.store.book

        async def slow(*given: object) -> bool:
            here.world.clock.advance(BEGUN_MS_MAX)
            return await whole(*given)  # type: ignore[arg-type]

        here.bookings._store.book = slow  # type: ignore[method-assign]
        with pytest.raises(StoreUnavailable):
            await here.book(1)
        assert await here.bookings.find("w", "appt_1") is None


async def test_an_id_that_is_asked_for_another_slot_lets_the_first_go() -> None:
    async with booked() as here:
        Broken(here, "put_doc", 3)
        with pytest.raises(StoreUnavailable):
            await here.book(1)
        later = START + timedelta(hours=1)
        found = await here.book(1, later)
        assert isinstance(found, Appointment)
        assert (await here.room(), await here.room(later)) == (1, 0)


async def test_appointments_survive_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kept.db"
    async with booked(url) as here:
        first = await here.book(1)
    async with booked(url) as here:
        assert await here.bookings.find("w", "appt_1") == first
        assert await here.book(2) == NotBooked("slot_taken")


# ---- lists


async def test_appointments_are_listed_by_their_start_in_pages() -> None:
    async with booked() as here:
        starts = [START + timedelta(hours=hour) for hour in range(5)]
        for number, start in enumerate(starts):
            await here.book(number, start)
        first, more = await here.bookings.listed("w", "", None, 2)
        rest, end = await here.bookings.listed("w", "", more, 3)
        assert [found.id for found in (*first, *rest)] == [f"appt_{n}" for n in (4, 3, 2, 1, 0)]
        assert end is None
        some, _ = await here.bookings.listed("w", "20250616T10", "20250616T12", 10)
        assert [found.id for found in some] == ["appt_2", "appt_1"]


async def test_the_next_free_slots_leave_out_what_is_booked() -> None:
    async with booked() as here:
        before = await here.bookings.next_free("w", CALENDAR, 6)
        start = datetime.fromtimestamp(before[0].slot.start_ms / 1_000, UTC)
        await here.book(1, start)
        after = await here.bookings.next_free("w", CALENDAR, 5)
        assert [one.slot for one in after] == [one.slot for one in before[1:]]


async def test_availability_is_by_local_day() -> None:
    async with booked() as here:
        free = await here.bookings.free("w", CALENDAR, DAY_OF_START, DAY_OF_START)
        assert [offset_text("UTC", one.slot.start_ms)[:13] for one in free] == [
            f"2025-06-16T{hour:02}" for hour in range(9, 17)
        ]
        assert await here.bookings.free("w", CALENDAR, date.max, date.max) == []


async def _notices(here: World, ref: SessionRef) -> list[Notice]:
    pulled = await here.runtime.pull(ref, None, 0)
    return [item for item in pulled.items if isinstance(item, Notice)]


def _fields(calendar: Calendar) -> dict[str, object]:
    return {name: getattr(calendar, name) for name in calendar.__struct_fields__}
