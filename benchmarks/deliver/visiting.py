"""Loads our server with the workload's visitors: a session each, then their sockets."""

import asyncio
import http.client
import json
from collections.abc import Iterator

import uvloop

from benchmarks.deliver.visitors import Target, visit
from benchmarks.deliver.workload import Workload, session_of
from benchmarks.outcome import Outcome
from benchmarks.servers import TOKEN, WORKSPACE, Serving, opportune, workspace_folder


def visit_opportune(workload: Workload, store: str, durability: str) -> Outcome:
    """Let the visitors come to our server on a fresh store."""
    folder = workspace_folder(workload.texts(), store, durability)
    with opportune(folder) as serving:
        sessions = list(_sessions(workload, serving))
        paths = [f"/v1/sessions/{session}" for session, _ in sessions]
        auths = [_auth(number, token) for number, (_, token) in enumerate(sessions)]
        return played(workload, Target(serving.port, serving.pid, paths, auths))


def played(workload: Workload, target: Target) -> Outcome:
    """Play the workload on the loop that servers run on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(visit(workload, target))


def _sessions(workload: Workload, serving: Serving) -> Iterator[tuple[str, str]]:
    """Begin a session for each visitor: its id and its visitor's token."""
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=10)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    for number in range(workload.sockets):
        body = {"sessionId": session_of(number), "visitorId": f"visitor-{number:05d}"}
        path = f"/api/widgets/{WORKSPACE}/session"
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said
        found = json.loads(said)
        yield found["chatSessionId"], found["visitorToken"]
    connection.close()


def _auth(number: int, token: str) -> bytes:
    page = {"url": "https://shop.example/start"}
    auth = {"type": "auth", "token": token, "load": f"{number:08x}", "page": page, "visible": True}
    return json.dumps(auth).encode()
