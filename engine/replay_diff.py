"""Recorded visitors under two rule sets: who would be approached too, no longer, or otherwise.

What a visitor would have done after another message nobody knows: after the first message that differs
a session is not followed.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from engine.events import Event
from engine.replay import Approach, Replay
from engine.step import events_of
from engine.stores.base import SessionRef
from engine.stores.codec import JournalEntry
from rules.compiler.program import Program

SAMPLES_MAX = 20
"""Sessions named for each kind of change; further ones are only counted."""

Change = Literal["gained", "lost", "moved"]
Arrival = tuple[int, list[Event]]
"""Events that were received together, and when."""


class Pair(msgspec.Struct):
    """A number under the old rules and under the new ones."""

    old: int = 0
    new: int = 0


class Spoken(msgspec.Struct, frozen=True):
    """One message of a replay: its rule, when, and on which page."""

    rule: str
    at_ms: int
    page: str


class Sample(msgspec.Struct, frozen=True):
    """A session that differs, by its first message that does; None: no message any more."""

    session_id: str
    visitor_id: str
    change: Change
    old: Spoken | None
    new: Spoken | None


class ReplayDiff(msgspec.Struct):
    """What two rule sets say to the same sessions.

    `messages` and `by_rule` count up to the first message that differs, that one included. A session is
    `gained` when only the new rules speak there, `lost` when only the old ones do, `moved` when both do,
    by another rule or at another instant.
    """

    sessions: int = 0
    messages: Pair = msgspec.field(default_factory=Pair)
    gained: int = 0
    lost: int = 0
    moved: int = 0
    by_rule: dict[str, Pair] = {}
    samples: list[Sample] = []
    truncated: bool = False


class Comparison:
    """Runs sessions through two programs, one after the other as they were recorded."""

    def __init__(self, old: Program, new: Program, workspace: str, secret: bytes) -> None:
        """Compare `old` with `new`; `workspace` and `secret` are those the journal was written under."""
        self._old = Replay(old, workspace=workspace, secret=secret)
        self._new = Replay(new, workspace=workspace, secret=secret)
        self.diff = ReplayDiff()

    def take(self, ref: SessionRef, entries: Sequence[JournalEntry]) -> None:
        """Run one session's journal through both; one without events of its own counts for nothing."""
        arrivals = [
            (entry.given.now_ms, [one for one in events_of(entry.given) if one.origin != "engine"])
            for entry in entries
        ]
        if not any(events for _, events in arrivals):
            return
        self.diff.sessions += 1
        old, new = (_spoken(each, ref, arrivals) for each in (self._old, self._new))
        same = next(
            (at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]),
            min(len(old), len(new)),
        )
        for message in old[: same + 1]:
            self._count("old", message)
        for message in new[: same + 1]:
            self._count("new", message)
        if len(old) > same or len(new) > same:
            self._note(ref, old[same] if len(old) > same else None, new[same : same + 1])

    def _count(self, side: Literal["old", "new"], message: Spoken) -> None:
        for pair in (self.diff.messages, self.diff.by_rule.setdefault(message.rule, Pair())):
            setattr(pair, side, getattr(pair, side) + 1)

    def _note(self, ref: SessionRef, old: Spoken | None, others: list[Spoken]) -> None:
        new = others[0] if others else None
        change: Change = "gained" if old is None else "lost" if new is None else "moved"
        number = getattr(self.diff, change) + 1
        setattr(self.diff, change, number)
        if number <= SAMPLES_MAX:
            self.diff.samples.append(Sample(ref.session, ref.visitor, change, old, new))


def _spoken(replay: Replay, ref: SessionRef, arrivals: Sequence[Arrival]) -> list[Spoken]:
    """Run a session and return its messages; the replay keeps the visitor, and no list of decisions."""
    for now_ms, events in arrivals:
        if events:
            replay.arrive(ref.visitor, events, now_ms, ref.session)
    replay.end(ref.visitor)
    approaches: list[Approach] = replay.report.approaches
    sent = [
        Spoken(each.rule, each.at_ms, each.page) for each in approaches if each.outcome == "sent"
    ]
    approaches.clear()
    return sent
