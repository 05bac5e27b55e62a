"""A store with a replica: operations reach it later and in order, and a fail-over loses those that did not."""

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from engine.errors import LimitExceeded, StoreUnavailable
from engine.stores.base import Commit, Duplicate
from engine.testing.shared_store import SharedMemory, SharedView
from tests.simulation.breaches import Broken
from tests.simulation.copies import WRITES, Copy, Operation
from tests.simulation.loop import VirtualLoop
from tests.simulation.mutants import Weakness
from tests.simulation.options import Options

START_MS = 1_750_000_000_000
DURABLE = frozenset(
    {"commit", "put_profile", "put_doc", "resolve", "keep_causes", "settle_causes",
     "book", "unbook", "settle_delivery", "send_again", "feed_add", "feed_clear", "idem_begin",
     "idem_end", "erase", "confirm"}
)  # fmt: skip
"""Operations that are answered when the replica has all that was done before; as are causes that were read."""

READS = frozenset({"load", "visitor", "history", "journal"})
"""Reads that are answered when the replica has what was read: else somebody acts on, or is shown, what a
fail-over then loses, and numbers that were seen come again with another content."""

Done = Callable[[Any, BaseException | None], None]
"""Called with the answer of an operation, or with what went wrong."""


class Replicated:
    """The primary, its replica, and the line of operations between them."""

    def __init__(
        self, loop: VirtualLoop, options: Options, weak: Weakness, trace: Callable[[str], None]
    ) -> None:
        self.loop = loop
        self.options = options
        self.primary = Copy(START_MS, options.partitions, weak)
        self.replica = Copy(START_MS, options.partitions, weak)
        self.shared = SharedMemory(lambda: START_MS, partitions=options.partitions)
        self.term = 0
        self.fail_overs = 0
        self.on_broken: Callable[[Exception], None] | None = None
        self.on_fail_over: Callable[[], None] | None = None
        self.chance = Random(0)
        # By op: the profile by which a step decided that did not change it.
        self.profiles: dict[str, bytes] = {}
        self._weak = weak
        self._trace = trace
        self._skew_ms = 0
        self._log: list[Operation] = []
        # When each operation of the line reaches the replica; infinite while the link is cut.
        self._arrives_s: list[float] = []
        self._applied = 0
        self._kept: dict[int, int] = {}
        self._waiting: list[tuple[int, int, Done, Any]] = []
        self._cut = False
        self._down_until_s = 0.0

    # ---- time

    def now_ms(self) -> int:
        """Return the store's time: that of the machine that is the primary now."""
        return START_MS + int(self.loop.time() * 1_000) + self._skew_ms

    def view(self) -> SharedView:
        """Open the store for one more worker."""
        view = self.shared.view()
        self._show(view)
        return view

    # ---- operations

    def take(
        self, view: SharedView, name: str, args: tuple[Any, ...], given: Mapping[str, Any]
    ) -> Any:
        """Carry out an operation on the primary.

        Raises:
            StoreUnavailable: there is no primary now.
        """
        if self.loop.time() < self._down_until_s:
            raise StoreUnavailable("none", 100, "there is no primary")
        self.primary.live_ms = self.now_ms()
        self.primary.state.tick()
        operation = Operation(self.primary.state.now_ms, name, args, given)
        if name not in WRITES:
            return self.primary.take(view, operation)
        is_repeat = name == "commit" and self._is_newest(args[0])
        answer = self.primary.take(view, operation)
        if name == "commit":
            self._trace(f"commit {args[0].op} {type(answer).__name__}")
            if is_repeat and not isinstance(answer, Duplicate) and self.on_broken is not None:
                self.on_broken(
                    Broken("R11", f"{args[0].op} is done and answered {type(answer).__name__}")
                )
        self._log.append(operation)
        latest_s = self._arrives_s[-1] if self._arrives_s else 0.0
        delay_s = self.chance.uniform(0.1, self.options.link_ms) / 1_000
        arrives_s = math.inf if self._cut else max(latest_s, self.loop.time() + delay_s)
        self._arrives_s.append(arrives_s)
        return answer

    def _is_newest(self, commit: Commit) -> bool:
        """Tell whether a commit is the latest that its session has."""
        record = self.primary.state.tables.session(commit.ref)
        if record is None or commit.expect == record.head.version:
            return False
        step = self.primary.steps.get((commit.ref.session, record.head.version))
        return step is not None and step.op == commit.op

    def run(
        self,
        view: SharedView,
        operation: tuple[str, tuple[Any, ...], Mapping[str, Any]],
        done: Done,
    ) -> None:
        """Carry out an operation and say what came of it when it is as durable as it must be."""
        name, args, given = operation
        try:
            answer = self.take(view, name, args, given)
        except (StoreUnavailable, LimitExceeded) as error:
            done(None, error)
            return
        if self._waits(name, answer):
            self._wait(len(self._log) - 1, done, answer)
        else:
            done(answer, None)

    def _waits(self, name: str, answer: Any) -> bool:
        """Tell whether an answer is given only when the replica has all that led to it."""
        if name in READS:
            return not self._weak.read_before_wait
        if name == "take_causes":
            return bool(answer) and not self._weak.ack_before_wait
        return name in DURABLE and not self._weak.ack_before_wait

    def _wait(self, place: int, done: Done, answer: Any) -> None:
        if place < 0 or self._arrives_s[place] <= self.loop.time():
            done(answer, None)
        elif self._arrives_s[place] == math.inf:
            self._waiting.append((self.term, place, done, answer))
        else:
            delay_s = self._arrives_s[place] - self.loop.time()
            self.loop.later(delay_s, self._acknowledge, self.term, place, done, answer)

    def _acknowledge(self, term: int, place: int, done: Done, answer: Any) -> None:
        if term != self.term and place >= self._kept[term]:
            done(None, StoreUnavailable("unknown", 100, "the primary is gone"))
        else:
            done(answer, None)

    # ---- the replica

    def caught_up(self) -> Copy:
        """Return the replica with all that has reached it by now."""
        while self._applied < len(self._log):
            if self._arrives_s[self._applied] > self.loop.time():
                break
            self.replica.repeat(self._log[self._applied])
            self._applied += 1
        return self.replica

    def cut(self) -> None:
        """Let nothing more reach the replica, nor be acknowledged."""
        self._cut = True

    def mend(self) -> None:
        """Let what has waited reach the replica."""
        if not self._cut:
            return
        self._cut = False
        # What was on its way before the cut arrives before what has waited.
        known_s = [at_s for at_s in self._arrives_s if at_s < math.inf]
        mended_s = max(self.loop.time() + 0.001, known_s[-1] if known_s else 0.0)
        self._arrives_s = [min(at_s, mended_s) for at_s in self._arrives_s]
        waiting, self._waiting = self._waiting, []
        for term, place, done, answer in waiting:
            wait_s = mended_s - self.loop.time()
            self.loop.later(wait_s, self._acknowledge, term, place, done, answer)

    def fail_over(self, down_s: float) -> None:
        """Make the replica the primary, without what had not reached it."""
        self.caught_up()
        lost = len(self._log) - self._applied
        self._trace(f"fail over, {lost} lost")
        self.fail_overs += 1
        self._kept[self.term] = self._applied
        # What an older term still waits for is kept or lost by the same count.
        self._kept = {term: min(kept, self._applied) for term, kept in self._kept.items()}
        self.term += 1
        del self._log[self._applied :]
        del self._arrives_s[self._applied :]
        waiting, self._waiting = self._waiting, []
        self._cut = False
        self._skew_ms += (
            self.options.replica_ms if self.fail_overs % 2 else -self.options.replica_ms
        )
        self._down_until_s = self.loop.time() + down_s
        self.primary = self.replica
        for view in self.shared.views:
            self._show(view)
        self.replica = Copy(START_MS, self.options.partitions, self._weak)
        self._applied = 0
        for term, place, done, answer in waiting:
            self._acknowledge(term, place, done, answer)
        if self.on_fail_over is not None:
            self.on_fail_over()

    def _show(self, view: SharedView) -> None:
        view._state = self.primary.state
        view._tables = self.primary.state.tables
