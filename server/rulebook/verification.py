"""Stored sessions against their journals: each is folded from its first entry and compared with what is kept."""

from msgspec import Struct
from msgspec.structs import replace

from engine.late import revive
from engine.session import Session
from engine.stores.base import SessionRef, Store
from engine.stores.codec import decode_session, encode_session
from server.rulebook.past_programs import PastPrograms, Run
from server.rulebook.retelling import read_past, retell

NAMED_MAX = 20
"""Differing sessions that are named; further ones are counted only."""


class Verified(Struct):
    """How many sessions are as their journals say; `unwhole` have lost the beginning of theirs."""

    equal: int = 0
    unwhole: int = 0
    differing: int = 0
    named: tuple[str, ...] = ()


async def verify_sessions(
    store: Store, programs: PastPrograms, secret: bytes, workspace: str, run: Run
) -> Verified:
    """Compare every session of a workspace that is kept; reads them all."""
    told = Verified()
    before: str | None = None
    while refs := await store.list_sessions(workspace, before, 500):
        for ref in refs:
            before = ref.session
            same = await _is_as_told(store, programs, secret, ref, run)
            if same is None:
                told.unwhole += 1
            elif same:
                told.equal += 1
            else:
                told.differing += 1
                told.named = (*told.named, ref.session)[:NAMED_MAX]
    return told


async def _is_as_told(
    store: Store, programs: PastPrograms, secret: bytes, ref: SessionRef, run: Run
) -> bool | None:
    """Compare one session; None when there is nothing whole to compare."""
    loaded = await store.load(ref)
    past = None if loaded.state is None else await read_past(store, ref)
    if loaded.state is None or past is None or not past.recorded:
        return None
    found = await programs.gather(ref.workspace, past.programs, run)
    told = retell(past, found, secret).session(ref)
    kept = decode_session(loaded.state)
    program = found(kept.source, kept.program)
    revive(program, kept)
    # A state that is left out comes back as of its latest event; wake-ups since only let time pass.
    if kept.state.clock_ms < told.state.clock_ms:
        program.advance(kept.state, told.state.clock_ms)
    return _comparable(kept) == _comparable(told)


def _comparable(session: Session) -> bytes:
    """Encode what journal and state must agree on; how late events are kept ready is left out."""
    return encode_session(replace(session, base=b"", base_ms=0, middle=b"", middle_ms=0, tail=[]))
