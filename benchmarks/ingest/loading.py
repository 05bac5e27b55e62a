"""Loads a server with the workload's requests."""

import asyncio
import sys
from contextlib import AbstractContextManager

import uvloop

from benchmarks.ingest.workload import Workload
from benchmarks.load import drive
from benchmarks.outcome import Outcome
from benchmarks.servers import Serving, opportune, started, workspace_folder


def load_opportune(workload: Workload, store: str, durability: str) -> Outcome:
    """Load our server on a fresh store."""
    folder = workspace_folder(workload.texts, store, durability)
    return loaded(workload, opportune(folder))


def load_plain(workload: Workload, application: str) -> Outcome:
    """Load one of the plain applications on the same uvicorn."""
    command = (sys.executable, "-m", "benchmarks.ingest.plain_server", application)
    return loaded(workload, started(command, "/readyz"))


def loaded(workload: Workload, server: AbstractContextManager[Serving]) -> Outcome:
    """Start a server, load it, end it."""
    with server as serving:
        plan = workload.plan(serving.port, serving.pid)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            load = runner.run(drive(plan, workload.requests))
    return workload.outcome(load)
