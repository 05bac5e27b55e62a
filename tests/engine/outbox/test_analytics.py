"""What is sent on to a Segment-compatible destination: which causes, in which words, and of whom nothing is."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from engine.causes import (
    Body,
    Cause,
    Consent,
    ConversationStarted,
    MessageMoved,
    MessageState,
    Said,
    SessionClosed,
)
from engine.events import Event
from engine.message import Author, Message
from engine.outbox.analytics import (
    analytics_event,
    authorization,
    batch_of,
    call_bytes,
    may_be_sent_on,
    track_call,
)
from engine.outbox.endpoint import Endpoint, Known
from engine.outbox.endpoints import Endpoints
from engine.outbox.planning import is_told, plan_deliveries
from engine.outbox.webhooks import event_names
from engine.runtime_types import ClientContext
from engine.stores.base import Store
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from tests.engine.outbox.causes import AT_MS, BOOKED, CARD, answer, cause
from tests.engine.outbox.hooks import SCHEDULE, SIGNING, endpoint, sending
from tests.engine.outbox.test_planning import visit
from tests.engine.world import HELP, World, world
from tests.faults.receiver import Received, Scripted, receiving
from tests.faults.server import Single

KEY = "the_write_key"
WORDS = "what nobody else may read"
APPROACH = Message(
    "msg_1",
    WORDS,
    AT_MS,
    rule="help",
    variant="short",
    campaign="camp_1",
    clicked=WORDS,
)


def destination(url: str = "https://events.example/v1/batch", **more: object) -> Endpoint:
    """Make the destination of the workspace `w`."""
    return Endpoint("analytics.w", "w", url, ("*",), KEY, of_file=True, form="segment", **more)  # type: ignore[arg-type]


def called(body: Body, **more: object) -> dict:
    """Return the call of a cause, as it is sent."""
    told = msgspec.structs.replace(cause("evt_1", body), **more)
    call = track_call(told)
    assert call is not None
    return msgspec.json.decode(call_bytes(call))


def said(author: Author, **more: object) -> Said:
    message = Message("msg_2", WORDS, AT_MS, author=author, kind="chat", **more)  # type: ignore[arg-type]
    return Said(CARD, message)


# ---- which causes, in which words


def test_a_call_names_the_visitor_the_cause_and_its_instant() -> None:
    call = called(ConversationStarted(CARD), at_ms=AT_MS + 7)
    version = call.pop("context")["library"].pop("version")
    assert version
    assert call == {
        "type": "track",
        "event": "Live Chat Conversation Started",
        "messageId": "evt_1",
        "anonymousId": "vis_1",
        "timestamp": "2024-01-20T14:13:20.007Z",
        "properties": {
            "conversation_id": "conv_1",
            "session_id": "chat_1",
            "agent_id": "asst_1",
            "conversation_duration": 0,
            "origin": "widget",
        },
    }
    assert called(ConversationStarted(CARD), user="u 7")["userId"] == "u 7"


@pytest.mark.parametrize(
    ("author", "event", "agent"),
    [
        ("visitor", "Live Chat Message Sent", {"agent_id": "asst_1"}),
        ("assistant", "Live Chat Message Received", {"agent_id": "asst_1"}),
        ("agent", "Live Chat Message Received", {"agent_name": "Ada"}),
    ],
)
def test_words_are_sent_or_received_as_the_visitor_sees_it(
    author: Author, event: str, agent: dict
) -> None:
    call = called(said(author, by="Ada" if author == "agent" else ""))
    about = {"conversation_id": "conv_1", "session_id": "chat_1", "message_id": "msg_2"}
    assert (call["event"], call["properties"]) == (event, about | agent)


def test_the_end_says_how_long_it_was_and_why() -> None:
    call = called(SessionClosed(CARD, "idle", WORDS), at_ms=AT_MS + 61_999)
    assert call["event"] == "Live Chat Conversation Ended"
    assert call["properties"]["conversation_duration"] == 61
    assert call["properties"]["reason"] == "idle"


@pytest.mark.parametrize(
    ("state", "event"),
    [
        ("sent", "Proactive Message Sent"),
        ("displayed", "Proactive Message Displayed"),
        ("replied", "Proactive Message Replied"),
        ("dismissed", "Proactive Message Dismissed"),
        ("expired", "Proactive Message Expired"),
        ("held_out", "Proactive Message Held Out"),
    ],
)
def test_a_proactive_message_is_told_with_its_rule_and_score(
    state: MessageState, event: str
) -> None:
    call = called(MessageMoved(APPROACH, state, 42))
    assert call["event"] == event
    assert call["properties"] == {
        "message_id": "msg_1",
        "rule": "help",
        "variant": "short",
        "campaign_id": "camp_1",
        "engagement_score": 42,
    }


def test_what_a_message_does_not_have_is_null_and_a_score_of_nothing_is_told() -> None:
    bare = called(MessageMoved(Message("msg_1", WORDS, AT_MS), "sent", 0))["properties"]
    assert bare == {
        "message_id": "msg_1",
        "rule": None,
        "variant": None,
        "campaign_id": None,
        "engagement_score": 0,
    }


@pytest.mark.parametrize(
    "body",
    [
        *(MessageMoved(APPROACH, state, 1) for state in ("held", "delivered", "read", "withdrawn")),
        said("system"),
        ConversationStarted(msgspec.structs.replace(CARD, channel="voice")),
        SessionClosed(msgspec.structs.replace(CARD, channel="video"), "agent"),
        BOOKED,
    ],
)
def test_nothing_else_is_sent_on(body: Body) -> None:
    assert analytics_event(cause("evt_1", body)) is None
    assert track_call(cause("evt_1", body)) is None


def test_no_words_are_sent_on() -> None:
    bodies: list[Body] = [ConversationStarted(CARD), SessionClosed(CARD, "api", WORDS)]
    bodies += [said(author) for author in get_args(Author) if author != "system"]
    bodies += [MessageMoved(APPROACH, state, 1, WORDS) for state in ("sent", "replied")]
    for body in bodies:
        call = track_call(cause("evt_1", body))
        assert call is not None
        raw = call_bytes(call).decode()
        assert WORDS not in raw
        assert "ada@example.com" not in raw
        assert "pro" not in raw.replace("properties", "")


# ---- of whom


@pytest.mark.parametrize(
    ("consent", "implicit", "guarded"),
    [("", True, False), ("granted", True, True), ("refused", False, False)],
)
def test_nothing_is_sent_on_against_the_visitor_s_word(
    consent: Consent, implicit: bool, guarded: bool
) -> None:
    told = msgspec.structs.replace(cause("evt_1"), consent=consent)
    assert may_be_sent_on(told, ()) is implicit
    assert may_be_sent_on(told, ("site_1",)) is guarded
    assert may_be_sent_on(told, ("site_2",)) is implicit
    known = Known(destination(guarded=("site_1",)))
    assert len(plan_deliveries(told, [known], SIGNING)) == guarded


async def told_of(place: World, client: ClientContext, *stated: str) -> list[Cause]:
    """Let a visitor state their consent and write; returns what is told of it."""
    told: list[Cause] = []
    place.runtime.on_cause(told.append)
    ref = await place.session()
    events = [place.event("consent", properties={"state": state}) for state in stated]
    events.append(place.event("visitor_message", properties={"text": "Hello"}))
    await place.runtime.track(ref, "site", events, client)
    return [one for one in told if analytics_event(one)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("gpc", "stated", "consent"),
    [
        (False, (), ""),
        (False, ("granted",), "granted"),
        (False, ("pending",), "refused"),
        (False, ("denied",), "refused"),
        (False, ("granted", "denied"), "refused"),
        (True, (), "refused"),
        (True, ("granted",), "granted"),
    ],
)
async def test_a_cause_says_what_the_visitor_had_agreed_to(
    gpc: bool, stated: tuple[str, ...], consent: str
) -> None:
    async with world(HELP) as place:
        told = await told_of(place, ClientContext(gpc=gpc), *stated)
    assert [analytics_event(one) for one in told] == [
        "Live Chat Conversation Started",
        "Live Chat Message Sent",
    ]
    assert {one.consent for one in told} == {consent}


@pytest.mark.anyio
@pytest.mark.parametrize(("origin", "user"), [("api", "u_7"), ("widget", ""), ("segment", "")])
async def test_only_a_proven_user_is_named(origin: str, user: str) -> None:
    async with world(HELP) as place:
        told: list[Cause] = []
        place.runtime.on_cause(told.append)
        ref = await place.session()
        await place.view(ref, "/pricing")
        attributes = {"visitor.user_id": "u_7"}
        stated = Event(
            "e_1", "identify", place.clock.now_ms(), attributes=attributes, origin=origin
        )  # type: ignore[arg-type]
        await place.runtime.note(ref, (stated,))
        await place.runtime.say(ref, "Hello")
    assert {one.user for one in told if analytics_event(one)} == {user}


# ---- a session as a destination sees it


@pytest.mark.anyio
async def test_a_visit_is_told_from_the_approach_to_the_end() -> None:
    async with world(HELP) as place:
        told = await visit(place)
    calls = [call for one in told if (call := track_call(one))]
    assert [call.event for call in calls] == [
        "Proactive Message Sent",
        "Proactive Message Displayed",
        "Proactive Message Replied",
        "Live Chat Conversation Started",
        "Live Chat Message Sent",
        "Live Chat Message Received",
        "Live Chat Message Sent",
        "Live Chat Conversation Ended",
    ]
    assert len({call.message_id for call in calls}) == len(calls)
    assert {call.anonymous_id for call in calls} == {told[0].visitor}


# ---- as deliveries


def test_webhooks_and_destinations_are_told_each_in_their_own_words() -> None:
    hooks = [Known(endpoint("whk_1", "https://shop.example/hook")), Known(destination())]
    made = plan_deliveries(cause("evt_1", said("visitor")), hooks, SIGNING)
    assert [(one.endpoint, one.event, one.event_id) for one in made] == [
        ("whk_1", "message.received", "evt_1"),
        ("analytics.w", "Live Chat Message Sent", "evt_1"),
    ]
    assert len({one.id for one in made}) == 2
    assert plan_deliveries(cause("evt_1", said("visitor")), hooks, SIGNING) == made


def test_what_nobody_could_want_is_known_before_anybody_is_asked() -> None:
    held_out = cause("evt_1", MessageMoved(APPROACH, "held_out", 1))
    assert not event_names(held_out)
    assert is_told(held_out)
    assert is_told(cause("evt_1", BOOKED))
    assert not is_told(answer("evt_1"))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT_MS + 1_000)


@pytest.fixture(
    params=["memory:", "sqlite:///test.db", "redis:"], ids=["memory", "sqlite", "redis"]
)
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock, anyio_backend: str
) -> AsyncIterator[Store]:
    url = request.param
    if url == "redis:":
        server: Single = request.getfixturevalue("valkey")
        server.flush()
        url = server.url
    now_ms = clock.now_ms
    opened = await open_store(
        url, clock=now_ms, redis_clock=now_ms, base_dir=tmp_path, partitions=4
    )
    yield opened
    await opened.close()


@pytest.mark.anyio
async def test_the_api_s_view_of_webhooks_has_no_destination(store: Store) -> None:
    endpoints = Endpoints(store, [endpoint("whk_1", "https://shop.example/"), destination()])
    assert list(await endpoints.of_workspace("w")) == ["whk_1"]
    assert list(await endpoints.takers("w")) == ["whk_1", "analytics.w"]
    assert await endpoints.find("w", "analytics.w") is None
    assert await endpoints.taker("w", "analytics.w") is not None
    assert await endpoints.subscribers("w", "call.completed") == 1


@pytest.mark.anyio
async def test_a_refused_call_comes_again_with_its_id_and_a_new_time_of_sending(
    store: Store, clock: ManualClock
) -> None:
    answers = [Scripted(401, {"content-type": "text/plain"}, KEY.encode()), Scripted()]
    with receiving(lambda _: answers.pop(0)) as receiver:
        async with sending(store, clock, destination(receiver.url("/v1/batch"))) as parts:
            await parts.happen("evt_1")
            await parts.sender.send_due()
            (refused,) = await parts.logged("analytics.w")
            await parts.pass_time(2 * SCHEDULE[0])
            (logged,) = await parts.logged("analytics.w")
    first, second = (one.json for one in receiver.received)
    assert first["batch"] == second["batch"]
    assert [call["messageId"] for call in first["batch"]] == ["evt_1"]
    assert first["sentAt"] == "2024-01-20T14:13:21.000Z"
    assert first["sentAt"] < second["sentAt"]
    assert all(_key_of(one) == KEY for one in receiver.received)
    assert not any("webhook-signature" in one.headers for one in receiver.received)
    assert (refused.status, refused.error) == ("pending", "answered 401")
    assert (logged.status, logged.attempt) == ("delivered", 2)
    assert KEY.encode() not in msgspec.msgpack.encode([refused, logged])


@pytest.mark.anyio
async def test_a_destination_that_was_given_up_begins_anew_with_the_server(
    store: Store, clock: ManualClock
) -> None:
    with receiving(lambda _: Scripted(410)) as receiver:
        url = receiver.url("/v1/batch")
        async with sending(store, clock, destination(url)) as parts:
            await parts.happen("evt_1")
            await parts.sender.send_due()
            assert not (await _taker(parts.endpoints)).is_enabled
        clock.advance(1_000)
        async with sending(store, clock, destination(url, since_ms=clock.now_ms())) as parts:
            assert (await _taker(parts.endpoints)).is_enabled


def test_a_batch_holds_one_call_and_says_when_it_was_sent() -> None:
    assert batch_of(b'{"a":1}', AT_MS) == (
        b'{"batch":[{"a":1}],"sentAt":"2024-01-20T14:13:20.000Z"}'
    )
    assert authorization("key") == "Basic a2V5Og=="


async def _taker(endpoints: Endpoints) -> Known:
    found = await endpoints.taker("w", "analytics.w")
    assert found is not None
    return found


def _key_of(received: Received) -> str:
    scheme, _, coded = received.headers["authorization"].partition(" ")
    user, _, password = base64.b64decode(coded).decode().partition(":")
    assert (scheme, password) == ("Basic", "")
    return user
