"""Booking and cancelling: a slot's place, the appointment and its cause, then the session's part, in this order.

A booking is written down as begun before it takes its place. Whatever a crash or a store that does not
answer leaves half done is made good at a later look: a place without an appointment is given back, an
appointment whose session was not told is told.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from itertools import islice

import msgspec
from msgspec.structs import replace

from engine.causes import Appointment, Cause
from engine.clock import Clock
from engine.conversations.appointments import (
    FreeSlot,
    NotBooked,
    Wish,
    appointment_of,
    by_start,
    cancelled_cause,
    place,
    place_in_session,
    scheduled_cause,
    scheduled_event,
    scheduled_notice,
    stored,
)
from engine.conversations.slots import (
    Calendar,
    Slot,
    instant_ms,
    next_slots,
    place_of,
    slot_at,
    slots_between,
)
from engine.errors import StoreUnavailable
from engine.limits import ATTEMPTS_MAX, DOCS_ROWS_MAX
from engine.runtime import Runtime
from engine.stores.base import DocConflict, SessionRef, Store

BEGUN_MS_MAX = 60_000
"""A booking begun longer ago than this is made good. test_a_place_without_an_appointment_comes_back"""

BEGUN_LOOKS_MAX = 100
"""Bookings under way that one look looks at; the next one goes on.
test_one_look_makes_so_many_good_and_the_next_goes_on"""

SESSION_APPOINTMENTS_MAX = 10
"""Appointments of one session that are not cancelled; one more is refused: a visitor's own browser can
book. test_one_session_cannot_book_a_calendar_full"""

SLOTS_AT_ONCE = 64
"""Slots that are looked at together when only the next free ones are wanted."""

_RETRY_MS = 500
_APPOINTMENT, _BY_START, _BEGUN = "appointment", "appointment_start", "appointment_begun"


class Bookings:
    """The appointments of all workspaces; what is booked survives a restart."""

    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        clock: Clock,
        secret: bytes,
        calendars: Mapping[str, Sequence[Calendar]],
    ) -> None:
        """Book in `calendars` by workspace id; the first of a workspace is its default."""
        self._store = store
        self._runtime = runtime
        self._clock = clock
        self._secret = secret
        self._calendars = calendars
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Appointment).decode

    # ---- what is free

    def calendar(self, workspace: str, calendar_id: str = "") -> Calendar | None:
        """Return a calendar by id, the default one for ""; None when there is none."""
        known = self._calendars.get(workspace, ())
        if not calendar_id:
            return known[0] if known else None
        return next((calendar for calendar in known if calendar.id == calendar_id), None)

    async def free(
        self, workspace: str, calendar: Calendar, first: date, last: date
    ) -> list[FreeSlot]:
        """List the slots with room that start on a local day from `first` to `last`, both included."""
        slots = list(slots_between(calendar, first, last, self._clock.now_ms()))
        return await self._with_room(workspace, calendar, slots)

    async def next_free(self, workspace: str, calendar: Calendar, count: int) -> list[FreeSlot]:
        """List the next `count` slots with room, fewer when there are no more."""
        slots = next_slots(calendar, self._clock.now_ms())
        found: list[FreeSlot] = []
        while len(found) < count and (some := list(islice(slots, SLOTS_AT_ONCE))):
            found += await self._with_room(workspace, calendar, some)
        return found[:count]

    # ---- one appointment

    async def book(
        self, workspace: str, wish: Wish, appointment_id: str
    ) -> Appointment | NotBooked:
        """Book a slot; repeating it with the same id answers the same appointment.

        Raises:
            StoreUnavailable: the place is given back within a minute, unless it is asked for again.
        """
        found = await self.find(workspace, appointment_id)
        if found is None:
            granted = self._grant(workspace, wish, appointment_id)
            if isinstance(granted, NotBooked):
                return granted
            calendar, appointment = granted
            await self._begin(workspace, appointment)
            refused = await self._take_places(workspace, calendar, appointment)
            if refused is not None:
                await self._give_up(workspace, appointment)
                return refused
            found = await self._write(workspace, appointment)
        await self._finish(workspace, found)
        return found

    async def find(self, workspace: str, appointment_id: str) -> Appointment | None:
        """Return an appointment, cancelled ones too; None when there is none."""
        doc = await self._store.get_doc(workspace, _APPOINTMENT, appointment_id)
        return None if doc is None else self._decode(doc.body)

    async def cancel(
        self, workspace: str, appointment_id: str, reason: str = ""
    ) -> Appointment | None:
        """Cancel an appointment and give its place back; twice is the same, None when there is none."""
        for _ in range(ATTEMPTS_MAX):
            doc = await self._store.get_doc(workspace, _APPOINTMENT, appointment_id)
            if doc is None:
                return None
            appointment = self._decode(doc.body)
            if appointment.status == "cancelled":
                return appointment
            now_ms = self._clock.now_ms()
            appointment = replace(appointment, status="cancelled", reason=reason)
            await self._begin(workspace, replace(appointment, created_ms=now_ms))
            cause = cancelled_cause(self._secret, workspace, appointment, now_ms)
            done = await self._put(workspace, appointment, doc.version, cause)
            if not isinstance(done, DocConflict):
                await self._unbook(workspace, appointment)
                await self._forget(workspace, _BEGUN, appointment.id)
                self._runtime.announce((cause,))
                return appointment
        raise StoreUnavailable("none", _RETRY_MS, "the appointment changes too often")

    async def listed(
        self, workspace: str, since: str, before: str | None, limit: int
    ) -> tuple[list[Appointment], str | None]:
        """List up to `limit` appointments by their start, latest first.

        Their names (`by_start`) are in [since, before). Answers the name below which more follow, None
        when there are no more.
        """
        rows = await self._store.list_docs(workspace, _BY_START, before, limit + 1)
        names = [row.name for row in rows if row.name >= since]
        found = [await self.find(workspace, name.partition("|")[2]) for name in names[:limit]]
        more = names[limit - 1] if len(names) > limit else None
        return [appointment for appointment in found if appointment is not None], more

    async def of_visitor(
        self, workspace: str, visitors: Collection[str], sessions: Collection[str]
    ) -> list[Appointment]:
        """List all appointments of a person, cancelled and unfinished ones too, by visitor or session."""
        found: dict[str, Appointment] = {}
        for kind in (_APPOINTMENT, _BEGUN):
            before: str | None = None
            while rows := await self._store.list_docs(workspace, kind, before, DOCS_ROWS_MAX):
                for row in rows:
                    appointment = self._decode(row.body)
                    if appointment.visitor in visitors or appointment.session in sessions:
                        found.setdefault(row.name, appointment)
                before = rows[-1].name
        return list(found.values())

    async def forget_visitor(
        self, workspace: str, visitors: Collection[str], sessions: Collection[str]
    ) -> None:
        """Keep nothing of a person's appointments, and give their places back; twice is nothing."""
        for appointment in await self.of_visitor(workspace, visitors, sessions):
            await self._unbook(workspace, appointment)
            await self._forget(workspace, _BY_START, by_start(appointment))
            await self._forget(workspace, _APPOINTMENT, appointment.id)
            await self._forget(workspace, _BEGUN, appointment.id)

    async def tidy(self) -> None:
        """Make good what was left half done in all workspaces with calendars."""
        for workspace, calendars in self._calendars.items():
            if calendars:
                await self.make_good(workspace)

    async def make_good(self, workspace: str) -> int:
        """Bring to an end what was begun more than BEGUN_MS_MAX ago; answer how many bookings."""
        rows = await self._store.list_docs(workspace, _BEGUN, limit=BEGUN_LOOKS_MAX)
        old_ms = self._clock.now_ms() - BEGUN_MS_MAX
        begun = [self._decode(row.body) for row in rows]
        stale = [appointment for appointment in begun if appointment.created_ms <= old_ms]
        for appointment in stale:
            await self._end(workspace, appointment)
        return len(stale)

    # ---- inside

    async def _with_room(
        self, workspace: str, calendar: Calendar, slots: Sequence[Slot]
    ) -> list[FreeSlot]:
        if not slots:
            return []
        await self.make_good(workspace)
        first, last = (place_of(calendar.id, slot.start_ms) for slot in (slots[0], slots[-1]))
        taken = await self._store.booked(workspace, first, last)
        found = []
        for slot in slots:
            room = calendar.capacity - taken.get(place_of(calendar.id, slot.start_ms), 0)
            if room > 0:
                found.append(FreeSlot(slot, room))
        return found

    def _grant(
        self, workspace: str, wish: Wish, appointment_id: str
    ) -> tuple[Calendar, Appointment] | NotBooked:
        calendar = self.calendar(workspace, wish.calendar)
        if calendar is None:
            return NotBooked("calendar_not_found")
        now_ms = self._clock.now_ms()
        slot = slot_at(calendar, instant_ms(wish.start), now_ms)
        # A slot starts at a whole second: what is rounded away is no slot.
        if slot is None or wish.start.microsecond:
            return NotBooked("slot_invalid")
        return calendar, appointment_of(calendar, slot, wish, appointment_id, now_ms)

    async def _take_places(
        self, workspace: str, calendar: Calendar, appointment: Appointment
    ) -> NotBooked | None:
        """Take a place in the session and in the slot; a full slot is looked at again when some came back."""
        store, name = self._store, appointment.id
        if appointment.session:
            among = place_in_session(appointment)
            if not await store.book(workspace, among, name, SESSION_APPOINTMENTS_MAX):
                return NotBooked("too_many")
        where, capacity = place(appointment), calendar.capacity
        if await store.book(workspace, where, name, capacity):
            return None
        if await self.make_good(workspace) and await store.book(workspace, where, name, capacity):
            return None
        return NotBooked("slot_taken")

    async def _begin(self, workspace: str, appointment: Appointment) -> None:
        """Write down what is about to be booked; an earlier try under this id for another slot ends."""
        body = self._encode(appointment)
        done = await self._store.put_doc(workspace, _BEGUN, appointment.id, body, 0)
        if not isinstance(done, DocConflict) or done.doc is None:
            return
        earlier = self._decode(done.doc.body)
        if place(earlier) != place(appointment):
            await self._unbook(workspace, earlier)
            await self._forget(workspace, _BY_START, by_start(earlier))
        await self._store.put_doc(workspace, _BEGUN, appointment.id, body, done.doc.version)

    async def _write(self, workspace: str, appointment: Appointment) -> Appointment:
        """Write an appointment that has its place, findable by its start; what stands is what holds."""
        if self._clock.now_ms() - appointment.created_ms > BEGUN_MS_MAX // 2:
            # Another look may soon give the place back: better to ask again than to have two in one place.
            raise StoreUnavailable("none", _RETRY_MS, "the booking took too long")
        await self._store.put_doc(workspace, _BY_START, by_start(appointment), b"", 0)
        cause = scheduled_cause(self._secret, workspace, appointment)
        done = await self._put(workspace, appointment, 0, cause)
        if isinstance(done, DocConflict):
            assert done.doc is not None, "who conflicts with none is there"
            return self._decode(done.doc.body)
        self._runtime.announce((cause,))
        return appointment

    async def _end(self, workspace: str, begun: Appointment) -> None:
        """Bring to its end what was begun: a booking, or, when its status says so, a cancellation."""
        found = await self.find(workspace, begun.id)
        if found is None:
            await self._give_up(workspace, begun)
        elif begun.status == "scheduled":
            await self._finish(workspace, found)
        else:
            if found.status == "cancelled":
                await self._unbook(workspace, found)
            await self._forget(workspace, _BEGUN, begun.id)

    async def _finish(self, workspace: str, appointment: Appointment) -> None:
        """Tell the session of its appointment, and forget that it was begun."""
        if appointment.session and appointment.status == "scheduled":
            ref = SessionRef(workspace, appointment.visitor, appointment.session)
            await self._tell_session(ref, appointment)
        await self._forget(workspace, _BEGUN, appointment.id)

    async def _tell_session(self, ref: SessionRef, appointment: Appointment) -> None:
        """Note the booking in its session, unless that is over; safe to do twice."""
        view = await self._runtime.view(ref)
        if view is None or view.status == "closed":
            return
        event = scheduled_event(appointment, self._clock.now_ms())
        await self._runtime.note(ref, (event,))
        notice = scheduled_notice(appointment)
        await self._runtime.notify(ref, "appointment_scheduled", appointment.id, notice)

    async def _give_up(self, workspace: str, appointment: Appointment) -> None:
        """Give back the place of a booking that never became an appointment."""
        await self._unbook(workspace, appointment)
        await self._forget(workspace, _BY_START, by_start(appointment))
        await self._forget(workspace, _BEGUN, appointment.id)

    async def _unbook(self, workspace: str, appointment: Appointment) -> None:
        await self._store.unbook(workspace, place(appointment), appointment.id)
        if appointment.session:
            among = place_in_session(appointment)
            await self._store.unbook(workspace, among, appointment.id)

    async def _forget(self, workspace: str, kind: str, name: str) -> None:
        doc = await self._store.get_doc(workspace, kind, name)
        if doc is not None:
            await self._store.put_doc(workspace, kind, name, None, doc.version)

    async def _put(
        self, workspace: str, appointment: Appointment, version: int, cause: Cause
    ) -> int | DocConflict:
        body, causes = self._encode(appointment), (stored(cause),)
        return await self._store.put_doc(
            workspace, _APPOINTMENT, appointment.id, body, version, causes=causes
        )
