"""T20: whole deployments on virtual time, each from a seed, and the safeties whose absence they must notice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.runs import IS_FULL, SEED, Outcome, seeds, sized
from tests.simulation.mutants import NAMES, mutant
from tests.simulation.options import drawn
from tests.simulation.runs import MUTANT_SEEDS_MAX, caught_at, reports, rerun_line, shrunk
from tests.simulation.simulate import Report, simulate
from tests.simulation.steps import planned

pytestmark = pytest.mark.timeout(sized(120, 7_200))
COUNT, STEPS, JOBS = sized((40, 100, 1), (10_000, 200, 2))
MUTANT_STEPS = 100
QUICK = {
    "no_cas": 1,
    "no_op_id": 1,
    "no_seen": 2,
    "ack_before_wait": 1,
    "random_ids": 1,
    "cap_outside_the_commit": 2,
    "cap_given_back_twice": 19,
    "no_fired_check": 1,
    "no_tombstone": 1,
    "not_rearmed": 2,
    "offset_reused": 1,
    "read_before_wait": 4,
}
"""A seed that was seen to notice each missing safety; another one nearby does when the engine has changed.

`epoch_kept` is missed: as long as nobody is shown what may be lost, no client can tell the epochs apart.
What a store does whose clients were shown it stands in `tests/stores/redis/test_redis_epochs.py`.
"""
NEARBY = 60


def said(found: list[Report]) -> str:
    """Say what is broken, and how the smallest case of it is run again."""
    if not found:
        return ""
    kept = shrunk(found[0], STEPS)
    return f"{found[0].broken}; run again: {rerun_line(found[0], STEPS, kept)}"


def test_every_promise_holds_in_every_world(outcome: Outcome) -> None:
    wanted = dict.fromkeys([*seeds("T20"), *range(SEED, SEED + COUNT)])
    found = list(reports(wanted, STEPS, JOBS))
    broken = [report for report in found if report.broken]
    outcome.acked = sum(report.answers for report in found)
    outcome.faults = sum(report.fail_overs + report.crashes for report in found)
    outcome.notes = (
        f"{len(found)} worlds, {sum(report.entries for report in found)} steps told again"
    )
    assert not broken, said(broken)
    # The faults happened, and there was something to lose.
    assert sum(report.fail_overs for report in found) >= COUNT // 10
    assert sum(report.crashes for report in found) >= COUNT // 10
    assert outcome.acked >= COUNT


@pytest.mark.parametrize("name", QUICK)
def test_a_missing_safety_is_noticed(name: str, outcome: Outcome) -> None:
    near = [QUICK[name], *range(1, NEARBY)]
    seed = caught_at(mutant(name), range(1, MUTANT_SEEDS_MAX) if IS_FULL else near, MUTANT_STEPS)
    outcome.control = f"caught at {seed}"
    assert seed is not None


def test_ten_missing_safeties_or_more_are_noticed() -> None:
    assert set(QUICK) <= set(NAMES)
    assert len(QUICK) >= 10


def test_a_seed_leaves_the_same_trace_each_time_and_in_another_process() -> None:
    seed = SEED + 1
    first, second = simulate(seed, STEPS), simulate(seed, STEPS)
    assert first == second
    code = f"from tests.simulation.simulate import simulate; print(simulate({seed}, {STEPS}).trace)"
    other = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    answered = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": other},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answered.stdout.strip() == first.trace, answered.stderr


def test_another_seed_leaves_another_trace() -> None:
    assert simulate(SEED, 20).trace != simulate(SEED + 1, 20).trace


def test_what_is_broken_is_made_small_and_stays_broken() -> None:
    weak = mutant("ack_before_wait")
    seed = caught_at(weak, range(1, NEARBY), MUTANT_STEPS)
    assert seed is not None
    report = simulate(seed, MUTANT_STEPS, weak=weak)
    kept = shrunk(report, MUTANT_STEPS, weak)
    assert 0 < len(kept) < len(planned(seed, MUTANT_STEPS, drawn(seed))) // 4
    assert simulate(seed, MUTANT_STEPS, weak=weak, steps=kept).broken
    assert f"--seeds {seed} " in rerun_line(report, MUTANT_STEPS, kept)
