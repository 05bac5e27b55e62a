"""Our engine with every session in hand as a live value."""

import time

from benchmarks.outcome import Outcome
from benchmarks.session.replaying import Keeping, compiled, outcome_of, played
from benchmarks.session.workload import Workload
from engine.profile import Profile
from engine.session import Session
from rules.compiler.program import Program

LABEL = "Opportune, live state"


def prepare(workload: Workload) -> tuple[Workload, dict[str, Program]]:
    """Compile the rules and play the log once, so that each page's functions are there."""
    programs = compiled(workload)
    played(workload, programs, Keeping(_keep, _take_up))
    return workload, programs


def run(prepared: tuple[Workload, dict[str, Program]]) -> Outcome:
    """Play the log."""
    workload, programs = prepared
    began = time.perf_counter()
    player = played(workload, programs, Keeping(_keep, _take_up))
    return outcome_of(workload, player.rows, time.perf_counter() - began, player.wakes)


def _keep(session: Session, profile: Profile) -> object:
    return session, profile


def _take_up(_: Program, kept: object) -> tuple[Session, Profile]:
    return kept  # type: ignore[return-value]  # what _keep returned
