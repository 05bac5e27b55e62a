"""Webhooks from the event of a visitor to the receiver and back: the log, tests, replays, what dashboards hear."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.api.hooked import ask, local_config, make, refused
from tests.faults.receiver import SECRET, Received, Receiver, Scripted, receiving
from tests.server.running import (
    AC_PAGE,
    PLATFORM,
    ListeningServer,
    TestServer,
    in_process,
    listening,
)

pytestmark = pytest.mark.anyio
REPLIES = [
    {"text": "Schedule Service", "value": "schedule_service", "action": "schedule"},
    {"text": "No thanks", "value": "no_thanks", "action": "dismiss"},
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
async def live(tmp_path: Path, anyio_backend: str) -> AsyncIterator[ListeningServer]:
    """A running server whose webhooks may go to this machine; its clock stands still."""
    async with listening(local_config(tmp_path)) as running:
        yield running


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    """The same with nothing under way: a test sends what is due by hand."""
    async with in_process(local_config(tmp_path)) as running:
        # The rules that were published at the start are told before there is an endpoint.
        await running.parts.app.services.outbox.drain()
        yield running
        await running.parts.app.services.webhooks.stop()


async def hook(server: TestServer, receiver: Receiver, **changes: object) -> str:
    """Make an endpoint of the receiver and return the path of its operations."""
    given = {"url": receiver.url(), "secret": SECRET, **changes}
    made = await make(server, **given)
    return f"/{made['webhook_id']}"


async def tell(server: TestServer) -> None:
    """Tell the causes there are and send what is due."""
    services = server.parts.app.services
    await services.outbox.drain()
    await services.webhooks.sender.send_due()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110  # another thread receives it
            await asyncio.sleep(0.01)


async def converse(server: TestServer) -> str:
    """Let a visitor see a proactive message and click a reply; returns the session's id."""
    session = (await server.open_session(id="visitor_abc123", page_url=AC_PAGE))["session_id"]
    server.clock.advance(31_000)
    body = {"session_id": session, "message": "Need help?", "quick_replies": REPLIES}
    path = "/v1/outbound/live-chat/message"
    sent = await server.send("POST", path, body, PLATFORM)
    assert sent.status == 200, sent.body
    about = {"message_id": sent.json["data"]["message_id"]}
    for event, more in (
        ("message_displayed", {}),
        ("reply_clicked", {"value": "schedule_service"}),
    ):
        server.clock.advance(1_000)
        track = {"sessionId": session, "event": event, "metadata": {**about, **more}}
        answered = await server.track(track)
        assert answered.status == 200, answered.body
    return session


# ---- from the visitor to the receiver


async def test_a_click_reaches_the_receiver_and_the_chat_started_first(
    live: ListeningServer, receiver: Receiver
) -> None:
    await hook(live.server, receiver)
    session = await converse(live.server)
    await until(lambda: sum(one.json["session_id"] == session for one in receiver.received) == 5)
    of_session = [one for one in receiver.received if one.json["session_id"] == session]
    came = sorted(of_session, key=lambda one: one.sequence)
    names = [one.json["event"] for one in came]
    assert names == [
        "chat.started",
        "message.sent",
        "message.displayed",
        "message.received",
        "live_chat.visitor_responded",
    ]
    assert [one.sequence for one in came] == [1, 2, 3, 4, 5]
    assert all(one.is_signed for one in came)
    assert len({one.id for one in came}) == len(came)
    assert {one.headers["x-opportune-workspace"] for one in came} == {"ws_dev"}


async def test_the_payload_of_the_seed_is_sent_to_the_byte(
    server: TestServer, receiver: Receiver
) -> None:
    await hook(server, receiver, events=["live_chat.visitor_responded"])
    session = await converse(server)
    await tell(server)
    (came,) = receiver.received
    data = came.json["data"]
    words = (
        f'{{"event":"live_chat.visitor_responded","session_id":"{session}",'
        f'"timestamp":"2025-06-15T15:07:13Z","data":{{"message_id":"{data["message_id"]}",'
        '"message":"Schedule Service","quick_reply_clicked":{"value":"schedule_service",'
        '"action":"schedule"},"visitor":{"id":"visitor_abc123","status":"engaged",'
        f'"engagement_score":{data["visitor"]["engagement_score"]}}}}}}}'
    )
    assert came.body == words.encode()


async def test_an_integration_event_arrives_under_the_id_that_its_sender_was_told(
    server: TestServer, receiver: Receiver
) -> None:
    await hook(server, receiver, events=["custom.won"])
    body = {"event": "custom.won", "data": {"amount": 12.5}}
    posted = await server.send("POST", "/v1/integration-events", body, PLATFORM)
    await tell(server)
    (came,) = receiver.received
    assert came.id == posted.json["data"]["event_id"]
    assert came.json["data"] == {"amount": 12.5}
    assert came.json["session_id"] is None
    assert "x-opportune-sequence" not in came.headers


