"""The workload as a file for the contenders that run on Node, and their answers read back."""

import subprocess
from dataclasses import asdict
from pathlib import Path

import msgspec

from benchmarks.decide.workload import ANSWERS_S_MAX, MARKS, TIMED_S_A_STATE, Workload
from benchmarks.node_peer import NODE, require
from benchmarks.outcome import Outcome, digest
from benchmarks.scratch import scratch_folder


class Answers(msgspec.Struct):
    """What a contender on Node found: the rules of each state it came to, and its timed part."""

    answers: list[list[int]]
    operations: int
    seconds: float


def written(workload: Workload, package: str) -> Path:
    """Write rules, states and the limits of time to a file of this process.

    Raises:
        Missing: Node or the package is not installed.
    """
    require(package)
    body = {
        "rules": [asdict(rule) | {"prefix": rule.prefix} for rule in workload.rules],
        "states": [asdict(state) for state in workload.states],
        "answers_s_max": ANSWERS_S_MAX,
        "timed_s": TIMED_S_A_STATE * len(workload.states),
        "answers_min": MARKS[0],
    }
    path = scratch_folder() / "decide.json"
    path.write_bytes(msgspec.json.encode(body))
    return path


def run_script(script: str, path: Path) -> Outcome:
    """Run a contender's script once."""
    command = ["node", str(NODE / script), str(path)]
    done = subprocess.run(command, cwd=NODE, capture_output=True, check=True)
    found = msgspec.json.decode(done.stdout, type=Answers)
    answers = [tuple(numbers) for numbers in found.answers]
    digests = {f"{mark} states": digest(answers[:mark]) for mark in MARKS if mark <= len(answers)}
    return Outcome(found.operations, found.seconds, digests)
