"""Appointments as values: what is asked for, what is booked, how it is named, and what is told of it."""

from datetime import datetime
from typing import Literal

import msgspec

from engine.causes import (
    Appointment,
    AppointmentCancelled,
    AppointmentScheduled,
    Cause,
    encode_cause,
)
from engine.conversations.slots import (
    Calendar,
    Slot,
    clock_text,
    hours_text,
    local,
    offset_text,
    place_of,
    sortable,
)
from engine.events import Event, Scalar
from engine.ids import derived_id
from engine.stores.base import SessionRef, StoredCause

Refusal = Literal["calendar_not_found", "slot_invalid", "slot_taken", "too_many"]
"""Why nothing was booked; `too_many`: the session has as many appointments as one may have."""


class Customer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who comes, or is visited."""

    name: str
    email: str = ""
    phone: str = ""
    address: str = ""


class Wish(msgspec.Struct, frozen=True):
    """An appointment that is asked for; `calendar` "" is the workspace's first.

    `start` is the start of a slot, any offset. `ref` is the session it is asked for in, if any;
    `visitor` may be known without one.
    """

    start: datetime
    customer: Customer
    calendar: str = ""
    service_type: str = ""
    notes: str = ""
    ref: SessionRef | None = None
    visitor: str = ""


class NotBooked(msgspec.Struct, frozen=True):
    """A wish that was refused, and why; nothing is kept of it."""

    reason: Refusal


class FreeSlot(msgspec.Struct, frozen=True):
    """A slot with room for so many bookings more."""

    slot: Slot
    room: int


class ShownSlot(msgspec.Struct, frozen=True):
    """A slot with room for `available` bookings more; its start and end on the calendar's clock."""

    appointment_slot: str
    end: str
    date: str
    time: str
    available: int


def shown(calendar: Calendar, free: FreeSlot) -> ShownSlot:
    """Show a free slot (API.md 3.3)."""
    start = local(calendar.timezone, free.slot.start_ms)
    end = local(calendar.timezone, free.slot.end_ms)
    return ShownSlot(
        appointment_slot=start.isoformat(timespec="seconds"),
        end=end.isoformat(timespec="seconds"),
        date=free.slot.day.isoformat(),
        time=hours_text(start, end),
        available=free.room,
    )


def appointment_of(
    calendar: Calendar, slot: Slot, wish: Wish, appointment_id: str, now_ms: int
) -> Appointment:
    """Write a granted wish down as an appointment."""
    return Appointment(
        id=appointment_id,
        calendar=calendar.id,
        slot=offset_text(calendar.timezone, slot.start_ms),
        start_ms=slot.start_ms,
        end_ms=slot.end_ms,
        timezone=calendar.timezone,
        status="scheduled",
        created_ms=now_ms,
        customer=msgspec.structs.asdict(wish.customer),
        service_type=wish.service_type,
        notes=wish.notes,
        session=wish.ref.session if wish.ref else "",
        visitor=wish.ref.visitor if wish.ref else wish.visitor,
    )


def place(appointment: Appointment) -> str:
    """Name the place that an appointment has in its slot."""
    return place_of(appointment.calendar, appointment.start_ms)


def place_in_session(appointment: Appointment) -> str:
    """Name the place that an appointment has among those of its session; no calendar has such an id."""
    return f"@session|{appointment.session}"


def by_start(appointment: Appointment) -> str:
    """Name an appointment so that names sort by its start."""
    return f"{sortable(appointment.start_ms)}|{appointment.id}"


def local_date(appointment: Appointment) -> str:
    """Write the day of an appointment on its calendar's clock: `2024-01-22`."""
    return local(appointment.timezone, appointment.start_ms).date().isoformat()


def hours(appointment: Appointment) -> str:
    """Write the hours of an appointment on its calendar's clock: `2:00 PM - 4:00 PM`."""
    return clock_text(appointment.timezone, appointment.start_ms, appointment.end_ms)


# ---- what is told of it


def scheduled_cause(secret: bytes, workspace: str, appointment: Appointment) -> Cause:
    """Make what others are told of a booking."""
    body = AppointmentScheduled(appointment)
    return _cause(secret, workspace, body, appointment.created_ms)


def cancelled_cause(secret: bytes, workspace: str, appointment: Appointment, now_ms: int) -> Cause:
    """Make what others are told of a cancellation."""
    return _cause(secret, workspace, AppointmentCancelled(appointment), now_ms)


def stored(cause: Cause) -> StoredCause:
    """Write a cause as the store keeps it."""
    return StoredCause(cause.id, cause.workspace, cause.visitor, encode_cause(cause))


def scheduled_event(appointment: Appointment, now_ms: int) -> Event:
    """Make the event of a booking in its session: its topic, and how the customer can be reached."""
    contact: dict[str, Scalar] = {
        f"visitor.{name}": text
        for name, text in appointment.customer.items()
        if name != "address" and text
    }
    properties: dict[str, object] = {
        "appointment_id": appointment.id,
        "calendar_id": appointment.calendar,
    }
    if appointment.service_type:
        properties["topic"] = appointment.service_type
    return Event(
        id=f"appointment:{appointment.id}",
        name="appointment_scheduled",
        at_ms=now_ms,
        properties=properties,
        attributes=contact,
        origin="api",
    )


def scheduled_notice(appointment: Appointment) -> dict[str, object]:
    """Write what the visitor's sockets are told of a booking (API.md 9.1)."""
    return {
        "appointment_id": appointment.id,
        "date": local_date(appointment),
        "time": hours(appointment),
    }


def _cause(
    secret: bytes, workspace: str, body: AppointmentScheduled | AppointmentCancelled, at_ms: int
) -> Cause:
    appointment, tag = body.appointment, str(body.__struct_config__.tag)
    return Cause(
        id=derived_id("evt", secret, workspace, appointment.id, tag),
        at_ms=at_ms,
        workspace=workspace,
        body=body,
        visitor=appointment.visitor,
        session=appointment.session,
    )
