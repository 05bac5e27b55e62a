"""Whatever is sent to the platform's routes, the answer is a success or the caller's own mistake."""

from pathlib import Path
from urllib.parse import quote, urlencode

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.test_hostile_input import bodies, check, scalars, values
from tests.server.running import PLATFORM, in_process, write_config

EVENT_FIELDS = [
    "event", "visitor_id", "session_id", "source_id", "timestamp", "message_id", "properties",
    "attributes", "page",
]  # fmt: skip
INTEGRATION_FIELDS = ["event", "data", "session_id", "visitor_id", "timestamp"]
POST_FIELDS = ["text", "from", "agent_name", "client_id"]
LISTS = [
    "/v1/live-chat/sessions",
    "/v1/live-chat/sessions/chat_x/messages",
    "/v1/visitors",
]
NAMED = [
    "/v1/live-chat/sessions/{}",
    "/v1/live-chat/sessions/{}/messages",
    "/v1/outbound/live-chat/message/{}",
    "/v1/visitors/{}",
]
PARAMETERS = ["limit", "cursor", "status", "visitor_id", "source_id", "other"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile_platform")


@settings(max_examples=50)
@given(bodies(EVENT_FIELDS), values)
def test_no_event_of_a_server_makes_a_server_error(folder: Path, body: dict, item: object) -> None:
    full = {"event": "click", "visitor_id": "v1", **body}
    check(folder, "/v1/events", {"events": [full, item, full]}, PLATFORM)


@settings(max_examples=30)
@given(bodies(INTEGRATION_FIELDS))
def test_no_integration_event_makes_a_server_error(folder: Path, body: dict) -> None:
    full = {"event": "call.completed", "data": {}, "visitor_id": "v1", **body}
    check(folder, "/v1/integration-events", full, PLATFORM)


@settings(max_examples=30)
@given(bodies(POST_FIELDS))
def test_no_posted_message_makes_a_server_error(folder: Path, body: dict) -> None:
    async def exchange() -> None:
        async with in_process(write_config(folder)) as server:
            made = await server.open_session()
            path = f"/v1/live-chat/sessions/{made['session_id']}"
            for rest in ("/messages", "/close", "/messages"):
                sent = await server.send("POST", path + rest, {"text": "Hi", **body}, PLATFORM)
                assert sent.status < 500, (body, sent.body)

    anyio.run(exchange)


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from(PARAMETERS), scalars, max_size=4), st.text(max_size=30))
def test_no_query_and_no_path_makes_a_server_error(folder: Path, query: dict, name: str) -> None:
    async def exchange() -> None:
        async with in_process(write_config(folder)) as server:
            asked = urlencode(query, errors="surrogatepass")
            paths = [f"{path}?{asked}" for path in LISTS]
            paths += [path.format(quote(name, safe="", errors="surrogatepass")) for path in NAMED]
            for path in paths:
                answered = await server.send("GET", path, headers=PLATFORM)
                assert answered.status < 500, (path, answered.body)

    anyio.run(exchange)
