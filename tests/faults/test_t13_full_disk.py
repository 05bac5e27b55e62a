"""T13: the disk is full; nothing is acknowledged that is not kept, nothing is half done, and it ends by itself."""

import asyncio
import resource
import sys
from pathlib import Path

import msgspec
import pytest

from engine.stores.sqlite.store import SqliteStore
from tests.faults.judge import held_in, judge, opened
from tests.faults.load import History, Load, Plan
from tests.faults.numbered import DUE_MS, LATER_MS, Committing, check_all, ref_of
from tests.faults.power_cut import Disk
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.waiting import until
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 300))]
ROUNDS = sized(3, 30)
BACK_S = 5.0
# Longer than a step tries the same commit again: 2 s.
HURT_S = sized(2.6, 6.0)


async def test_a_full_disk_refuses_commits_whole_and_goes_on_by_itself(
    tmp_path: Path, outcome: Outcome
) -> None:
    disk = Disk()
    kind = type("FullStore", (SqliteStore,), {"open_db": staticmethod(disk.open_db)})
    store = await kind.open(tmp_path / "a.db", "D2", lambda: DUE_MS - 1)
    committing = Committing(store)
    committing.start()
    back = 0.0
    for number in range(ROUNDS):
        await until(lambda: committing.total() >= 20 * (1 + number), 5)  # noqa: B023  # awaited at once
        disk.is_full = True
        refused, acked = committing.refused, committing.total()
        await until(lambda: committing.refused >= refused + 10, 5)  # noqa: B023  # awaited at once
        assert (await store.load(ref_of(0))).version >= 1, "reads go on"
        # Of what had been written when the disk became full, a batch may still be acknowledged.
        assert committing.total() <= acked + len(committing.acked)
        disk.is_full = False
        acked = committing.total()
        back = max(back, await until(lambda: committing.total() > acked, BACK_S))  # noqa: B023  # awaited at once
    await committing.stop()
    await store.close()
    store = await SqliteStore.open(tmp_path / "a.db", "D2", lambda: LATER_MS)
    outcome.lost = await check_all(store, committing.acked)
    await store.close()
    outcome.acked, outcome.faults = committing.total(), committing.refused
    outcome.notes = f"back after {back:.2f} s"
    assert outcome.lost == 0


# Less than the file and its log have: whatever is appended fails.
FILE_BYTES = 4_096
PLAN = Plan(
    seed=SEED, sessions=20, events=sized(30, 100), seconds=HURT_S + 1.5, deadline_s=sized(20, 60)
)


async def hurt(workers: Workers, plan: Plan, history: History) -> float:
    """Let the worker write no file for a while; answers when it may again, in seconds of the run."""
    load = asyncio.create_task(Load(plan, workers.ports, history).run())
    await asyncio.sleep(0.5)
    pid = workers[0].process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (FILE_BYTES, resource.RLIM_INFINITY))
    await asyncio.sleep(HURT_S)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    given_back_s = history.now()
    await load
    return given_back_s


async def lost_in(workers: Workers, history: History, outcome: Outcome) -> int:
    """Kill the worker, and count what it acknowledged and does not have."""
    workers.kill(0)
    history.close()
    async with opened(workers.store_url) as store:
        verdict = judge(history, held := await held_in(store))
    outcome.acked, outcome.doubled = verdict.acked, len(verdict.doubled)
    assert held.breaks == []
    return len(verdict.lost)


@pytest.mark.full_size
@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux limits the files of another process"
)
async def test_a_process_whose_files_cannot_grow_answers_503_and_comes_back(
    tmp_path: Path, outcome: Outcome
) -> None:
    history = History(tmp_path / "history.jsonl")
    with Workers(tmp_path) as workers:
        given_back_s = await hurt(workers, PLAN, history)
        outcome.lost = await lost_in(workers, history, outcome)
    outcome.faults = sum(history.refusals().values())
    back = history.first_success_after(given_back_s)
    outcome.notes = f"back after {back:.2f} s"
    assert history.refusals().keys() == {503}
    assert (outcome.acked, outcome.lost, outcome.doubled) == (PLAN.sessions * PLAN.events, 0, 0)
    assert back <= BACK_S


@pytest.mark.full_size
@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux limits the files of another process"
)
async def test_the_control_that_tells_before_it_commits_loses_on_a_full_disk(
    tmp_path: Path, outcome: Outcome
) -> None:
    history = History(tmp_path / "history.jsonl")
    with Workers(tmp_path, unsafe=["tell_before_commit"]) as workers:
        # What it lost keeps its sessions from going on: they are given up.
        await hurt(workers, msgspec.structs.replace(PLAN, deadline_s=HURT_S + 1), history)
        control = await lost_in(workers, history, outcome)
    outcome.control = f"tell_before_commit lost {control}"
    assert control > 0
