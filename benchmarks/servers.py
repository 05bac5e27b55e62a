"""Servers in processes of their own, for the benchmarks that speak HTTP."""

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.loopback import free_port
from benchmarks.scratch import scratch_folder

ROOT = Path(__file__).parents[1]
WAIT_S_MAX = 30
TOKEN = "wk_bench"  # noqa: S105  # of a server that lives for seconds on loopback
WORKSPACE = "ws_bench"
TRACK = f"/api/widgets/{WORKSPACE}/track"
AUTHORIZATION = f"Authorization: Bearer {TOKEN}\r\n".encode()

_CONFIG = """[store]
url = "{store}"
durability = "{durability}"

[[workspaces]]
id = "ws_bench"
name = "Bench"
rules = "rules"

  [[workspaces.sites]]
  source_id = "site_bench"
  origins = ["http://127.0.0.1"]

  [[workspaces.widget_tokens]]
  token = "wk_bench"
  site = "site_bench"
"""


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers."""

    port: int
    pid: int


def workspace_folder(texts: Mapping[str, str], store: str, durability: str) -> Path:
    """Write `opportune.toml` and the rule files below a fresh folder; `{folder}` in `store` is it."""
    folder = scratch_folder()
    (folder / "rules").mkdir()
    for name, text in texts.items():
        (folder / "rules" / name).write_text(text, encoding="utf-8")
    config = _CONFIG.format(store=store.format(folder=folder), durability=durability)
    (folder / "opportune.toml").write_text(config, encoding="utf-8")
    return folder


@contextmanager
def opportune(folder: Path) -> Iterator[Serving]:
    """Run `opportune serve` on a workspace's folder."""
    command = ("-m", "server.cli.main", "serve", "--config", str(folder / "opportune.toml"))
    with started((sys.executable, *command, "--port"), "/readyz") as serving:
        yield serving


@contextmanager
def started(command: Sequence[str], ready_path: str) -> Iterator[Serving]:
    """Run a command, to which the port is added, until the block ends."""
    port = free_port()
    process = subprocess.Popen((*command, str(port)), cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        began = time.perf_counter()
        while not answers(port, ready_path):
            assert process.poll() is None, f"{command[:4]} ended"
            assert time.perf_counter() - began < WAIT_S_MAX, f"{command[:4]} is not ready"
            time.sleep(0.005)
        yield Serving(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int, path: str) -> bool:
    """Tell whether a server answers 200 on a path."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
