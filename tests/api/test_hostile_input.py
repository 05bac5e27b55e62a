"""Whatever is sent, the answer is a success or the caller's own mistake, never the server's."""

from pathlib import Path

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.running import PLATFORM, WIDGET, TestServer, in_process, write_config

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        [
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "2024-01-01T00:00:00Z",
            "https://shop.example/a",
            "http://[",
            "https://\u2100.example/\x00",
            "page_view",
            "visibility",
            "heartbeat",
            "purchase",
            "identify",
            "consent",
            "visitor_message",
            "reply_clicked",
            "message_displayed",
            "session_start",
            "chat_x",
            2**63,
            2**64,
            -(10**40),
        ]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
TRACK_FIELDS = [
    "sessionId", "event", "timestamp", "metadata", "messageId", "page", "attributes", "visitorId",
    "userId", "consent", "context", "batch", "sentAt", "deliver", "token",
]  # fmt: skip
SESSION_FIELDS = ["source_id", "visitor", "initial_message", "custom_fields", "assistant_id"]
MESSAGE_FIELDS = [
    "session_id", "visitor_id", "message", "trigger", "personalization", "options", "quick_replies",
]  # fmt: skip


def bodies(fields: list[str]) -> st.SearchStrategy[dict]:
    return st.dictionaries(st.sampled_from(fields), values, max_size=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


def check(folder: Path, path: str, body: object, headers: dict[str, str]) -> None:
    """Send one body to a fresh server and refuse any 5xx."""

    async def exchange() -> None:
        async with in_process(write_config(folder)) as server:
            answered = await server.send("POST", path, body, headers)
            assert answered.status < 500, (body, answered.body)
            assert isinstance(answered.json, dict)
            await server.pass_time(60_000)

    anyio.run(exchange)


@settings(max_examples=60)
@given(bodies(TRACK_FIELDS), values)
def test_no_track_body_makes_a_server_error(folder: Path, body: dict, item: object) -> None:
    full = {"sessionId": "s1", "event": "click", **body}
    check(folder, "/api/widgets/ws_dev/track", full, WIDGET)
    batch = {"sessionId": "s1", "batch": [full, item]}
    check(folder, "/api/widgets/ws_dev/track", batch, WIDGET)


@settings(max_examples=30)
@given(bodies(SESSION_FIELDS))
def test_no_session_body_makes_a_server_error(folder: Path, body: dict) -> None:
    check(
        folder, "/v1/live-chat/sessions", {"source_id": "site_dev", "visitor": {}, **body}, PLATFORM
    )


@settings(max_examples=30)
@given(bodies(MESSAGE_FIELDS))
def test_no_message_body_makes_a_server_error(folder: Path, body: dict) -> None:
    full = {"visitor_id": "v1", "message": "Hi", **body}
    check(folder, "/v1/outbound/live-chat/message", full, PLATFORM)


@settings(max_examples=40)
@given(st.binary(max_size=60))
def test_no_bytes_make_a_server_error(folder: Path, body: bytes) -> None:
    check(folder, "/api/widgets/ws_dev/track", body, WIDGET)


EVENTS = [
    {"event": "page_view", "page": {"url": "http://["}},
    {"event": "page_view", "page": {"url": "https://\u2100.example/"}},
    {"event": "page_view", "page": {"url": "https://x.example/%00%ff?%zz=&=&a=1&a=2"}},
    {"event": "page_view", "page": {"url": "x" * 10_000}},
    {"event": "scroll", "metadata": {"percent": "all"}},
    {"event": "scroll", "metadata": {"percent": 1e308}},
    {"event": "heartbeat", "metadata": {"active_ms": -5, "scroll_percent": [], "visible": "no"}},
    {"event": "page_leave", "metadata": {"dwell_ms": 1e308, "scroll_percent": -4}},
    {"event": "page_leave", "metadata": {"dwell_ms": -1e308}},
    {"event": "identify", "metadata": {"first name": {}, "": 1, "email": None}},
    {"event": "consent", "metadata": {"state": []}},
    {"event": "visitor_message", "metadata": {"text": ["x"]}},
    {"event": "visitor_message", "metadata": {"text": "y" * 12_000}},
    {"event": "reply_clicked", "metadata": {"message_id": 5, "value": None}},
    {"event": "message_displayed", "metadata": {}},
    {"event": "session_start", "metadata": {"timezone": "Nowhere/Else"}},
    {"event": "context", "metadata": {"timezone": 5}},
    {"event": "set", "attributes": {"visitor.first_name": True, "page.url": "x", "": 1}},
    {"event": "\u0130\ud7ff\U0001f600"},
    {"event": "click", "timestamp": "0001-01-01T00:00:00+14:00"},
    {"event": "click", "timestamp": "9999-12-31T23:59:59-14:00"},
    {"event": "click", "messageId": "aaaaaaaa-99999999"},
    {"event": "click", "messageId": "aaaaaaaa-\u0663"},
]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "event", EVENTS, ids=lambda event: msgspec.json.encode(event)[:50].decode()
)
async def test_no_odd_event_makes_a_server_error(server: TestServer, event: dict) -> None:
    page = {"event": "page_view", "page": {"url": "https://shop.example/services/ac-repair"}}
    for body in ({"batch": [page, event, page]}, event):
        answered = await server.track({"sessionId": "s1", "deliver": True, **body})
        assert answered.status in (200, 400), answered.body
    await server.pass_time(60_000)
    again = await server.track({"sessionId": "s1", **page})
    assert again.status == 200