async def test_only_events_that_are_subscribed_to_arrive(
    server: TestServer, receiver: Receiver
) -> None:
    await hook(server, receiver, events=["chat.started"])
    off = await hook(server, receiver)
    await ask(server, "PATCH", off, {"status": "disabled"})
    await converse(server)
    await tell(server)
    assert [one.json["event"] for one in receiver.received] == ["chat.started"]


async def test_both_secrets_sign_for_a_day_after_a_rotation(
    server: TestServer, receiver: Receiver
) -> None:
    path = await hook(server, receiver)
    await ask(server, "POST", f"{path}/rotate-secret")
    await ask(server, "POST", f"{path}/test")
    server.clock.advance(86_400_000)
    await ask(server, "POST", f"{path}/test")
    first, second = receiver.received
    assert (first.is_signed, second.is_signed) == (True, False)
    assert len(first.headers["webhook-signature"].split(" ")) == 2
    assert len(second.headers["webhook-signature"].split(" ")) == 1


async def test_a_removed_endpoint_s_deliveries_are_dropped(
    server: TestServer, receiver: Receiver
) -> None:
    receiver.script = lambda _: Scripted(500)
    path = await hook(server, receiver, events=["chat.started"])
    await converse(server)
    await tell(server)
    await ask(server, "DELETE", path)
    server.clock.advance(86_400_000)
    await tell(server)
    assert len(receiver.received) == 1


async def test_that_a_visitor_was_erased_is_told_after_it(
    server: TestServer, receiver: Receiver
) -> None:
    await hook(server, receiver, events=["visitor.erased"])
    await converse(server)
    erased = await server.send("DELETE", "/v1/visitors/visitor_abc123", headers=PLATFORM)
    assert erased.status == 200, erased.body
    await tell(server)
    (came,) = receiver.received
    assert came.json["data"] == {"visitor_id": "visitor_abc123"}
    assert came.is_signed


# ---- tests


async def test_more_tests_than_may_be_under_way_at_once_are_all_sent(
    server: TestServer, receiver: Receiver
) -> None:
    receiver.script = lambda _: Scripted(after_s=0.1)
    path = await hook(server, receiver)
    answers = await asyncio.gather(*(ask(server, "POST", f"{path}/test") for _ in range(10)))
    shown = [answered.json["data"]["status"] for answered in answers]
    assert shown.count("delivered") == receiver.at_once_max == 4
    assert shown.count("pending") == 6
    server.clock.advance(60_000)
    await tell(server)
    assert len({one.id for one in receiver.received}) == len(receiver.received) == 10


async def test_a_test_is_sent_at_once_and_shows_what_came_of_it(
    server: TestServer, receiver: Receiver
) -> None:
    path = await hook(server, receiver, events=["chat.started"])
    tested = (await ask(server, "POST", f"{path}/test")).json["data"]
    (came,) = receiver.received
    assert came.is_signed
    assert came.json == {
        "event": "webhook.test",
        "session_id": None,
        "timestamp": "2025-06-15T15:06:40Z",
        "data": {"webhook_id": path[1:]},
    }
    assert tested == {
        "delivery_id": tested["delivery_id"],
        "event_id": came.id,
        "event": "webhook.test",
        "attempt": 1,
        "status": "delivered",
        "http_status": 200,
        "error": None,
        "duration_ms": 0,
        "next_attempt_at": None,
        "created_at": "2025-06-15T15:06:40Z",
    }
    assert (await ask(server, "GET", f"{path}/deliveries")).json["data"] == [tested]


async def test_a_failed_test_is_not_tried_again(server: TestServer, receiver: Receiver) -> None:
    text = {"content-type": "text/plain; charset=utf-8"}
    receiver.script = lambda _: Scripted(401, text, b"who are you?")
    path = await hook(server, receiver)
    tested = (await ask(server, "POST", f"{path}/test")).json["data"]
    assert (tested["status"], tested["http_status"]) == ("failed", 401)
    assert tested["error"] == "answered 401: who are you?"
    shown = (await ask(server, "GET", path)).json["data"]
    assert (shown["last_status"], shown["failing_since"]) == (401, "2025-06-15T15:06:40Z")
    server.clock.advance(86_400_000)
    await tell(server)
    assert len(receiver.received) == 1


async def test_an_endpoint_that_nobody_is_at_says_so(
    server: TestServer, receiver: Receiver
) -> None:
    with receiving() as gone:
        url = gone.url()
    path = await hook(server, receiver, url=url)
    tested = (await ask(server, "POST", f"{path}/test")).json["data"]
    assert (tested["status"], tested["http_status"]) == ("failed", None)
    assert tested["error"] == "no connection"


async def test_a_disabled_endpoint_can_be_tested_and_enabled_again(
    server: TestServer, receiver: Receiver
) -> None:
    answers = [Scripted(410), Scripted(), Scripted()]
    receiver.script = lambda _: answers.pop(0)
    path = await hook(server, receiver)
    await ask(server, "POST", f"{path}/test")
    shown = (await ask(server, "GET", path)).json["data"]
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "gone")
    tested = (await ask(server, "POST", f"{path}/test")).json["data"]
    assert tested["status"] == "delivered"
    assert (await ask(server, "GET", path)).json["data"]["status"] == "disabled"
    enabled = (await ask(server, "PATCH", path, {"status": "enabled"})).json["data"]
    assert (enabled["status"], enabled["disabled_reason"]) == ("enabled", None)


