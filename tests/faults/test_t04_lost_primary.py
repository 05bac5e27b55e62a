"""T4: the primary dies behind a partition; what was acknowledged is on the replica that takes over."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from tests.faults.approached import rules
from tests.faults.judge import Held, Verdict, held_in, judge, opened, over_the_cap, shown_twice
from tests.faults.load import History, Line, Load, Plan, Push, session_of
from tests.faults.proxy import Proxy
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Pair
from tests.faults.watching import watching
from tests.faults.workers import Workers
from tests.servers import need_server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(90, 1_500))]
RUNS = sized(1, 20)
BEFORE_S = sized(0.8, 1.5)
CUT_OFF_S = sized(1.2, 3.5)
PLAN = Plan(
    seed=SEED,
    sessions=sized(40, 100),
    events=sized(20, 50),
    seconds=BEFORE_S + CUT_OFF_S + sized(0.2, 1.0),
    deadline_s=sized(30.0, 60.0),
    # A request that takes too long is to be seen as what it is.
    within_s=10.0,
)
# All have come when the replica is cut off; their messages are due while it is dark.
COME_S = sized(0.6, 1.2)
DUE_S = sized(1, 2)
WATCHED = sized(20, 50)
# Each figure of STORES.md 8 to 12, three times: nobody has the machine alone.
REFUSED_S = 2.5 * 3
BACK_S = 2.0 * 3
# What was durable when it became dark is on its way to a socket so long at most.
ON_ITS_WAY_S = 0.3
LOST_MIN = sized(20, 100)


class Aftermath(msgspec.Struct, frozen=True):
    """What one run left. It was dark from `cut_s` to `promoted_s`, seconds of the run."""

    history: History
    held: Held
    verdict: Verdict
    cut_s: float
    promoted_s: float

    def refused_after_s(self) -> float:
        """Tell how long after the cut the first request was refused."""
        ends = [line.end for line in self.history.lines if line.status == 503]
        return min((end for end in ends if end >= self.cut_s), default=float("inf")) - self.cut_s

    def in_the_dark(self) -> list[Line]:
        """List the requests that were sent while it was dark."""
        return [line for line in self.history.lines if self.cut_s <= line.start < self.promoted_s]

    def slowest_s(self) -> float:
        """Tell how long the longest of the requests that were sent while it was dark took."""
        return max((line.end - line.start for line in self.in_the_dark()), default=0.0)

    def pushed(self) -> list[Push]:
        """List what sockets got while it was dark."""
        begin_s = self.cut_s + ON_ITS_WAY_S
        return [push for push in self.history.pushed if begin_s <= push.at_s < self.promoted_s]

    def doubled(self) -> list[str]:
        """Name what took effect or was shown more than once."""
        twice = [*over_the_cap(self.held), *shown_twice(self.history), *self.history.repeated]
        return [*self.verdict.doubled, *twice]

    def unheard(self) -> set[str]:
        """Name the messages that pages were shown and the replica does not hold."""
        held = {name for ids in self.held.messages.values() for name in ids}
        return {name for shown in self.history.shown.values() for name in shown} - held


async def run(folder: Path, durability: str, *unsafe: str) -> Aftermath:
    """Cut the replica off under load, kill the primary, let the replica take over."""
    need_server()
    history = History(folder.with_suffix(".jsonl"))
    with ExitStack() as stack:
        links: list[Proxy] = []

        def linked(port: int) -> int:
            links.append(stack.enter_context(Proxy(port, seed=SEED)))
            return links[0].port

        pair = stack.enter_context(Pair.start(folder / "pair", via=linked))
        workers = stack.enter_context(
            Workers(
                folder,
                2,
                store=pair.url,
                durability=durability,
                rules=rules(DUE_S),
                unsafe=unsafe,
            )
        )
        watched = [session_of(PLAN, number) for number in range(WATCHED)]
        async with watching(history, workers.ports, watched):
            load = Load(PLAN, workers.ports, history, spread_s=COME_S)
            loading = asyncio.create_task(load.run())
            await asyncio.sleep(BEFORE_S)
            links[0].set(blackhole=frozenset({"up", "down"}))
            cut_s = history.now()
            await asyncio.sleep(CUT_OFF_S)
            assert links[0].acts["blackhole"] > 0
            promoted_s = history.now()
            pair.kill(0)
            pair.promote()
            await loading
            await asyncio.sleep(0.5)
        history.close()
        async with opened(pair.nodes[1].url) as store:
            held = await held_in(store)
    return Aftermath(history, held, judge(history, held), cut_s, promoted_s)


@pytest.mark.parametrize("number", range(RUNS))
async def test_what_was_acknowledged_is_on_the_replica_that_takes_over(
    tmp_path: Path, outcome: Outcome, number: int
) -> None:
    after = await run(tmp_path / f"run{number}", "D2")
    dark, back_s = after.in_the_dark(), after.history.first_success_after(after.promoted_s)
    outcome.acked, outcome.lost = len(after.history.acked()), len(after.verdict.lost)
    outcome.doubled, outcome.faults = len(after.doubled()), 1
    outcome.notes = (
        f"refused after {after.refused_after_s():.2f} s, back after {back_s:.2f} s, in the dark"
        f" {len(dark)} sent, {after.slowest_s():.2f} s at most, {len(after.pushed())} pushed"
    )
    assert (after.verdict.lost, after.doubled(), after.held.breaks) == ((), [], [])
    assert outcome.acked == PLAN.sessions * PLAN.events
    assert [line for line in dark if line.status == 200 and line.end < after.promoted_s] == []
    assert [line for line in dark if line.status not in (200, 503)] == []
    assert after.slowest_s() <= REFUSED_S
    assert (after.pushed(), after.unheard()) == ([], set())
    assert after.refused_after_s() <= REFUSED_S
    assert back_s <= BACK_S


@pytest.mark.parametrize("control", sized(["D1"], ["D1", "ack_before_wait"]))
async def test_the_control_that_does_not_wait_for_the_replica_loses_events(
    tmp_path: Path, outcome: Outcome, control: str
) -> None:
    unsafe = ("D1",) if control == "D1" else ("D2", control)
    after = await run(tmp_path / "run", *unsafe)
    outcome.control = f"{control} lost {len(after.verdict.lost)}"
    outcome.notes = f"{len(after.pushed())} pushed in the dark"
    assert len(after.verdict.lost) > LOST_MIN
    if control == "D1":
        assert after.pushed()
