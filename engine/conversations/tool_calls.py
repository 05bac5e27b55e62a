"""Carrying out what a model calls while it answers: slots are looked up, one is booked, a person is asked for.

What is done twice is done once: an appointment has an id that the visitor's message and its number among
the appointments of that message give.
"""

from collections.abc import Sequence

import msgspec

from engine.causes import Appointment
from engine.clock import Clock
from engine.conversations.appointments import (
    FreeSlot,
    NotBooked,
    Refusal,
    Wish,
    hours,
    local_date,
    shown,
)
from engine.conversations.assistant_tools import (
    BOOK,
    FIND_SLOTS,
    BadArguments,
    Offered,
    customer_of,
    days_of,
    names_of,
    read_book,
    read_find_slots,
    read_hand_over,
    start_of,
    team_of,
)
from engine.conversations.assistants import Question
from engine.conversations.bookings import Bookings
from engine.conversations.chat_completions import ToolCall
from engine.conversations.slots import Calendar, instant_ms, local_day
from engine.ids import derived_id
from engine.runtime import Runtime

CALLS_MAX = 8
"""Calls that one answer may make; a further one is refused in words. test_more_calls_than_allowed_are_refused"""

SLOTS_TOLD = 24
"""Free slots that the model is told of at once. test_a_model_is_told_of_so_many_slots"""

NOTES_CHARS_MAX = 2_000

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NOT_BOOKED: dict[Refusal, str] = {
    "calendar_not_found": "there is nothing to book here; offer a person instead",
    "slot_invalid": "that is no free slot; call find_slots and copy one of its appointment_slot",
    "slot_taken": "that slot has just been taken; call find_slots and offer another one",
    "too_many": "this visitor has too many appointments already; offer a person instead",
}


class ToldSlot(msgspec.Struct, frozen=True):
    """A free slot as the model is told of it, on the calendar's clock."""

    appointment_slot: str
    weekday: str
    date: str
    time: str


class ToldSlots(msgspec.Struct, frozen=True):
    """What `find_slots` returns; `more`: there are others in those days."""

    timezone: str
    slots: tuple[ToldSlot, ...]
    more: bool


class ToldBooking(msgspec.Struct, frozen=True):
    """What `book` returns."""

    booked: bool
    date: str
    time: str
    timezone: str


class Counter(msgspec.Struct, frozen=True):
    """Where calls are carried out. `secret` signs ids."""

    runtime: Runtime
    bookings: Bookings
    clock: Clock
    secret: bytes


class ToolCalls:
    """The calls of one answer. `booked` are its appointments, `team` is set once a person was asked for."""

    def __init__(self, counter: Counter, question: Question, offered: Offered) -> None:
        """Carry out at `counter` what is called to answer `question`."""
        self._counter = counter
        self._question = question
        self._offered = offered
        self._count = 0
        self.booked: list[Appointment] = []
        self.team: str | None = None

    async def take(self, call: ToolCall) -> str:
        """Carry out a call; returns what the model is told, mistakes too.

        Raises:
            StoreUnavailable: it was perhaps not done; the same call again is safe.
        """
        self._count += 1
        if self._count > CALLS_MAX:
            return "error: no more calls; answer the visitor now"
        name, arguments = call.function.name, call.function.arguments
        if name not in names_of(self._offered):
            return f"error: there is no such tool; there are: {', '.join(names_of(self._offered))}"
        try:
            if name == FIND_SLOTS:
                return await self._find_slots(arguments)
            if name == BOOK:
                return await self._book(arguments)
            return self._hand_over(arguments)
        except BadArguments as wrong:
            return f"error: {wrong}"

    # ---- one tool each

    async def _find_slots(self, arguments: str) -> str:
        given, calendar = read_find_slots(arguments), self._calendar()
        if calendar is None:
            return f"error: {_NOT_BOOKED['calendar_not_found']}"
        first, last = days_of(given, local_day(calendar, self._counter.clock.now_ms()))
        workspace = self._question.ref.workspace
        free = await self._counter.bookings.free(workspace, calendar, first, last)
        if not free:
            return f"no free slot from {first} to {last}; try later days, or offer a person"
        return msgspec.json.encode(_told(calendar, free)).decode()

    async def _book(self, arguments: str) -> str:
        given, calendar = read_book(arguments), self._calendar()
        if calendar is None:
            return f"error: {_NOT_BOOKED['calendar_not_found']}"
        start = start_of(given, calendar.timezone)
        known = await self._booked_at(instant_ms(start))
        if known is not None:
            return _told_booking(known)
        question = self._question
        words = [m.text for m in (*question.earlier, question.message) if m.author == "visitor"]
        wish = Wish(
            start=start,
            customer=customer_of(given, dict(question.contact), words),
            notes=(given.notes or "").strip()[:NOTES_CHARS_MAX],
            ref=question.ref,
        )
        workspace = question.ref.workspace
        done = await self._counter.bookings.book(workspace, wish, self._next_id())
        if isinstance(done, NotBooked):
            return f"error: {_NOT_BOOKED[done.reason]}"
        self.booked.append(done)
        return _told_booking(done)

    def _hand_over(self, arguments: str) -> str:
        self.team = team_of(read_hand_over(arguments), self._offered.teams)
        return "a person takes over after your next words; tell the visitor so in one sentence"

    # ---- inside

    def _calendar(self) -> Calendar | None:
        return self._counter.bookings.calendar(self._question.ref.workspace)

    def _next_id(self) -> str:
        question = self._question
        place = (question.ref.workspace, question.ref.session, question.message.id)
        return derived_id("appt", self._counter.secret, *place, "book", len(self.booked))

    async def _booked_at(self, start_ms: int) -> Appointment | None:
        """Find the appointment that the session has at an instant already: its latest, or one of this answer."""
        for made in self.booked:
            if made.start_ms == start_ms:
                return made
        ref = self._question.ref
        read = await self._counter.runtime.read(ref)
        talk = None if read is None else read[0].talk
        if talk is None or not talk.appointment:
            return None
        found = await self._counter.bookings.find(ref.workspace, talk.appointment)
        if found is None or found.start_ms != start_ms or found.status != "scheduled":
            return None
        if found.id == self._next_id():
            # An earlier try to answer this message booked it, and came no further.
            self.booked.append(found)
        return found


def booking_words(appointment: Appointment) -> str:
    """Say what was booked, where the model does not come to say it."""
    return f"Your appointment is booked: {local_date(appointment)}, {hours(appointment)}."


def _told(calendar: Calendar, free: Sequence[FreeSlot]) -> ToldSlots:
    slots = []
    for one in free[:SLOTS_TOLD]:
        seen = shown(calendar, one)
        weekday = _WEEKDAYS[one.slot.day.weekday()]
        slots.append(ToldSlot(seen.appointment_slot, weekday, seen.date, seen.time))
    return ToldSlots(calendar.timezone, tuple(slots), more=len(free) > SLOTS_TOLD)


def _told_booking(appointment: Appointment) -> str:
    told = ToldBooking(
        booked=appointment.status == "scheduled",
        date=local_date(appointment),
        time=hours(appointment),
        timezone=appointment.timezone,
    )
    return msgspec.json.encode(told).decode()
