"""Commands as real processes: started, waited for by what they say, ended."""

import os
import subprocess
import sys
import time
from pathlib import Path

from engine.clock import Stopwatch

DEADLINE_S = 15.0
ROOT = Path(__file__).resolve().parents[2]


class Process:
    """One command with everything it says on stderr."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        number = len(list(folder.glob("said-*.txt")))
        self._said = folder / f"said-{number}.txt"
        with self._said.open("wb") as said:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "server.cli.main", *arguments],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    @property
    def said(self) -> str:
        return self._said.read_text(encoding="utf-8")

    def wait_for(self, words: str) -> None:
        watch = Stopwatch()
        while words not in self.said:
            assert self.child.poll() is None, self.said
            assert watch.elapsed_ms() < DEADLINE_S * 1000, f"waited for {words!r}: {self.said}"
            time.sleep(0.02)

    def ended(self) -> int:
        return self.child.wait(timeout=DEADLINE_S)
