"""P7: commits on Redis of 600-byte states, each with a message, a cause and a wake-up, 64 in flight a process.

Equal work: the same commits of the same sessions against the same kind of fresh server, with the same
script; the answers must be the same. The sessions are there before the clock starts. D1 is one server,
D2 a primary whose replica confirms every batch. `plain` commits bring neither message nor cause, as most
do. `named` ones also bring two ids to be found by, a decision and two counters, as a proactive message
does: two more commands before each script.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from benchmarks.outcome import Figure, Metric, Target
from engine.stores.records import (
    Commit,
    Count,
    DecisionLine,
    NewMessage,
    SessionRef,
    StoredCause,
)

STREAMS = 64
"""Commits in flight in each process: so many rows of sessions, each row committed one after the other."""
Kind = Literal["plain", "message", "named"]
SIZES: dict[str, tuple[bool, int, int, int, Kind]] = {
    "tiny": (False, 1, 64, 2, "named"),
    "d1": (False, 1, 1_024, 16, "message"),
    "d1_two": (False, 2, 1_024, 16, "message"),
    "d2": (True, 1, 1_024, 16, "message"),
    "d2_two": (True, 2, 1_024, 16, "message"),
    "d1_plain": (False, 1, 1_024, 16, "plain"),
    "d1_named": (False, 1, 1_024, 16, "named"),
}
"""With a replica, worker processes, sessions, commits a session, what a commit brings."""
REFERENCE = "by_hand"
METRICS = (
    Metric("rate", "commits/s"),
    Metric("cpu_us", "us of a client's CPU a commit", "less"),
    Metric("server_us", "us of the primary's CPU a commit", "less"),
    Metric("sent_bytes", "bytes sent to the primary a commit", "less"),
    Metric("session_bytes", "bytes a session's hash takes", "less"),
    Metric("profile_bytes", "bytes a profile takes", "less"),
    Metric("entry_bytes", "bytes a journal entry takes", "less"),
    Metric("message_bytes", "bytes a list of one message takes", "less"),
)


def _ratio(size: str) -> Target:
    figure, over = Figure("opportune", size), Figure("by_hand", size)
    return Target(f"commits/s, of the pipeline by hand, {size}", figure, "least", 0.6, over)


TARGETS = (
    *(_ratio(size) for size in ("d1", "d1_two", "d2", "d2_two")),
    Target("client CPU a commit, us", Figure("opportune", "d1", "cpu_us"), "most", 40),
)
WORKSPACE = "ws_bench"
START_MS = 1_900_000_000_000
STATE_BYTES, PROFILE_BYTES, ENTRY_BYTES = 600, 180, 90
MESSAGE_BYTES, CAUSE_BYTES = 240, 400
DAY = "2026-11-21"


@dataclass(frozen=True, slots=True)
class Workload:
    """Sessions in rows; row r of n workers belongs to worker r modulo n."""

    replicated: bool
    workers: int
    sessions: int
    commits_a_session: int
    kind: Kind
    bodies: tuple[bytes, ...]

    @property
    def commits(self) -> int:
        """Count the measured commits of all workers."""
        return self.sessions * self.commits_a_session

    def rows(self, worker: int) -> range:
        """Number the rows of a worker."""
        return range(worker, STREAMS * self.workers, self.workers)

    def row(self, number: int) -> Iterator[Commit]:
        """Make the commits of one row in their order."""
        sessions = range(number, self.sessions, STREAMS * self.workers)
        for turn in range(self.commits_a_session):
            for session in sessions:
                yield self._commit(session, turn + 1)

    def ref(self, session: int) -> SessionRef:
        """Name a session as real ones are named."""
        return SessionRef(WORKSPACE, f"vis_{session:022d}", f"chat_{session:022d}")

    def first(self, session: int) -> Commit:
        """Make the commit that a session begins with, not measured."""
        body = self.bodies[session % len(self.bodies)]
        return Commit(
            ref=self.ref(session),
            op=f"o{session}-0",
            expect=0,
            state=body[:STATE_BYTES],
            entry=body[:ENTRY_BYTES],
            expect_profile=0,
            profile=body[:PROFILE_BYTES],
            wake_ms=START_MS + session,
        )

    def _commit(self, session: int, version: int) -> Commit:
        ref, body = self.ref(session), self.bodies[(session + version) % len(self.bodies)]
        name = f"{session:014d}{version:010d}"
        plain = Commit(
            ref=ref,
            op=f"o{session}-{version}",
            expect=version,
            state=body[:STATE_BYTES],
            entry=body[:ENTRY_BYTES],
            wake_ms=START_MS + version * 60_000 + session,
        )
        if self.kind == "plain":
            return plain
        cause = StoredCause(f"evt_{name}", WORKSPACE, ref.visitor, body[-CAUSE_BYTES:])
        message = NewMessage(f"msg_{name}", body[:MESSAGE_BYTES])
        telling = msgspec.structs.replace(plain, messages=(message,), causes=(cause,))
        return _named(telling, name, version) if self.kind == "named" else telling


def _named(telling: Commit, name: str, version: int) -> Commit:
    """Let a commit bring what a proactive message brings, as `engine.commits` makes it."""
    line = DecisionLine(f"dec_{name}", START_MS + version, "bench", "sent", telling.entry)
    return msgspec.structs.replace(
        telling,
        ids=(f"msg_{name}", line.id),
        decisions=(line,),
        counts=(Count(DAY, "sent|bench"), Count(DAY, "eligible|bench")),
    )


def make(size: str, seed: int) -> Workload:
    """Draw the bodies; commits are made when they are wanted."""
    source = random.Random(seed)
    bodies = tuple(source.randbytes(STATE_BYTES + CAUSE_BYTES) for _ in range(16))
    return Workload(*SIZES[size], bodies)
