"""Events sent on: from what a visitor does, over real HTTP, to a destination as Segment's servers are."""

import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from server.config_file import ConfigProblem
from server.examination import look_at_webhooks
from tests.api.hooked import END, LOCAL
from tests.api.widget_shop import SHOP, chat, proof, start
from tests.faults.receiver import Receiver, Scripted, receiving
from tests.faults.waiting import until
from tests.server.running import (
    AC_PAGE,
    CONFIG,
    PLATFORM,
    ListeningServer,
    TestServer,
    in_process,
    listening,
    write_config,
)

pytestmark = pytest.mark.anyio
KEY = "acme_write_key"
NAME = "analytics.ws_dev"


def sent_on(text: str, url: str, key: str = KEY) -> str:
    """Let a configuration send the events of `ws_dev` on."""
    table = f'\n  [workspaces.analytics]\n  url = "{url}"\n  write_key = "{key}"\n'
    assert END in text
    return text.replace(END, table + END)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    taken = Scripted(200, {"content-type": "application/json"}, b'{"success":true}')
    with receiving(lambda _: taken) as found:
        yield found


@pytest.fixture
async def live(
    tmp_path: Path, receiver: Receiver, anyio_backend: str
) -> AsyncIterator[ListeningServer]:
    text = sent_on(LOCAL, receiver.url("/v1/batch"))
    async with listening(write_config(tmp_path, text)) as running:
        yield running


@pytest.fixture
async def server(
    tmp_path: Path, receiver: Receiver, anyio_backend: str
) -> AsyncIterator[TestServer]:
    """The same with nothing under way, of a workspace with proven users and a site that asks for consent."""
    text = "[webhooks]\nallow_private = true\n" + SHOP
    strict = "require_origin = true\n"
    text = sent_on(text.replace(strict, strict + '  consent = "required"\n'), receiver.url())
    async with in_process(write_config(tmp_path, text)) as running:
        yield running
        await running.parts.app.services.webhooks.stop()


async def tell(server: TestServer) -> None:
    """Tell the causes there are and send what is due."""
    services = server.parts.app.services
    await services.outbox.drain()
    await services.webhooks.sender.send_due()


def calls_of(receiver: Receiver) -> list[dict]:
    return [call for one in tuple(receiver.received) for call in one.json["batch"]]


async def open_session(server: TestServer, source: str = "site_dev", **visitor: object) -> str:
    body = {"source_id": source, "visitor": visitor, "initial_message": "Hello"}
    answered = await server.send("POST", "/v1/live-chat/sessions", body, PLATFORM)
    assert answered.status == 200, answered.body
    return answered.json["data"]["session_id"]


# ---- what arrives


async def test_an_approach_and_its_conversation_arrive_as_track_calls(
    live: ListeningServer, receiver: Receiver
) -> None:
    server = live.server
    page = {"sessionId": "s1", "visitorId": "v1", "page": {"url": AC_PAGE}}
    await server.track({**page, "event": "page_view"})
    await server.pass_time(46_000)
    await until(lambda: len(calls_of(receiver)) == 1, 5)
    (sent,) = calls_of(receiver)
    about = {"message_id": sent["properties"]["message_id"]}
    clicked = {**page, "event": "reply_clicked", "metadata": {**about, "value": "quote_request"}}
    await server.track({**page, "event": "message_displayed", "metadata": about})
    assert (await server.track(clicked)).status == 200
    wanted = {
        "Proactive Message Sent",
        "Proactive Message Displayed",
        "Proactive Message Replied",
        "Live Chat Conversation Started",
        "Live Chat Message Sent",
    }
    await until(lambda: {call["event"] for call in calls_of(receiver)} >= wanted, 5)
    assert {call["anonymousId"] for call in calls_of(receiver)} == {"v1"}
    assert sent["properties"] | about == {
        **about,
        "rule": "ac_help",
        "variant": None,
        "campaign_id": None,
        "engagement_score": sent["properties"]["engagement_score"],
    }
    for one in receiver.received:
        assert one.path == "/v1/batch"
        assert one.headers["content-type"] == "application/json"
        assert base64.b64decode(one.headers["authorization"].removeprefix("Basic ")) == (
            f"{KEY}:".encode()
        )
        assert KEY.encode() not in one.body


async def test_a_user_who_proved_who_they_are_is_named(
    server: TestServer, receiver: Receiver
) -> None:
    identity = proof("u1")
    answered = await start(server, sessionId="s1", visitorId="v1", identity=identity)
    assert answered.status == 200, answered.body
    await chat(server)
    await tell(server)
    assert {call["userId"] for call in calls_of(receiver)} == {"u1"}


async def test_a_claimed_user_is_not_named(server: TestServer, receiver: Receiver) -> None:
    await chat(server, visitorId="v1", userId="u1")
    await tell(server)
    assert {call["anonymousId"] for call in calls_of(receiver)} == {"v1"}
    assert not any("userId" in call for call in calls_of(receiver))


