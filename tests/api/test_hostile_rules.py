"""Whatever is sent to rules, decisions and results is answered, never with the server's own mistake."""

from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.running import PLATFORM, RULES, TestServer, in_process, write_config

pytestmark = pytest.mark.anyio
words = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "1970-01-01T00:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "0001-01-01T00:00:00+14:00",
            "0",
            "-1",
            "*",
        ]
    ),
)
texts = st.one_of(
    st.text(max_size=60),
    st.integers(0, len(RULES)).map(lambda at: RULES[:at]),
    st.integers(0, len(RULES)).map(lambda at: RULES[at:]),
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "files": st.dictionaries(
            st.sampled_from(["main.rules", "a/b.rules", "x"]), texts, max_size=3
        ),
        "note": words,
        "since": words,
        "until": words,
        "limit": st.integers(-5, 200_000),
        "version": st.integers(-5, 5),
    },
)
POSTS = ["check", "format", "test", "main/replay", "main/publish", "main/rollback"]
GETS = {
    "/v1/rules/main": ["version"],
    "/v1/rules/main/history": ["limit", "cursor"],
    "/v1/decisions": ["session_id", "rule", "outcome", "since", "until", "limit", "cursor"],
    "/v1/decisions.ndjson": ["since", "until"],
    "/v1/results": ["rule", "campaign_id", "from", "to"],
    "/v1/live-chat/sessions/s1/why": ["rule", "at"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile_rules")


@settings(max_examples=60)
@given(st.sampled_from(POSTS), fields, words)
def test_no_body_makes_a_server_error(folder: Path, path: str, body: dict, tag: str) -> None:
    async def exchange() -> None:
        async with in_process(write_config(folder)) as server:
            match = tag.encode("ascii", "ignore").decode().strip() if tag.isprintable() else "*"
            headers = {**PLATFORM, "if-match": match}
            answered = await server.send("POST", f"/v1/rules/{path}", body, headers)
            assert answered.status < 500, (path, body, answered.body)

    anyio.run(exchange)


@settings(max_examples=60)
@given(st.sampled_from(sorted(GETS)), st.data())
def test_no_query_makes_a_server_error(folder: Path, path: str, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(GETS[path]), unique=True))
    query = {name: data.draw(words) for name in names}

    async def exchange() -> None:
        async with in_process(write_config(folder)) as server:
            await server.track({"sessionId": "s1", "event": "page_view", "page": {"url": "/a"}})
            response = await server.http.get(path, params=query, headers=PLATFORM)
            assert response.status_code < 500, (path, query, response.content)

    anyio.run(exchange)


@pytest.mark.parametrize(
    "path", ["/v1/decisions/%00", "/v1/rules/%ff", "/v1/decisions/" + "x" * 900]
)
async def test_no_path_makes_a_server_error(server: TestServer, path: str) -> None:
    assert (await server.send("GET", path, None, PLATFORM)).status in (400, 404)
