"""Real `opportune serve` processes for the fault tests: started, asked, killed by their own id."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError

ROOT = Path(__file__).parent.parent.parent
READY_S = 20.0
SQLITE = "sqlite:///data/opportune.db"

CONFIG = """
[store]
url = "sqlite:///data/opportune.db"
durability = "D2"

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

# Ends with the process that started it, also when that one is killed.
_START = """
import ctypes, os, runpy, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
del sys.argv[:2]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
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


def workspace(
    folder: Path, *, store: str = SQLITE, durability: str = "D2", rules: str = RULES
) -> Path:
    """Write a workspace with one quick rule into an empty folder; returns the configuration's path."""
    (folder / "rules").mkdir(parents=True)
    (folder / "rules" / "main.rules").write_text(rules, encoding="utf-8")
    path = folder / "opportune.toml"
    text = CONFIG.replace(SQLITE, store).replace('"D2"', f'"{durability}"')
    path.write_text(text, encoding="utf-8")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Server:
    """One serving process on loopback, which ends with this one.

    `module` is run instead of the command line's, with `first` before `serve`: a control with a safety off.
    What it says on stderr is read from `process.stderr`, or lies in `log`.
    """

    def __init__(
        self,
        config: Path,
        port: int,
        *,
        module: str = "server.cli.main",
        first: tuple[str, ...] = (),
        log: Path | None = None,
    ) -> None:
        self.port = port
        self.log = log
        serve = ["serve", "--config", str(config), "--port", str(port)]
        with ExitStack() as stack:
            stderr = subprocess.PIPE if log is None else stack.enter_context(log.open("ab"))
            self.process = subprocess.Popen(
                [sys.executable, "-c", _START, str(os.getpid()), module, *first, *serve],
                cwd=config.parent,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        deadline = monotonic() + READY_S
        while monotonic() < deadline:
            ready = f"http://127.0.0.1:{self.port}/readyz"
            with (
                suppress(URLError, ConnectionError, TimeoutError),
                urllib.request.urlopen(ready, timeout=2),
            ):
                return
            if self.process.poll() is not None:
                raise AssertionError(self.said())
            sleep(0.02)
        raise AssertionError(f"the server did not become ready; see {self.log}")

    def said(self) -> str:
        """Return what it said on stderr until its end."""
        if self.log is not None:
            return self.log.read_text("utf-8")
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

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
        if server.process.stderr is not None:
            server.process.stderr.close()
