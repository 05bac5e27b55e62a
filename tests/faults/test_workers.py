"""Several workers under one supervisor, over a real server: killed, started again, drained, refused."""

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.faults.processes import Server, free_port, workspace
from tests.faults.server import Single, find_server
from tests.servers import need_server

DEADLINE_S = 20.0
PAGE = {"url": "https://shop.example/pricing"}

needs_proc = pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="workers are found by their parent in /proc"
)
pytestmark = needs_proc


def two_workers(folder: Path, valkey: Single, durability: str = "D1") -> Path:
    """Write a configuration for two workers over a flushed server, which keeps D1."""
    valkey.flush()
    path = workspace(folder / "two", store=valkey.url, durability=durability)
    path.write_text("[server]\nworkers = 2\n" + path.read_text("utf-8"), encoding="utf-8")
    return path


@contextmanager
def supervised(config: Path) -> Iterator[Server]:
    server = Server(config, free_port(), log=config.parent / "stderr.log")
    try:
        server.wait_ready()
        until(lambda: "Stop: Ctrl-C" in server.said(), "both workers serve")
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers over a server of their own, for the tests that leave two workers behind."""
    need_server()
    if find_server() is None:
        pytest.skip("a second server needs the server's binary")
    folder = tmp_path_factory.mktemp("pair")
    with (
        Single.start(folder) as store,
        supervised(two_workers(folder, store)) as server,
    ):
        yield server


def workers_of(server: Server) -> list[int]:
    """List the processes that the supervisor has started and that live."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [int(text) for text in children.read_text("ascii").split()]


def lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def until(is_so: Callable[[], bool], words: str) -> None:
    deadline = monotonic() + DEADLINE_S
    while not is_so():
        assert monotonic() < deadline, f"waited in vain until {words}"
        sleep(0.02)


def tracked(server: Server, session: str, number: int) -> None:
    """Send one event until it is answered, as a browser does: under the same id each time."""
    deadline = monotonic() + DEADLINE_S
    while True:
        try:
            server.track(session, "scroll", messageId=f"aaaaaaaa-{number}", page=PAGE)
            return
        except (OSError, urllib.error.HTTPError):
            assert monotonic() < deadline
            sleep(0.05)


def test_a_killed_worker_is_replaced_and_service_goes_on(pair: Server) -> None:
    before = workers_of(pair)
    assert len(before) == 2
    session = pair.open_session()
    tracked(pair, session, 0)
    os.kill(before[1], signal.SIGKILL)
    for number in range(1, 20):
        tracked(pair, session, number)
    until(lambda: len(workers_of(pair)) == 2, "there are two workers again")
    assert before[0] in workers_of(pair)
    assert "worker 2 ended (SIGKILL); it starts again in 1 s" in pair.said()
    assert pair.said().count("Stop: Ctrl-C") == 1
    assert "  workers 2\n" in pair.said()


def test_a_signal_drains_all_workers_and_ends_cleanly(tmp_path: Path, valkey: Single) -> None:
    with supervised(two_workers(tmp_path, valkey)) as server:
        tracked(server, server.open_session(), 0)
        workers = workers_of(server)
        assert server.stop() == 0
        assert not any(lives(worker) for worker in workers)
        said = server.said()
        assert said.count("stopped; everything that was answered is in redis://") == 1
        assert "Traceback" not in said
        assert "starts again" not in said


def test_no_worker_outlives_its_supervisor(tmp_path: Path, valkey: Single) -> None:
    with supervised(two_workers(tmp_path, valkey)) as server:
        workers = workers_of(server)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(DEADLINE_S)
        until(lambda: not any(lives(worker) for worker in workers), "both workers have ended")


def test_what_keeps_the_first_worker_from_starting_is_said_once(
    tmp_path: Path, valkey: Single
) -> None:
    config = two_workers(tmp_path, valkey)
    (config.parent / "rules" / "main.rules").write_text("rule {", encoding="utf-8")
    server = Server(config, free_port(), log=tmp_path / "refused.log")
    assert server.process.wait(DEADLINE_S) == 2
    assert server.said().count("opportune: ") == 1
    assert "have errors; nothing was started" in server.said()


def test_a_store_that_is_weaker_than_asked_for_refuses_all_workers_in_one_line(
    tmp_path: Path, valkey: Single
) -> None:
    config = two_workers(tmp_path, valkey, durability="D3")
    server = Server(config, free_port(), log=tmp_path / "refused.log")
    assert server.process.wait(DEADLINE_S) == 2
    assert len(server.said().strip().splitlines()) == 1
    assert "store.durability is D3" in server.said()


def asked(server: Server, path: str, body: object = None, **headers: str) -> tuple[dict, str]:
    """Ask the platform API; answers the body and its entity tag."""
    known = {"Authorization": "Bearer test_key_0123456789abcdef", "X-Workspace-ID": "ws_test"}
    if body is not None:
        known["Content-Type"] = "application/json"
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}",
        None if body is None else json.dumps(body).encode(),
        {**known, **headers},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read()), answer.headers.get("ETag", "")


def test_the_operator_s_token_opens_every_worker(pair: Server) -> None:
    assert pair.log is not None
    file = pair.log.parent / "data" / "operator.token"
    token = file.read_text("ascii").split()[0]
    path = "/v1/operator/keys?workspace=ws_test"
    for _ in range(30):
        assert asked(pair, path, Authorization=f"Bearer {token}")[0]["keys"]


def test_what_one_worker_publishes_is_in_force_at_both_within_two_seconds(pair: Server) -> None:
    live, etag = asked(pair, "/v1/rules/main")
    text = live["data"]["files"]["main.rules"].replace("3s", "4s")
    body = {"files": {"main.rules": text}, "note": "slower"}
    made, _ = asked(pair, "/v1/rules/main/publish", body, **{"If-Match": etag})
    sleep(2)
    # The kernel chooses who answers; of so many answers both give some.
    versions = {asked(pair, "/readyz")[0]["rules"]["ws_test"] for _ in range(60)}
    assert versions == {made["data"]["version"]}
