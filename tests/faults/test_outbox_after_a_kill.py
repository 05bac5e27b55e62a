"""SIGKILL right after an answer 200: what was committed is answered once and told to dashboards."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep, time

import jwt
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.faults.processes import Server, free_port, serving, workspace

SECRET = "a dashboard secret that is long enough for it"
HEADERS = {
    "Authorization": "Bearer test_key_0123456789abcdef",
    "X-Workspace-ID": "ws_test",
    "Content-Type": "application/json",
}


@contextmanager
def dashboard(port: int, **more: object) -> Iterator[tuple[ClientConnection, dict]]:
    """Open a dashboard; gives its socket and the data of `auth:ok`."""
    claims = {
        "sub": "maria",
        "workspace_id": "ws_test",
        "role": "viewer",
        "aud": "opportune",
        "exp": int(time()) + 600,
    }
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    frame = {"type": "auth", "token": token, "topics": ["conversation:*", "message:*"], **more}
    with connect(f"ws://127.0.0.1:{port}/api/ws/tenant") as socket:
        socket.send(json.dumps(frame))
        yield socket, json.loads(socket.recv(5))["data"]


def said(server: Server, session_id: str) -> list[str]:
    """Return who spoke in a session."""
    path = f"/v1/live-chat/sessions/{session_id}/messages"
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers=HEADERS)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return [message["from"] for message in json.load(answer)["data"]]


@pytest.mark.timeout(60)
def test_what_was_answered_200_is_answered_and_told_after_a_kill(tmp_path: Path) -> None:
    config = workspace(tmp_path)
    table = f'rules = "rules"\n  [workspaces.jwt]\n  secret = "{SECRET}"\n'
    config.write_text(config.read_text().replace('rules = "rules"\n', table))
    port = free_port()
    body = {"source_id": "site_test", "visitor": {"id": "v1"}, "initial_message": "Hello?"}
    with serving(config, port) as server, dashboard(port) as (_, place):
        made = server.post("/v1/live-chat/sessions", body, HEADERS)["data"]
        assert isinstance(made, dict)
        server.kill()
    resume = {"epoch": place["epoch"], "offset": place["offset"]}
    with serving(config, port) as server, dashboard(port, resume=resume) as (socket, _):
        assert json.loads(socket.recv(5))["type"] == "resync"
        deadline = monotonic() + 10
        while len(said(server, made["session_id"])) < 2 and monotonic() < deadline:
            sleep(0.05)
        sleep(0.5)
        assert said(server, made["session_id"]) == ["visitor", "assistant"]
        server.post("/v1/live-chat/sessions", {**body, "visitor": {"id": "v2"}}, HEADERS)
        told: list[str] = []
        while "v2" not in told:
            frame = json.loads(socket.recv(5))
            if frame["type"] == "conversation:new":
                told.append(frame["data"]["contact_data"]["visitor_id"])