# ---- the log and replays


async def test_the_log_is_listed_newest_first_by_status_and_in_pages(
    server: TestServer, receiver: Receiver
) -> None:
    def answer(came: Received) -> Scripted:
        return Scripted(500 if came.json["event"] == "message.sent" else 200)

    receiver.script = answer
    path = await hook(server, receiver)
    await converse(server)
    await tell(server)
    rows = (await ask(server, "GET", f"{path}/deliveries")).json["data"]
    assert len(rows) == 5
    assert [row["created_at"] for row in rows] == sorted(
        (row["created_at"] for row in rows), reverse=True
    )
    (waits,) = (await ask(server, "GET", f"{path}/deliveries?status=pending")).json["data"]
    assert (waits["event"], waits["attempt"], waits["http_status"]) == ("message.sent", 1, 500)
    assert waits["next_attempt_at"] > waits["created_at"]
    paged, query = [], "?limit=2"
    for _ in range(3):
        page = (await ask(server, "GET", f"{path}/deliveries{query}")).json
        paged += page["data"]
        query = f"?limit=2&cursor={page['meta']['next_cursor']}"
    assert paged == rows
    assert page["meta"]["has_more"] is False
    bad = await ask(server, "GET", f"{path}/deliveries?status=lost")
    assert refused(bad) == (400, "status", "invalid_value")


async def test_one_delivery_is_sent_again_with_its_ids_and_bytes(
    server: TestServer, receiver: Receiver
) -> None:
    path = await hook(server, receiver, events=["chat.started"])
    await converse(server)
    await tell(server)
    (row,) = (await ask(server, "GET", f"{path}/deliveries")).json["data"]
    answered = await ask(server, "POST", f"{path}/deliveries/{row['delivery_id']}/replay")
    again = answered.json["data"]
    assert (again["status"], again["attempt"]) == ("pending", 0)
    await tell(server)
    first, second = receiver.received
    assert (first.id, first.body, first.sequence) == (second.id, second.body, second.sequence)
    assert second.attempt == 1
    unknown = await ask(server, "POST", f"{path}/deliveries/dlv_none/replay")
    assert refused(unknown) == (404, None, "delivery_not_found")
    await ask(server, "PATCH", path, {"status": "disabled"})
    off = await ask(server, "POST", f"{path}/deliveries/{row['delivery_id']}/replay")
    assert refused(off) == (400, "webhook_id", "invalid_value")


async def test_deliveries_of_a_time_are_sent_again(server: TestServer, receiver: Receiver) -> None:
    path = await hook(server, receiver)
    await converse(server)
    await tell(server)
    await ask(server, "POST", f"{path}/test")
    receiver.received.clear()

    async def queued(**body: object) -> int:
        answered = await ask(server, "POST", f"{path}/replay", body)
        assert answered.status == 200, answered.body
        await tell(server)
        return int(answered.json["data"]["queued"])

    assert await queued(since="2025-06-15T15:07:12Z") == 3
    came = {one.json["event"] for one in receiver.received}
    assert came == {"message.displayed", "message.received", "live_chat.visitor_responded"}
    assert await queued(since="2025-06-15T15:00:00Z", until="2025-06-15T15:07:12Z") == 2
    assert await queued(since="2025-06-15T15:00:00Z", events=["message.sent"]) == 1
    assert await queued(since="2025-06-15T15:00:00Z", events=["*"]) == 5
    assert await queued(since="2025-06-16T00:00:00Z") == 0
    assert len({one.id for one in receiver.received}) == 5


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "since", "required"),
        ({"since": "yesterday"}, "since", "invalid_timestamp"),
        ({"since": "2025-06-15T15:00:00"}, "since", "invalid_timestamp"),
        ({"since": "2025-06-15T15:00:00Z", "events": ["x"]}, "events[0]", "unknown_event"),
        ({"since": "2025-06-15T15:00:00Z", "events": []}, "events", "too_short"),
    ],
)
async def test_a_wrong_replay_is_named(
    server: TestServer, receiver: Receiver, body: dict, field: str, reason: str
) -> None:
    path = await hook(server, receiver)
    assert refused(await ask(server, "POST", f"{path}/replay", body)) == (400, field, reason)


# ---- what dashboards hear


async def test_dashboards_hear_when_an_endpoint_fails_and_when_it_is_disabled(
    server: TestServer, receiver: Receiver
) -> None:
    receiver.script = lambda _: Scripted(500)
    path = await hook(server, receiver)
    for _ in range(4):
        await ask(server, "POST", f"{path}/test")
    receiver.script = lambda _: Scripted(410)
    await ask(server, "POST", f"{path}/test")
    await tell(server)
    page = await server.parts.store.feed_after("ws_dev", None, 0)
    told = [event.body for event in page.events if b"webhook:failing" in event.body]
    assert len(told) == 2
    assert b'"disabled":false' in told[0]
    assert b'"disabled":true' in told[1]
    assert path[1:].encode() in told[1]
