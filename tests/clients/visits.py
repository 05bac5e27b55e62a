"""Visits told by clients for servers: each a program of its own that ends when its client has closed."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent
DEADLINE_S = 30


@dataclass(frozen=True, slots=True)
class Program:
    """The program of a client: its folder, which is what runs it, its file, and how much it tells."""

    runs: Literal["python", "node"]
    file: str
    told: int


PROGRAMS = {
    "segment_python": Program("python", "segment_visit.py", 9),
    "rudder_python": Program("python", "rudder_visit.py", 9),
    "posthog_python": Program("python", "posthog_visit.py", 10),
    "segment_node": Program("node", "segment_visit.mjs", 9),
    "rudder_node": Program("node", "rudder_visit.mjs", 9),
    "posthog_node": Program("node", "posthog_visit.mjs", 8),
}


@dataclass(frozen=True, slots=True)
class Visit:
    """What became of a visit: what was told, and what the client's own hook for errors heard."""

    told: int
    errors: list[str]


def make_visit(name: str, address: str, key: str, visitor: str, user: str) -> Visit:
    """Make a visit with a client, and wait until its program has ended in order."""
    program = PROGRAMS[name]
    runs = sys.executable if program.runs == "python" else program.runs
    command = [runs, str(HERE / program.runs / program.file), address, key, visitor, user]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    return Visit(program.told, outcome["errors"])
