"""T9: webhooks survive kills: each cause reaches its receiver, and what comes twice is the same to the byte."""

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.faults.processes import Server, free_port, workspace
from tests.faults.receiver import SECRET, Receiver, Scripted, receiving
from tests.faults.resuming import NO_LIMITS
from tests.faults.runs import Outcome

pytestmark = pytest.mark.timeout(300)

HEADERS = {
    "Authorization": "Bearer test_key_0123456789abcdef",
    "X-Workspace-ID": "ws_test",
    "Content-Type": "application/json",
}
EVENTS = ("chat.started", "message.received")
IN_FLIGHT_MAX = 256
WITHIN_S = 120.0
QUIET_S = 1.0
"""Nothing is refused here, so nothing comes again later: who is silent for so long has sent all."""
LATE_S = 10.0
"""So long only who lost something waits."""


def configured(folder: Path, receiver: Receiver) -> Path:
    """Write a workspace whose webhooks go to the receiver."""
    config = workspace(folder)
    events = ", ".join(f'"{name}"' for name in EVENTS)
    hook = (
        "  [[workspaces.webhooks]]\n"
        '  id = "whk_test"\n'
        f'  url = "{receiver.url()}"\n'
        f"  events = [{events}]\n"
        f'  secret = "{SECRET}"\n'
    )
    text = config.read_text("utf-8") + hook + f"\n[webhooks]\nallow_private = true\n{NO_LIMITS}"
    config.write_text(text, "utf-8")
    return config


def open_session(server: Server) -> str:
    """Let a visitor begin a chat, which is two events; returns the session once it is answered."""
    body = {"source_id": "site_test", "visitor": {}, "initial_message": "Hello?"}
    made = server.post("/v1/live-chat/sessions", body, HEADERS)["data"]
    assert isinstance(made, dict)
    return str(made["session_id"])


def until(is_so: Callable[[], bool], within_s: float = WITHIN_S) -> bool:
    deadline = monotonic() + within_s
    while not is_so() and monotonic() < deadline:
        sleep(0.02)
    return is_so()


class Run:
    """Workers one after the other over one store, all but the last of them killed."""

    def __init__(self, config: Path, count: int, kills: int, quiet_s: float = LATE_S) -> None:
        self.config = config
        self.quiet_s = quiet_s
        self.count = count
        self.kills = kills
        self.sessions: list[str] = []

    def go(self, receiver: Receiver, **how: object) -> None:
        port = free_port()
        for life in range(self.kills + 1):
            server = Server(self.config, port, log=self.config.parent / "log", **how)  # type: ignore[arg-type]  # its keywords
            try:
                server.wait_ready()
                share = self.count // (self.kills + 1)
                self.sessions += [open_session(server) for _ in range(share)]
                if life < self.kills:
                    # In the middle of the sending: some are under way, others wait.
                    before = len(receiver.received)
                    until(lambda before=before: len(receiver.received) > before)  # type: ignore[misc]  # bound
                    sleep(0.2)
                    server.kill()
                else:
                    self.rest(receiver)
            finally:
                if server.process.poll() is None:
                    server.kill()
                server.process.wait(10)

    def rest(self, receiver: Receiver) -> None:
        """Wait until nothing is missing, or nothing comes any more."""
        deadline = monotonic() + WITHIN_S
        while self.missing(receiver) and monotonic() < deadline:
            count = len(receiver.received)
            if not until(lambda: len(receiver.received) > count, self.quiet_s):  # noqa: B023  # called at once
                return

    def missing(self, receiver: Receiver) -> set[tuple[str, str]]:
        came = {(one.json["session_id"], one.json["event"]) for one in tuple(receiver.received)}
        return {(session, event) for session in self.sessions for event in EVENTS} - came


@pytest.mark.full_size
def test_what_was_acknowledged_reaches_the_receiver_through_kills(
    tmp_path: Path, outcome: Outcome
) -> None:
    kills = 2
    with receiving(lambda _: Scripted(after_s=0.02), log=tmp_path / "receiver.jsonl") as receiver:
        run = Run(configured(tmp_path / "w", receiver), 5_000, kills)
        run.go(receiver)
        came = list(receiver.received)
        lost = run.missing(receiver)
    times = Counter(one.id for one in came)
    doubled = sum(number - 1 for number in times.values())
    bodies: dict[str, set[bytes]] = defaultdict(set)
    numbers: dict[str, set[int]] = defaultdict(set)
    for one in came:
        bodies[one.id].add(one.body)
        numbers[one.json["session_id"]].add(one.sequence)
    outcome.acked, outcome.lost, outcome.doubled = len(run.sessions) * 2, len(lost), doubled
    outcome.faults = kills
    assert not lost
    assert doubled <= kills * IN_FLIGHT_MAX
    assert all(len(found) == 1 for found in bodies.values())
    assert all(one.is_signed for one in came)
    assert all(numbers[session] == {1, 2} for session in run.sessions)


def test_control_a_delivery_that_is_settled_before_it_is_sent_is_lost(
    tmp_path: Path, outcome: Outcome
) -> None:
    with receiving() as receiver:
        run = Run(configured(tmp_path / "w", receiver), 12, 1, QUIET_S)
        run.go(receiver, module="tests.faults.unsafe_worker", first=("settle_before_sent",))
        lost = run.missing(receiver)
    outcome.acked, outcome.control = len(run.sessions) * 2, f"{len(lost)} lost"
    assert lost
