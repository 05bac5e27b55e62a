"""A reload by the server's own watcher, all files new, while a loop wants to run every 2 ms."""

import asyncio
import time

from benchmarks.compile.rule_folder import compiled, outcome, written
from benchmarks.compile.workload import Workload
from benchmarks.outcome import Outcome
from engine.clock import SystemClock
from engine.stores.open import open_store
from rules import ParseCache
from rules.compiler.program import Program
from server.metrics import Metrics
from server.rulebook.live_rules import LiveRules, RuleFolder
from server.rulebook.rule_watcher import RuleWatcher

LABEL = "all files new, beside a loop"
TICK_S = 0.002


def prepare(workload: Workload) -> RuleFolder:
    """Write the files, and build the parser's tables once."""
    folder = written(workload)
    compiled(folder, ParseCache())
    return folder


def run(prepared: RuleFolder) -> Outcome:
    """Compile in a thread and watch the loop."""
    program, seconds, stall_ms = asyncio.run(_reload(prepared))
    return outcome(program, seconds, stall_ms=stall_ms)


async def _reload(folder: RuleFolder) -> tuple[Program, float, float]:
    assert folder.path is not None
    clock = SystemClock()
    store = await open_store("memory:", clock=clock.now_ms)
    rules = LiveRules([folder], store, b"benchmark", clock.now_ms)
    watcher = RuleWatcher(rules, _say_nothing)
    stalls_s: list[float] = []
    watching = asyncio.create_task(_watch(stalls_s))
    await asyncio.sleep(5 * TICK_S)
    began = time.perf_counter()
    await watcher.reload({folder.path}, Metrics(dict))
    seconds = time.perf_counter() - began
    watching.cancel()
    program = rules.workspaces.live[folder.workspace, folder.name].program
    return program, seconds, max(stalls_s) * 1_000


def _say_nothing(_: str) -> None:
    """Take the watcher's line for the operator."""


async def _watch(stalls_s: list[float]) -> None:
    """Note how much later than wanted each turn of the loop comes."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(TICK_S)
        stalls_s.append(time.perf_counter() - began - TICK_S)
