"""An appointment as an iCalendar file (RFC 5545), for the customer's own calendar."""

import unicodedata
from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event

from engine.causes import Appointment

CONTENT_TYPE = b"text/calendar; charset=utf-8"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRODUCT = "-//Opportune//Appointments//EN"


def calendar_file(appointment: Appointment, host: str, title: str) -> bytes:
    """Write one appointment; importing it again after a change replaces it.

    Args:
        appointment: scheduled or cancelled.
        host: whose appointments these are; makes the event's id unique in the world.
        title: what it is called when it has no service type.
    """
    is_cancelled = appointment.status == "cancelled"
    event = Event()
    event.add("uid", f"{appointment.id}@{host}")
    event.add("dtstamp", _utc(appointment.created_ms))
    event.add("dtstart", _utc(appointment.start_ms))
    event.add("dtend", _utc(appointment.end_ms))
    event.add("summary", _written(appointment.service_type or title))
    event.add("status", "CANCELLED" if is_cancelled else "CONFIRMED")
    event.add("sequence", int(is_cancelled))
    if address := appointment.customer.get("address"):
        event.add("location", _written(address))
    if appointment.notes:
        event.add("description", _written(appointment.notes))
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if is_cancelled else "PUBLISH")
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def _written(text: str) -> str:
    """Leave out control characters, which the format has no way to write; line ends and tabs stay."""
    return "".join(sign for sign in text if sign in "\n\t" or unicodedata.category(sign) != "Cc")


def _utc(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms // 1_000 * 1_000)
