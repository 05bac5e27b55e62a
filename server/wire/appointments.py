"""Bodies of appointments (API.md 3.3): what is asked for, what is shown, and a wish that was refused."""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct, field

from engine.conversations.appointments import (
    Customer,
    NotBooked,
    Refusal,
    ShownSlot,
    Wish,
)
from engine.conversations.bookings import SESSION_APPOINTMENTS_MAX
from server.errors import ApiError
from server.wire.paging import PageQuery

DAYS_DEFAULT = 7
DAYS_MAX = 31
"""Days from `date_from` to `date_to` at most. test_availability_is_asked_for_31_days_at_most"""

Line = Annotated[str, Meta(max_length=200)]
Moment = Annotated[datetime, Meta(tz=True)]
CalendarId = Annotated[str, Meta(min_length=1, max_length=64)]

_FIELDS: dict[Refusal, str] = {
    "calendar_not_found": "calendar_id",
    "slot_invalid": "appointment_slot",
    "slot_taken": "appointment_slot",
    "too_many": "session_id",
}


# ---- what is asked for


class AvailabilityQuery(Struct, frozen=True, kw_only=True):
    """Which slots to show; days are days of the calendar's zone, both included."""

    calendar_id: Annotated[
        CalendarId | None, Meta(description="Default: the first of the workspace.")
    ] = None
    date_from: Annotated[date | None, Meta(description="Default: today.")] = None
    date_to: Annotated[
        date | None, Meta(description="Default: 7 days after date_from; at most 31 after it.")
    ] = None


class CustomerBody(Struct, frozen=True):
    """Who comes, or is visited."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    email: Line | None = None
    phone: Line | None = None
    address: Annotated[str, Meta(max_length=500)] | None = None


class AppointmentBody(Struct, frozen=True):
    """`POST /v1/appointments`."""

    appointment_slot: Annotated[
        Moment, Meta(description="Start of a slot as availability shows it; any offset.")
    ]
    customer: CustomerBody
    calendar_id: CalendarId | None = None
    session_id: str | None = None
    visitor_id: str | None = None
    service_type: Annotated[str, Meta(max_length=100)] | None = None
    notes: Annotated[str, Meta(max_length=2_000)] | None = None


class AppointmentsQuery(PageQuery, frozen=True, kw_only=True):
    """Which appointments to list, by the start of their slot."""

    from_: Annotated[Moment | None, Meta(description="Those that start then or later.")] = field(
        name="from", default=None
    )
    to: Annotated[Moment | None, Meta(description="Those that start before.")] = None


class CancelBody(Struct, frozen=True):
    """`POST /v1/appointments/{appointment_id}/cancel`."""

    reason: Line | None = None


def wish_of(body: AppointmentBody) -> Wish:
    """Read a body as a wish; the session that it is asked for in is not looked up.

    Raises ApiError: too_short for a customer without a name.
    """
    customer = body.customer
    if not customer.name.strip():
        raise ApiError("too_short", "customer.name is empty", field="customer.name")
    return Wish(
        start=body.appointment_slot,
        customer=Customer(
            name=customer.name.strip(),
            email=customer.email or "",
            phone=customer.phone or "",
            address=customer.address or "",
        ),
        calendar=body.calendar_id or "",
        service_type=body.service_type or "",
        notes=body.notes or "",
        visitor=body.visitor_id or "",
    )


def refusal(refused: NotBooked) -> ApiError:
    """Answer a wish that was refused, with the field that is to blame."""
    words = ""
    if refused.reason == "too_many":
        words = f"A session has at most {SESSION_APPOINTMENTS_MAX} appointments; cancel one first"
    return ApiError(refused.reason, words, field=_FIELDS[refused.reason])


# ---- what is shown


class Availability(Struct, frozen=True):
    """The slots with room, earliest first."""

    calendar_id: str
    timezone: str
    slots: list[ShownSlot]
