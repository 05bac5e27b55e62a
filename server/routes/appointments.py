"""Appointments of the platform API: what is free, booking, listing, cancelling."""

from datetime import date, timedelta

from msgspec.structs import replace

from engine.causes import Appointment
from engine.conversations.appointments import NotBooked, shown
from engine.conversations.slots import Calendar, instant_ms, local_day, sortable
from engine.shown import shown_appointment
from engine.stores.base import SessionRef
from server.calendar_file import CONTENT_TYPE, calendar_file
from server.call import Call
from server.errors import ApiError
from server.wire.appointments import (
    DAYS_DEFAULT,
    DAYS_MAX,
    AppointmentBody,
    AppointmentsQuery,
    Availability,
    AvailabilityQuery,
    CancelBody,
    refusal,
    wish_of,
)
from server.wire.decoding import Reader, check_id
from server.wire.envelope import Answer

_LAST_MS = 253_402_300_799_000
"""The last second of the year 9999: no appointment is later."""

_reader = Reader(AppointmentBody)
_cancel_reader = Reader(CancelBody)


async def availability(call: Call) -> Answer:
    """Show the slots with room."""
    query = call.query(AvailabilityQuery)
    bookings, workspace = call.services.bookings, call.workspace.id
    calendar = bookings.calendar(workspace, query.calendar_id or "")
    if calendar is None:
        raise ApiError("calendar_not_found", field="calendar_id")
    first, last = _days(query, calendar, call.now_ms)
    free = await bookings.free(workspace, calendar, first, last)
    slots = [shown(calendar, one) for one in free]
    return call.success(Availability(calendar.id, calendar.timezone, slots))


async def book(call: Call) -> Answer:
    """Book a slot."""
    body, warnings = call.read(_reader)
    wish = wish_of(body)
    wish = replace(wish, ref=await _session(call, body))
    bookings, workspace = call.services.bookings, call.workspace.id
    booked = await bookings.book(workspace, wish, call.make_id("appt"))
    if isinstance(booked, NotBooked):
        raise refusal(booked)
    return call.success(shown_appointment(booked), warnings)


async def list_appointments(call: Call) -> Answer:
    """List appointments by their start, the latest first."""
    query = call.query(AppointmentsQuery)
    since = "" if query.from_ is None else _name_of(instant_ms(query.from_))
    until = None if query.to is None else _name_of(instant_ms(query.to))
    before = call.cursor(query.cursor) or until
    found, more = await call.services.bookings.listed(call.workspace.id, since, before, query.limit)
    return call.page([shown_appointment(one) for one in found], more)


async def appointment(call: Call) -> Answer:
    """Show an appointment."""
    return call.success(shown_appointment(await _found(call)))


async def appointment_file(call: Call) -> Answer:
    """Show an appointment as an iCalendar file."""
    found = await _found(call)
    workspace = call.workspace
    calendar = call.services.bookings.calendar(workspace.id, found.calendar)
    title = (calendar.name if calendar else "") or workspace.name
    name = f'attachment; filename="{found.id}.ics"'.encode()
    headers = ((b"content-type", CONTENT_TYPE), (b"content-disposition", name))
    return Answer(200, calendar_file(found, workspace.id, title), headers)


async def cancel(call: Call) -> Answer:
    """Cancel an appointment and give its place back."""
    body, warnings = call.read(_cancel_reader, may_be_empty=True)
    found = await call.services.bookings.cancel(
        call.workspace.id, call.params["appointment_id"], body.reason or ""
    )
    if found is None:
        raise ApiError("appointment_not_found")
    return call.success(shown_appointment(found), warnings)


async def _found(call: Call) -> Appointment:
    found = await call.services.bookings.find(call.workspace.id, call.params["appointment_id"])
    if found is None:
        raise ApiError("appointment_not_found")
    return found


async def _session(call: Call, body: AppointmentBody) -> SessionRef | None:
    """Find the session that an appointment is booked in: the one named, else the visitor's latest."""
    runtime, workspace = call.services.runtime, call.workspace.id
    if body.visitor_id is not None:
        check_id(body.visitor_id, "visitor_id")
    if body.session_id is None:
        if body.visitor_id is None:
            return None
        return await runtime.latest_session(workspace, body.visitor_id)
    check_id(body.session_id, "session_id")
    ref = await runtime.find(workspace, body.session_id)
    if ref is None:
        raise ApiError("session_not_found", field="session_id")
    if body.visitor_id is not None and body.visitor_id != ref.visitor:
        raise ApiError("visitor_mismatch", field="visitor_id")
    return ref


def _days(query: AvailabilityQuery, calendar: Calendar, now_ms: int) -> tuple[date, date]:
    first = query.date_from or local_day(calendar, now_ms)
    last = query.date_to
    if last is None:
        last = first + min(timedelta(days=DAYS_DEFAULT), date.max - first)
    if not timedelta(0) <= last - first <= timedelta(days=DAYS_MAX):
        words = f"date_to is date_from or at most {DAYS_MAX} days after it"
        raise ApiError("out_of_range", words, field="date_to")
    return first, last


def _name_of(at_ms: int) -> str:
    """Write the first whole second at or after an instant as appointments are named by their start."""
    return sortable(max(0, min(-(-at_ms // 1_000) * 1_000, _LAST_MS)))
