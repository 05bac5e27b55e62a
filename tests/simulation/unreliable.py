"""The store as one worker reaches it: over a network that delays, refuses, loses answers and drops hints."""

import asyncio
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import msgspec

from engine.errors import StoreUnavailable
from engine.stepper import Stepper
from engine.stores.base import Commit, CommitAnswer, Conflict, Heard, Kept, SessionRef
from engine.stores.codec import encode_profile
from tests.simulation.replicated import Replicated

DEADLINE_S = 2.0
_LOCAL = frozenset({"partition_of", "durability", "partitions", "is_shared"})


class Fate(msgspec.Struct, frozen=True):
    """What becomes of one request: how long it takes there and back, and what goes wrong."""

    out_s: float
    back_s: float
    is_refused: bool = False
    is_lost: bool = False
    is_late: bool = False


class UnreliableStore:
    """A `Store` of one worker; every call goes over the network to what is the primary then."""

    def __init__(self, server: Replicated, owner: int) -> None:
        self.view = server.view()
        self.stepper: Stepper | None = None
        self.is_dead = False
        self._server = server
        self._owner = owner
        self._conflicted: set[SessionRef] = set()
        self._on_earlier: Callable[[int, int], None] | None = None
        self._on_work: Callable[[int], None] | None = None
        self.view.on_earlier_wake = self._pass_earlier
        self.view.on_work = self._pass_work

    def __getattr__(self, name: str) -> Any:
        if name in _LOCAL:
            return getattr(self.view, name)

        async def call(*args: Any, **given: Any) -> Any:
            return await self._ask(name, args, given)

        return call

    @property
    def on_earlier_wake(self) -> Callable[[int, int], None] | None:
        return self._on_earlier

    @on_earlier_wake.setter
    def on_earlier_wake(self, hear: Callable[[int, int], None] | None) -> None:
        self._on_earlier = hear

    @property
    def on_work(self) -> Callable[[int], None] | None:
        return self._on_work

    @on_work.setter
    def on_work(self, hear: Callable[[int], None] | None) -> None:
        self._on_work = hear

    async def now(self) -> int:
        await self._ask("presence", ((),), {})
        return self._server.now_ms()

    async def commit(self, commit: Commit) -> CommitAnswer:
        self._note_profile(commit)
        if self._server._weak.not_rearmed and commit.ref in self._conflicted:
            commit = msgspec.structs.replace(commit, wake_ms=None)
        answer: CommitAnswer = await self._ask("commit", (commit,), {})
        self._conflicted.discard(commit.ref)
        if isinstance(answer, Conflict):
            self._conflicted.add(commit.ref)
        return answer

    async def hints(self, worker: str) -> AsyncIterator[Heard]:
        async for heard in self.view.hints(worker):
            if not self._is_dropped():
                yield heard

    async def export(self, workspace: str, visitor: str) -> AsyncIterator[Kept]:
        await self._ask("presence", ((),), {})
        async for kept in self.view.export(workspace, visitor):
            yield kept

    async def close(self) -> None:
        self.is_dead = True

    # ---- the network

    async def _ask(self, name: str, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
        if self.is_dead:
            raise StoreUnavailable("none", 1_000, "the worker has ended")
        fate = self._fate()
        loop = self._server.loop
        if fate.is_refused:
            await asyncio.sleep(fate.out_s)
            raise StoreUnavailable("none", 250, "refused")
        answer: asyncio.Future[Any] = loop.create_future()

        def settle(value: Any, error: BaseException | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(value)

        def done(value: Any, error: BaseException | None) -> None:
            if not fate.is_lost:
                loop.later(fate.back_s, settle, value, error)

        self._send(fate, (name, args, given), done)
        unknown = StoreUnavailable("unknown", 1_000, "no answer")
        wait_s = self._chance.uniform(0.01, 0.3) if fate.is_lost or fate.is_late else DEADLINE_S
        deadline = loop.call_later(wait_s, settle, None, unknown)
        try:
            return await answer
        finally:
            deadline.cancel()

    def _send(
        self,
        fate: Fate,
        call: tuple[str, tuple[Any, ...], dict[str, Any]],
        done: Callable[..., None],
    ) -> None:
        self._server.loop.later(fate.out_s, self._server.run, self.view, call, done)

    def _fate(self) -> Fate:
        chance, options = self._chance, self._server.options
        delay_s = options.delay_ms / 1_000
        drawn = chance.random()
        is_refused = drawn < options.refused
        is_lost = not is_refused and drawn < options.refused + options.lost
        is_late = not is_lost and drawn > 1 - options.late
        out_s = chance.uniform(0.5, 2.0) if is_late else chance.uniform(0.0002, delay_s)
        return Fate(out_s, chance.uniform(0.0002, delay_s), is_refused, is_lost, is_late)

    @property
    def _chance(self) -> Random:
        return self._server.chance

    def _is_dropped(self) -> bool:
        return self._chance.random() < self._server.options.dropped

    # ---- hints of work

    def _pass_earlier(self, partition: int, due_ms: int) -> None:
        def hear() -> None:
            if self._on_earlier is not None:
                self._on_earlier(partition, due_ms)

        self._pass(hear)

    def _pass_work(self, partition: int) -> None:
        def hear() -> None:
            if self._on_work is not None:
                self._on_work(partition)

        self._pass(hear)

    def _pass(self, hear: Callable[[], None]) -> None:
        if not self.is_dead and not self._is_dropped():
            self._server.loop.later(self._fate().back_s, hear, owner=self._owner)

    # ---- what the step saw

    def _note_profile(self, commit: Commit) -> None:
        """Keep the profile by which a step decided that did not change it: its commit does not name it."""
        if commit.profile is not None or self.stepper is None:
            return
        hot = self.stepper._hot.get(commit.ref)
        if hot is not None:
            self._server.profiles[commit.op] = encode_profile(hot.profile)
