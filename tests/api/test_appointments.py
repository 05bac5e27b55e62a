"""`/v1/appointments`: availability, booking, lists and cancelling (API.md 3.3)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import icalendar
import pytest

from tests.api.offices import office
from tests.server.running import PLATFORM, Answered, TestServer

pytestmark = pytest.mark.anyio

PATH = "/v1/appointments"
OTHER = {"authorization": "Bearer dev_key_other_012345678", "x-workspace-id": "ws_other"}
READER = {"authorization": "Bearer dev_key_reader_0123456", "x-workspace-id": "ws_dev"}
MONDAY = "2025-06-16T08:00:00-05:00"  # the clock of the tests begins on Sunday, 15 June 2025
BODY = {"appointment_slot": MONDAY, "customer": {"name": "Ann Lee", "email": "ann@example.com"}}


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with office(tmp_path) as running:
        yield running


async def get(server: TestServer, path: str, headers: dict[str, str] = PLATFORM) -> Answered:
    return await server.send("GET", PATH + path, headers=headers)


async def book(server: TestServer, change: dict | None = None, **headers: str) -> Answered:
    return await server.send("POST", PATH, {**BODY, **(change or {})}, {**PLATFORM, **headers})


async def cancel(server: TestServer, appointment_id: str, body: object = None) -> Answered:
    return await server.send("POST", f"{PATH}/{appointment_id}/cancel", body, PLATFORM)


def problem(answered: Answered) -> tuple[int, str, dict]:
    error = answered.json["error"]
    return answered.status, error["message"], error["details"]


# ---- availability


async def test_availability_shows_the_slots_of_seven_days_as_documented(server: TestServer) -> None:
    answered = await get(server, "/availability")
    assert answered.status == 200
    data = answered.json["data"]
    assert (data["calendar_id"], data["timezone"]) == ("main", "America/Chicago")
    assert data["slots"][3] == {
        "appointment_slot": "2025-06-16T14:00:00-05:00",
        "end": "2025-06-16T16:00:00-05:00",
        "date": "2025-06-16",
        "time": "2:00 PM - 4:00 PM",
        "available": 1,
    }
    # Monday and Tuesday; Wednesday is closed, Sunday of next week has no hours.
    assert [slot["date"] for slot in data["slots"]] == ["2025-06-16"] * 5 + ["2025-06-17"] * 5


async def test_a_calendar_has_its_own_zone_and_capacity(server: TestServer) -> None:
    answered = await get(server, "/availability?calendar_id=short&date_to=2025-06-16")
    slots = answered.json["data"]["slots"]
    assert [slot["appointment_slot"] for slot in slots] == [
        "2025-06-16T09:00:00+02:00",
        "2025-06-16T09:30:00+02:00",
    ]
    assert {slot["available"] for slot in slots} == {2}


async def test_a_full_slot_is_not_shown(server: TestServer) -> None:
    await book(server)
    slots = (await get(server, "/availability?date_to=2025-06-16")).json["data"]["slots"]
    assert MONDAY not in [slot["appointment_slot"] for slot in slots]
    assert len(slots) == 4


@pytest.mark.parametrize(
    ("query", "status", "details"),
    [
        ("calendar_id=no", 404, {"field": "calendar_id", "reason": "calendar_not_found"}),
        ("date_from=tomorrow", 400, {"field": "date_from", "reason": "invalid_timestamp"}),
        (
            "date_from=2025-06-16&date_to=2025-06-15",
            400,
            {"field": "date_to", "reason": "out_of_range"},
        ),
        (
            "date_from=2025-06-16&date_to=2025-07-18",
            400,
            {"field": "date_to", "reason": "out_of_range"},
        ),
    ],
)
async def test_a_wrong_parameter_is_named(
    server: TestServer, query: str, status: int, details: dict
) -> None:
    answered = await get(server, f"/availability?{query}")
    assert (answered.status, answered.json["error"]["details"]) == (status, details)


@pytest.mark.parametrize(
    "query",
    [
        "date_from=2025-06-16&date_to=2025-07-17",
        "date_from=0001-01-01",
        "date_from=9999-12-31",
        "date_from=9999-12-20&date_to=9999-12-31",
    ],
)
async def test_availability_is_asked_for_31_days_at_most(server: TestServer, query: str) -> None:
    assert (await get(server, f"/availability?{query}")).status == 200


async def test_a_workspace_without_calendars_has_none_to_find(server: TestServer) -> None:
    answered = await get(server, "/availability", OTHER)
    assert answered.status == 404
    assert answered.json["error"]["details"]["reason"] == "calendar_not_found"


# ---- booking


async def test_a_booking_answers_the_documented_fields(server: TestServer) -> None:
    answered = await book(server, {"service_type": "AC repair", "notes": "Ring twice"})
    assert answered.status == 200
    data = answered.json["data"]
    assert list(data)[:12] == [
        "appointment_id",
        "calendar_id",
        "status",
        "date",
        "time",
        "start",
        "end",
        "session_id",
        "visitor_id",
        "customer",
        "service_type",
        "created_at",
    ]
    assert data["appointment_id"].startswith("appt_")
    assert data | {"appointment_id": ""} == {
        "appointment_id": "",
        "calendar_id": "main",
        "status": "scheduled",
        "date": "2025-06-16",
        "time": "8:00 AM - 10:00 AM",
        "start": "2025-06-16T13:00:00Z",
        "end": "2025-06-16T15:00:00Z",
        "session_id": None,
        "visitor_id": None,
        "customer": {
            "name": "Ann Lee",
            "email": "ann@example.com",
            "phone": None,
            "address": None,
        },
        "service_type": "AC repair",
        "created_at": "2025-06-15T15:06:40Z",
        "appointment_slot": MONDAY,
        "timezone": "America/Chicago",
        "notes": "Ring twice",
        "reason": None,
    }


async def test_a_slot_may_be_written_with_any_offset(server: TestServer) -> None:
    answered = await book(server, {"appointment_slot": "2025-06-16T13:00:00Z"})
    assert answered.json["data"]["appointment_slot"] == MONDAY


async def test_a_taken_slot_is_refused_in_the_seed_s_words(server: TestServer) -> None:
    await book(server)
    answered = await book(server)
    assert answered.json["error"] == {
        "code": "INVALID_REQUEST",
        "message": "The appointment slot is no longer available",
        "details": {"field": "appointment_slot", "reason": "slot_taken"},
    }
    assert answered.status == 400


async def test_of_many_at_once_one_gets_the_slot(server: TestServer) -> None:
    answers = await asyncio.gather(*(book(server) for _ in range(20)))
    assert sorted(answered.status for answered in answers) == [200] + [400] * 19
    listed = (await get(server, "")).json["data"]
    assert len(listed) == 1


async def test_two_hundred_bookings_of_twenty_slots_are_twenty(server: TestServer) -> None:
    found = (await get(server, "/availability?date_to=2025-07-10")).json["data"]["slots"]
    slots = [slot["appointment_slot"] for slot in found[:20]]
    answers = await asyncio.gather(
        *(book(server, {"appointment_slot": slots[number % 20]}) for number in range(200))
    )
    won = [a.json["data"]["appointment_slot"] for a in answers if a.status == 200]
    lost = [a.json["error"]["details"]["reason"] for a in answers if a.status != 200]
    assert sorted(won) == sorted(slots)
    assert lost == ["slot_taken"] * 180


async def test_one_idempotency_key_books_once(server: TestServer) -> None:
    first = await book(server, **{"idempotency-key": "k1"})
    again = await book(server, **{"idempotency-key": "k1"})
    assert again.json["data"] == first.json["data"]
    assert len((await get(server, "")).json["data"]) == 1


async def test_a_repeat_whose_first_answer_was_lost_has_the_same_appointment(
    server: TestServer,
) -> None:
    first = await book(server, **{"idempotency-key": "k1"})
    # The answer is forgotten as a crash before it was kept would have it.
    server.parts.store._state.answers._kept.clear()  # type: ignore[attr-defined]
    again = await book(server, **{"idempotency-key": "k1"})
    assert again.status == 200
    assert again.json["data"] == first.json["data"]
    assert "idempotency-replayed" not in again.headers


@pytest.mark.parametrize(
    ("change", "status", "field", "reason"),
    [
        ({"appointment_slot": None}, 400, "appointment_slot", "invalid_type"),
        ({"appointment_slot": "monday"}, 400, "appointment_slot", "invalid_timestamp"),
        ({"appointment_slot": "2025-06-16T08:00:00"}, 400, "appointment_slot", "invalid_timestamp"),
        (
            {"appointment_slot": "2025-06-16T08:30:00-05:00"},
            400,
            "appointment_slot",
            "slot_invalid",
        ),
        (
            {"appointment_slot": "2025-06-09T08:00:00-05:00"},
            400,
            "appointment_slot",
            "slot_invalid",
        ),
        (
            {"appointment_slot": "2025-06-18T08:00:00-05:00"},
            400,
            "appointment_slot",
            "slot_invalid",
        ),
        (
            {"appointment_slot": "2026-06-15T08:00:00-05:00"},
            400,
            "appointment_slot",
            "slot_invalid",
        ),
        (
            {"appointment_slot": "0001-01-01T00:00:00+14:00"},
            400,
            "appointment_slot",
            "slot_invalid",
        ),
        ({"calendar_id": "no"}, 404, "calendar_id", "calendar_not_found"),
        ({"session_id": "chat_no"}, 404, "session_id", "session_not_found"),
        ({"session_id": "a\x00"}, 400, "session_id", "invalid_id"),
        ({"visitor_id": "x" * 257}, 400, "visitor_id", "too_long"),
        ({"customer": None}, 400, "customer", "invalid_type"),
        ({"customer": {}}, 400, "customer.name", "required"),
        ({"customer": {"name": "  "}}, 400, "customer.name", "too_short"),
        ({"customer": {"name": "x" * 201}}, 400, "customer.name", "too_long"),
        ({"customer": {"name": "A", "email": "x" * 201}}, 400, "customer.email", "too_long"),
        ({"customer": {"name": "A", "phone": 5}}, 400, "customer.phone", "invalid_type"),
        ({"customer": {"name": "A", "address": "x" * 501}}, 400, "customer.address", "too_long"),
        ({"service_type": "x" * 101}, 400, "service_type", "too_long"),
        ({"notes": "x" * 2_001}, 400, "notes", "too_long"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_booked(
    server: TestServer, change: dict, status: int, field: str, reason: str
) -> None:
    answered = await book(server, change)
    assert answered.status == status
    assert answered.json["error"]["details"] == {"field": field, "reason": reason}
    assert (await get(server, "")).json["data"] == []


@pytest.mark.parametrize("field", ["appointment_slot", "customer"])
async def test_a_missing_field_is_required(server: TestServer, field: str) -> None:
    body = {name: value for name, value in BODY.items() if name != field}
    answered = await server.send("POST", PATH, body, PLATFORM)
    assert answered.json["error"]["details"] == {"field": field, "reason": "required"}


async def test_reading_and_writing_need_their_scopes(server: TestServer) -> None:
    for method, path in (("GET", ""), ("GET", "/availability"), ("POST", "")):
        body = BODY if method == "POST" else None
        answered = await server.send(method, PATH + path, body, READER)
        scope = "appointments:read" if method == "GET" else "appointments:write"
        assert answered.status == 403
        assert answered.json["error"]["details"] == {"reason": "missing_scope", "scope": scope}


# ---- the session's part


async def test_a_booking_in_a_session_is_known_there(server: TestServer) -> None:
    session = await server.open_session()
    answered = await book(server, {"session_id": session["session_id"]})
    data = answered.json["data"]
    assert data["session_id"] == session["session_id"]
    assert data["visitor_id"] == session["visitor_id"]
    runtime = server.parts.runtime
    ref = await runtime.find("ws_dev", session["session_id"])
    assert ref is not None
    pulled = await runtime.pull(ref, None, 0)
    told = [item.data for item in pulled.items if getattr(item, "name", "").startswith("app")]
    assert told == [
        {
            "appointment_id": data["appointment_id"],
            "date": "2025-06-16",
            "time": "8:00 AM - 10:00 AM",
        }
    ]


async def test_a_visitor_s_latest_session_is_meant_when_none_is_named(server: TestServer) -> None:
    session = await server.open_session(id="vis_a")
    data = (await book(server, {"visitor_id": "vis_a"})).json["data"]
    assert data["session_id"] == session["session_id"]


async def test_a_visitor_who_was_never_seen_may_have_an_appointment(server: TestServer) -> None:
    data = (await book(server, {"visitor_id": "vis_new"})).json["data"]
    assert (data["session_id"], data["visitor_id"]) == (None, "vis_new")


async def test_a_session_of_another_visitor_is_a_mismatch(server: TestServer) -> None:
    session = await server.open_session(id="vis_a")
    answered = await book(server, {"session_id": session["session_id"], "visitor_id": "vis_b"})
    assert problem(answered)[2] == {"field": "visitor_id", "reason": "visitor_mismatch"}


# ---- lists, one, the file


async def test_appointments_are_listed_in_pages_the_latest_start_first(server: TestServer) -> None:
    starts = [f"2025-06-16T{hour:02}:00:00-05:00" for hour in (8, 12, 10)]
    for start in starts:
        await book(server, {"appointment_slot": start})
    first = (await get(server, "?limit=2")).json
    assert [row["appointment_slot"] for row in first["data"]] == [starts[1], starts[2]]
    assert first["meta"]["has_more"] is True
    rest = (await get(server, f"?limit=2&cursor={first['meta']['next_cursor']}")).json
    assert [row["appointment_slot"] for row in rest["data"]] == [starts[0]]
    assert (rest["meta"]["has_more"], rest["meta"]["next_cursor"]) == (False, None)


async def test_a_list_has_a_first_and_a_last_instant(server: TestServer) -> None:
    for hour in (8, 10, 12):
        await book(server, {"appointment_slot": f"2025-06-16T{hour:02}:00:00-05:00"})
    answered = await get(server, "?from=2025-06-16T15:00:00Z&to=2025-06-16T12:00:00-05:00")
    assert [row["time"] for row in answered.json["data"]] == ["10:00 AM - 12:00 PM"]
    ends = "?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z"
    assert len((await get(server, ends)).json["data"]) == 3


async def test_a_foreign_cursor_and_a_wrong_limit_are_refused(server: TestServer) -> None:
    for query, details in (
        ("?cursor=abc", {"field": "cursor", "reason": "invalid_cursor"}),
        ("?limit=0", {"field": "limit", "reason": "out_of_range"}),
        ("?limit=101", {"field": "limit", "reason": "out_of_range"}),
        ("?from=yesterday", {"field": "from", "reason": "invalid_timestamp"}),
    ):
        assert problem(await get(server, query))[2] == details


async def test_an_appointment_is_shown_as_it_was_booked(server: TestServer) -> None:
    booked = (await book(server)).json["data"]
    assert (await get(server, f"/{booked['appointment_id']}")).json["data"] == booked


async def test_another_workspace_s_appointment_is_an_unknown_one(server: TestServer) -> None:
    booked = (await book(server)).json["data"]["appointment_id"]
    for path in ("", "/calendar.ics"):
        own = await get(server, f"/appt_none{path}", OTHER)
        foreign = await get(server, f"/{booked}{path}", OTHER)
        assert (own.status, own.json["error"]) == (foreign.status, foreign.json["error"])
        assert own.json["error"]["details"] == {"reason": "appointment_not_found"}
    foreign = await server.send("POST", f"{PATH}/{booked}/cancel", None, OTHER)
    assert foreign.status == 404
    assert (await get(server, "", OTHER)).json["data"] == []
    assert (await get(server, f"/{booked}")).json["data"]["status"] == "scheduled"


async def test_an_appointment_is_a_file_that_calendars_read(server: TestServer) -> None:
    hostile = "Ring\r\nEND:VEVENT; twice, \\please\x00\x0b\x85"
    booked = (
        await book(
            server,
            {
                "service_type": "AC repair",
                "notes": hostile,
                "customer": {"name": "Ann", "address": "1 Main St\nChicago"},
            },
        )
    ).json["data"]
    answered = await get(server, f"/{booked['appointment_id']}/calendar.ics")
    assert answered.status == 200
    assert answered.headers["content-type"] == "text/calendar; charset=utf-8"
    calendar = icalendar.Calendar.from_ical(answered.body)
    (event,) = calendar.walk("VEVENT")
    assert event["summary"] == "AC repair"
    assert event["location"] == "1 Main St\nChicago"
    assert event["description"] == "Ring\nEND:VEVENT; twice, \\please"
    assert event.decoded("dtstart").isoformat() == "2025-06-16T13:00:00+00:00"
    assert event.decoded("dtend").isoformat() == "2025-06-16T15:00:00+00:00"
    assert (event["status"], calendar["method"]) == ("CONFIRMED", "PUBLISH")
    await cancel(server, booked["appointment_id"])
    answered = await get(server, f"/{booked['appointment_id']}/calendar.ics")
    calendar = icalendar.Calendar.from_ical(answered.body)
    assert calendar.walk("VEVENT")[0]["status"] == "CANCELLED"


# ---- cancelling


async def test_cancelling_gives_the_room_back_and_twice_is_the_same(server: TestServer) -> None:
    booked = (await book(server)).json["data"]
    first = await cancel(server, booked["appointment_id"], {"reason": "is ill"})
    assert first.status == 200
    assert first.json["data"] == {**booked, "status": "cancelled", "reason": "is ill"}
    again = await cancel(server, booked["appointment_id"])
    assert (again.status, again.json["data"]) == (200, first.json["data"])
    assert (await book(server)).status == 200


async def test_what_is_unknown_cannot_be_cancelled(server: TestServer) -> None:
    assert problem(await cancel(server, "appt_no"))[2] == {"reason": "appointment_not_found"}


async def test_a_reason_has_its_limit(server: TestServer) -> None:
    booked = (await book(server)).json["data"]
    answered = await cancel(server, booked["appointment_id"], {"reason": "x" * 201})
    assert problem(answered)[2] == {"field": "reason", "reason": "too_long"}
