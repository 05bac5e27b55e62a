"""Starts a command in a process of its own and takes the time."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.outcome import Outcome

ROOT = Path(__file__).parents[2]
OPPORTUNE = (sys.executable, "-m", "server.cli.main")


def timed(command: Sequence[str]) -> Outcome:
    """Run a command to its end, which must be a good one."""
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return taken(time.perf_counter() - began)


def taken(seconds: float) -> Outcome:
    """Report one start."""
    return Outcome(1, seconds, values={"seconds": seconds})
