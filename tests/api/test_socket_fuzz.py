"""Anything at all over both sockets: only documented close codes, no failure in the log, serving goes on."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from server.access.jwt_tokens import make_dashboard_token
from server.contract.asyncapi_texts import CLOSE_CODES
from server.wire import sockets, tenant
from tests.api.whole import A, beside

FAILED = 1011
DOCUMENTED = set(CLOSE_CODES) - {FAILED}
FRAME_BYTES = 65_536

bounded = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[*HealthCheck],
)

# ---- frames


def _encodes(value: object) -> bool:
    try:
        msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return False
    return True


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**53, max_value=2**80),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40),
    st.sampled_from(
        ["", "\x00", "chat_x", "https://shop.example/", "2024-01-22T14:00:00Z", "é" * 300]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = """
token visitor_token resume page context visible load text client_id message_id value state events url
title id topics filter appointment_slot customer calendar_id epoch offset name
"""
names = st.sampled_from(FIELDS.split())
types = st.sampled_from(sorted({*sockets.READERS, *tenant.READERS, "hello", "unknown"}))


def written(value: object) -> str:
    return msgspec.json.encode(value).decode(errors="replace")


frames_of_any_fields = st.builds(
    lambda kind, fields: written({**fields, "type": kind}),
    types,
    st.dictionaries(names, values.filter(_encodes), max_size=6),
)
likely = st.sampled_from(
    [
        {"type": "ping", "id": 1},
        {"type": "message", "text": "hello", "client_id": "c1"},
        {"type": "message", "text": "x" * 5_000},
        {"type": "displayed", "message_id": "msg_nobody"},
        {"type": "reply_clicked", "message_id": "msg_nobody", "value": "yes"},
        {"type": "track", "events": [{"event": "click"}, 7, None, {"event": "x" * 200}]},
        {"type": "track", "events": [{"event": "click"}] * 51},
        {"type": "page", "url": "https://shop.example/services"},
        {"type": "visibility", "visible": False},
        {"type": "typing", "state": True},
        {"type": "subscribe", "topics": ["*"], "filter": {"session_id": "nobody"}},
        {"type": "subscribe", "topics": ["x" * 65]},
        {"type": "auth", "token": "wk_b"},
        {"type": "book", "appointment_slot": "2024-01-22T14:00:00Z", "customer": {"name": "J"}},
    ]
).map(written)
malformed = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "",
            "{",
            "[]",
            "null",
            "1e999",
            "NaN",
            '{"type":5}',
            '{"type":"ping","id":1e999}',
            '{"type":"ping","id":' + "9" * 400 + "}",
            '{"type":"ping"}{"type":"ping"}',
            '{"type":"message","text":"\\ud800"}',
            "[" * 40 + "]" * 40,
            '{"type":"message","text":' + "[" * 5_000 + "]" * 5_000 + "}",
            '{"type":"track","events":[' + '{"event":"a","metadata":' * 40 + "1" + "}" * 40 + "]}",
        ]
    ),
)
oversized = st.sampled_from(
    [
        '{"type":"message","text":"' + "x" * (FRAME_BYTES - 100) + '"}',
        '{"type":"message","text":"' + "x" * FRAME_BYTES + '"}',
        '{"type":"message","text":"' + "é" * (FRAME_BYTES // 2) + '"}',
    ]
)
binary = st.binary(max_size=40)
frames = st.one_of(likely, frames_of_any_fields, malformed, oversized, binary)
talks = st.lists(frames, min_size=1, max_size=8)


# ---- the server and its log


@dataclass(frozen=True, slots=True)
class Place:
    """A server beside the test, a session of it, and what it logged as a failure."""

    address: str
    session_id: str
    token: str
    failures: list[str]


class _Failures(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(logging.Formatter().format(record))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    handler = _Failures()
    logging.getLogger().addHandler(handler)
    try:
        with beside(tmp_path_factory.mktemp("fuzz")) as live:
            address = f"127.0.0.1:{live.port}"
            body = {"source_id": A.site, "visitor": {}}
            url = f"http://{address}/v1/live-chat/sessions"
            session = httpx2.post(url, json=body, headers=A.headers).json()["data"]
            services = live.server.parts.app.services
            workspace = services.config.workspace(A.workspace)
            now_ms = services.clock.now_ms()
            token = make_dashboard_token(
                workspace, "maria", "admin", now_ms=now_ms, valid_ms=3_600_000
            )
            yield Place(address, session["session_id"], token, handler.texts)
    finally:
        logging.getLogger().removeHandler(handler)


def talk(socket: ClientConnection, sent: list[str | bytes]) -> int | None:
    """Send everything, then ask for a sign of life; the close code, None while the socket is open."""
    try:
        for frame in sent:
            socket.send(frame)
        socket.send('{"type":"ping","id":"the last"}')
        while '"the last"' not in str(socket.recv(timeout=10)):
            pass
    except ConnectionClosed:
        return socket.close_code or socket.protocol.close_code
    return None


def check(place: Place, code: int | None) -> None:
    assert code is None or code in DOCUMENTED, code
    assert not place.failures, place.failures
    assert httpx2.get(f"http://{place.address}/healthz").status_code == 200


def chat(place: Place) -> ClientConnection:
    return connect(f"ws://{place.address}/v1/sessions/{place.session_id}")


def dashboard(place: Place) -> ClientConnection:
    return connect(f"ws://{place.address}/api/ws/tenant")


@bounded
@given(sent=talks)
def test_anything_after_the_hello_of_the_chat_socket(place: Place, sent: list[str | bytes]) -> None:
    with chat(place) as socket:
        socket.send('{"type":"auth","token":"wk_a"}')
        assert '"hello"' in str(socket.recv(timeout=10))
        check(place, talk(socket, sent))


@bounded
@given(sent=talks)
def test_anything_before_the_hello_of_the_chat_socket(
    place: Place, sent: list[str | bytes]
) -> None:
    with chat(place) as socket:
        check(place, talk(socket, [*sent, '{"type":"auth","token":"wk_a"}']))


@bounded
@given(sent=talks)
def test_anything_after_the_greeting_of_the_tenant_socket(
    place: Place, sent: list[str | bytes]
) -> None:
    with dashboard(place) as socket:
        socket.send(written({"type": "auth", "token": place.token, "topics": ["rules:*"]}))
        assert '"auth:ok"' in str(socket.recv(timeout=10))
        check(place, talk(socket, sent))


@bounded
@given(sent=talks)
def test_anything_before_the_greeting_of_the_tenant_socket(
    place: Place, sent: list[str | bytes]
) -> None:
    with dashboard(place) as socket:
        check(place, talk(socket, sent))


@pytest.mark.parametrize("open_socket", [chat, dashboard])
@pytest.mark.parametrize(
    ("frame", "codes"),
    [
        (b"\x00", {4400}),
        ("{", {4400}),
        ('{"type":5}', {4400}),
        ("[" * 5_000, {4400}),
        ('{"type":"auth","token":"' + "x" * FRAME_BYTES + '"}', {1009, 4400}),
        ('{"type":"auth","token":"nobody"}', {4401}),
        ('{"type":"ping"}', {4401}),
    ],
)
def test_a_first_frame_that_is_none_closes_with_its_code(
    place: Place, open_socket: object, frame: str | bytes, codes: set[int]
) -> None:
    assert callable(open_socket)
    with open_socket(place) as socket:
        assert talk(socket, [frame]) in codes
