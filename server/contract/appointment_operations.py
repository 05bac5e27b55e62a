"""Operations on what is scarce: appointments of the platform API, and the telephone numbers of the widget."""

from engine.shown import AppointmentShown
from server.contract.operation import PLATFORM_BYTES_MAX, Operation
from server.routes import appointments, voice
from server.wire import appointments as wire
from server.wire import voice as voice_wire
from server.wire.widget_body import WIDGET_BYTES_MAX

_PATH = "/v1/appointments"
_TAG = "Appointments"

APPOINTMENT_OPERATIONS = (
    Operation(
        name="list_availability",
        method="GET",
        path=f"{_PATH}/availability",
        family="platform",
        handler=appointments.availability,
        scope="appointments:read",
        summary="Show the slots that can be booked",
        tag=_TAG,
        query=wire.AvailabilityQuery,
        reply=wire.Availability,
        reasons=("calendar_not_found",),
    ),
    Operation(
        name="book_appointment",
        method="POST",
        path=_PATH,
        family="platform",
        handler=appointments.book,
        scope="appointments:write",
        body_bytes_max=PLATFORM_BYTES_MAX,
        summary="Book an appointment",
        tag=_TAG,
        body=wire.AppointmentBody,
        reply=AppointmentShown,
        reasons=(
            "calendar_not_found",
            "session_not_found",
            "slot_invalid",
            "slot_taken",
            "too_many",
            "visitor_mismatch",
        ),
    ),
    Operation(
        name="list_appointments",
        method="GET",
        path=_PATH,
        family="platform",
        handler=appointments.list_appointments,
        scope="appointments:read",
        summary="List appointments by their start, the latest first",
        tag=_TAG,
        query=wire.AppointmentsQuery,
        reply=AppointmentShown,
        is_list=True,
    ),
    Operation(
        name="get_appointment",
        method="GET",
        path=f"{_PATH}/{{appointment_id}}",
        family="platform",
        handler=appointments.appointment,
        scope="appointments:read",
        summary="Show an appointment",
        tag=_TAG,
        reply=AppointmentShown,
        reasons=("appointment_not_found",),
    ),
    Operation(
        name="get_appointment_file",
        method="GET",
        path=f"{_PATH}/{{appointment_id}}/calendar.ics",
        family="platform",
        handler=appointments.appointment_file,
        scope="appointments:read",
        summary="Show an appointment as an iCalendar file",
        tag=_TAG,
        media="text/calendar",
        reasons=("appointment_not_found",),
    ),
    Operation(
        name="cancel_appointment",
        method="POST",
        path=f"{_PATH}/{{appointment_id}}/cancel",
        family="platform",
        handler=appointments.cancel,
        scope="appointments:write",
        body_bytes_max=PLATFORM_BYTES_MAX,
        summary="Cancel an appointment",
        tag=_TAG,
        body=wire.CancelBody,
        reply=AppointmentShown,
        reasons=("appointment_not_found",),
    ),
    Operation(
        name="start_voice",
        method="POST",
        path="/api/widgets/{widget_id}/voice/start",
        family="widget",
        handler=voice.start_voice,
        body_bytes_max=WIDGET_BYTES_MAX,
        summary="Lend the session a telephone number to call",
        tag="Widget",
        body=voice_wire.VoiceBody,
        reply=voice_wire.VoiceReply,
        reasons=(
            "assistant_not_found",
            "no_assistant",
            "no_consent",
            "session_not_found",
            "voice_not_configured",
        ),
    ),
)
