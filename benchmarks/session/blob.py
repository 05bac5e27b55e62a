"""Our engine with every session as bytes: decoded before each event, encoded after it."""

import time

from benchmarks.outcome import Outcome
from benchmarks.session.replaying import Keeping, compiled, outcome_of, played
from benchmarks.session.workload import Workload
from engine.late import revive
from engine.profile import Profile
from engine.session import Session
from engine.stores.codec import decode_profile, decode_session, encode_profile, encode_session
from rules.compiler.program import Program

LABEL = "Opportune, bytes each time"


def prepare(workload: Workload) -> tuple[Workload, dict[str, Program]]:
    """Compile the rules and play the log once, so that each page's functions are there."""
    programs = compiled(workload)
    played(workload, programs, Keeping(_pack, _unpack))
    return workload, programs


def run(prepared: tuple[Workload, dict[str, Program]]) -> Outcome:
    """Play the log."""
    workload, programs = prepared
    began = time.perf_counter()
    player = played(workload, programs, Keeping(_pack, _unpack))
    return outcome_of(workload, player.rows, time.perf_counter() - began, player.wakes)


def _pack(session: Session, profile: Profile) -> object:
    return encode_session(session), encode_profile(profile)


def _unpack(program: Program, kept: object) -> tuple[Session, Profile]:
    assert isinstance(kept, tuple)
    session = decode_session(kept[0])
    revive(program, session)
    return session, decode_profile(kept[1])