async def test_another_opportune_takes_the_calls(tmp_path: Path, anyio_backend: str) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    async with listening(write_config(there)) as taker:
        url = f"http://127.0.0.1:{taker.port}/v1/batch"
        async with in_process(write_config(here, sent_on(LOCAL, url, "wk_dev"))) as server:
            await open_session(server, id="v1")
            await tell(server)
            logged = await server.parts.store.deliveries("ws_dev", NAME)
            await server.parts.app.services.webhooks.stop()
        assert {(one.status, one.http_status) for one in logged} == {("delivered", 200)}
        found = await taker.server.send("GET", "/v1/visitors/v1/export", headers=PLATFORM)
    events = [msgspec.json.decode(line) for line in found.body.splitlines()]
    names = [event["name"] for event in events if event.get("origin") == "segment"]
    assert sorted(names) == [
        "live_chat_conversation_started",
        "live_chat_message_received",
        "live_chat_message_sent",
    ]


# ---- of whom nothing goes out


@pytest.mark.parametrize(
    ("source", "consent", "goes_out"),
    [
        ("site_dev", "granted", True),
        ("site_dev", "pending", False),
        ("site_dev", "denied", False),
        ("site_strict", "granted", True),
        ("site_strict", "pending", False),
    ],
)
async def test_nothing_goes_out_of_a_visitor_who_has_not_agreed(
    server: TestServer, receiver: Receiver, source: str, consent: str, goes_out: bool
) -> None:
    body = {"source_id": source, "visitor": {"consent": consent}}
    await server.send("POST", "/v1/live-chat/sessions", body, PLATFORM)
    await tell(server)
    assert bool(calls_of(receiver)) is goes_out


async def test_after_a_denial_nothing_more_goes_out(server: TestServer, receiver: Receiver) -> None:
    await chat(server, visitorId="v1")
    await tell(server)
    before = len(receiver.received)
    assert before
    denied = {"sessionId": "s1", "event": "consent", "metadata": {"state": "denied"}}
    await server.track(denied)
    await server.pass_time(3_600_000)
    await tell(server)
    assert len(receiver.received) == before


async def test_an_erased_visitor_leaves_no_call_behind(
    server: TestServer, receiver: Receiver
) -> None:
    await open_session(server, id="v1")
    await tell(server)
    receiver.script = lambda _: Scripted(503)
    await open_session(server, id="v1")
    await tell(server)
    store = server.parts.store
    assert {one.status for one in await store.deliveries("ws_dev", NAME)} == {
        "delivered",
        "pending",
    }
    erased = await server.send("DELETE", "/v1/visitors/v1", headers=PLATFORM)
    assert erased.status == 200
    assert not await store.deliveries("ws_dev", NAME)
    before = len(receiver.received)
    server.clock.advance(60_000)
    await tell(server)
    assert len(receiver.received) == before


# ---- beside the webhooks


async def test_the_webhook_api_does_not_know_the_destination(server: TestServer) -> None:
    listed = await server.send("GET", "/v1/webhooks", headers=PLATFORM)
    assert listed.json["data"] == []
    for method, rest in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/rotate-secret"),
        ("POST", "/test"),
        ("GET", "/deliveries"),
    ):
        path = f"/v1/webhooks/{NAME}{rest}"
        answered = await server.send(method, path, {} if method == "PATCH" else None, PLATFORM)
        assert (answered.status, answered.json["error"]["details"]["reason"]) == (
            404,
            "webhook_not_found",
        )


async def test_the_write_key_is_nowhere_in_the_store(
    server: TestServer, receiver: Receiver
) -> None:
    await open_session(server)
    await tell(server)
    logged = await server.parts.store.deliveries("ws_dev", NAME)
    assert {one.status for one in logged} == {"delivered"}
    assert not any(KEY.encode() in one.body or KEY in one.error for one in logged)
    for kind in ("webhook", "webhook_state"):
        docs = await server.parts.store.list_docs("ws_dev", kind, None, 100)
        assert not any(KEY.encode() in doc.body for doc in docs)


# ---- the configuration


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("events.example.com", KEY, "analytics.url: is not an absolute https URL"),
        ("http://events.example.com/", KEY, "analytics.url: is not https; only"),
        ("https://me@events.example.com/", KEY, "analytics.url: has user information"),
        ("https://events.example.com/", "", "analytics.write_key: "),
        ("https://events.example.com/", "key:", "analytics.write_key: a key has no colon"),
    ],
)
async def test_a_destination_that_cannot_be_is_refused_at_the_start(
    tmp_path: Path, url: str, key: str, words: str
) -> None:
    with pytest.raises(ConfigProblem) as problem:
        write_config(tmp_path, sent_on(CONFIG, url, key))
    assert words in str(problem.value)
    assert KEY not in str(problem.value)


async def test_doctor_looks_at_the_address(tmp_path: Path) -> None:
    private = sent_on(CONFIG, "https://127.0.0.1/v1/batch")
    (found,) = await look_at_webhooks(write_config(tmp_path, private))
    assert (found.level, found.subject) == ("fail", "analytics")
