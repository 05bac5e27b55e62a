"""A real server in a folder, for commands that ask the one that runs."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.clock import Stopwatch

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 15.0
SECRET = "the dashboards' secret of this test, 32+"
CONFIG = f"""\
[server]
port = 0
[[workspaces]]
id = "ws_dev"
name = "Dev"
  [[workspaces.api_keys]]
  name = "of the file"
  key = "dev_key_0123456789abcdef"
  [workspaces.jwt]
  secret = "{SECRET}"
  [[workspaces.sites]]
  source_id = "site_dev"
  origins = []
"""


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """Run a real server in a folder; yields its port."""
    said = folder / "said.txt"
    with said.open("wb") as stream:
        child = subprocess.Popen(
            [sys.executable, "-m", "server.cli.main", "serve"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    watch = Stopwatch()
    try:
        while "Stop: Ctrl-C" not in said.read_text(encoding="utf-8"):
            assert child.poll() is None, said.read_text(encoding="utf-8")
            assert watch.elapsed_ms() < DEADLINE_S * 1000
            time.sleep(0.02)
        token = (folder / "data" / "operator.token").read_text("ascii")
        yield int(token.rpartition(":")[2])
    finally:
        child.terminate()
        child.wait(timeout=DEADLINE_S)
