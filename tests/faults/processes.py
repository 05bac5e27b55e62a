"""Real `opportune serve` processes for the fault tests: started, asked, killed by their own id."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError

ROOT = Path(__file__).parent.parent.parent
READY_S = 20.0

CONFIG = """
[store]
url = "sqlite:///data/opportune.db"

[[workspaces]]
id = "ws_test"
name = "Test"
rules = "rules"

  [[workspaces.api_keys]]
  name = "test"
  key = "test_key_0123456789abcdef"

  [[workspaces.sites]]
  source_id = "site_test"
  origins = []

  [[workspaces.widget_tokens]]
  token = "wk_test"
  site = "site_test"

  [[workspaces.assistants]]
  id = "asst_test"
  name = "Helper"
"""

RULES = """
policy {
  first message after 1s
  allow OP301 because "a test does not wait half a minute"
}
rule help "Pricing help" {
  on page "/pricing"
  when time_on_page >= 3s
  say "Questions about pricing plans?"
    reply "Yes" -> ask "Which one?"
    reply "No"  -> dismiss
}
"""


def workspace(folder: Path) -> Path:
    """Write a workspace with one quick rule into an empty folder; returns the configuration's path."""
    (folder / "rules").mkdir()
    (folder / "rules" / "main.rules").write_text(RULES, encoding="utf-8")
    path = folder / "opportune.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Server:
    """One serving process on loopback."""

    def __init__(self, config: Path, port: int) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "server.cli.main",
                "serve",
                "--config",
                str(config),
                "--port",
                str(port),
            ],
            cwd=config.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def wait_ready(self) -> None:
        deadline = monotonic() + READY_S
        while monotonic() < deadline:
            ready = f"http://127.0.0.1:{self.port}/readyz"
            with suppress(URLError, ConnectionError), urllib.request.urlopen(ready, timeout=2):
                return
            if self.process.poll() is not None:
                assert self.process.stderr is not None
                raise AssertionError(self.process.stderr.read().decode())
            sleep(0.02)
        raise AssertionError("the server did not become ready")

    def post(self, path: str, body: object, headers: dict[str, str]) -> dict[str, object]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), headers, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            made: dict[str, object] = json.loads(answer.read())
        return made

    def track(self, session: str, event: str, **fields: object) -> dict[str, object]:
        body = {"sessionId": session, "event": event, **fields}
        return self.post("/api/widgets/ws_test/track", body, {"Authorization": "Bearer wk_test"})

    def open_session(self) -> str:
        headers = {
            "Authorization": "Bearer test_key_0123456789abcdef",
            "X-Workspace-ID": "ws_test",
            "Content-Type": "application/json",
        }
        answer = self.post(
            "/v1/live-chat/sessions", {"source_id": "site_test", "visitor": {}}, headers
        )
        made = answer["data"]
        assert isinstance(made, dict)
        return str(made["session_id"])

    def kill(self) -> None:
        """End the process as a power switch would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """Ask the process to end, and return how it did."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextmanager
def serving(config: Path, port: int) -> Iterator[Server]:
    server = Server(config, port)
    try:
        server.wait_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
        assert server.process.stderr is not None
        server.process.stderr.close()
