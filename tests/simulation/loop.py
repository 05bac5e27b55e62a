"""An event loop on virtual time: no selector, no threads; the same seed runs the same callbacks in the same order."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from heapq import heappop
from random import Random
from typing import TypeVarTuple

Ts = TypeVarTuple("Ts")

OWNER: ContextVar[int] = ContextVar("OWNER", default=0)
"""Whose process a callback belongs to; 0 is nobody's: the store, the clients, the world itself."""


class NothingLeft(RuntimeError):
    """Nothing is ready and nothing is scheduled: somebody waits for ever."""


def context_of(owner: int) -> Context:
    """Make the context in which the callbacks of a process run."""
    context = copy_context()
    context.run(OWNER.set, owner)
    return context


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs what is ready; when nothing is, time jumps to the next timer.

    Callbacks of one owner run first in, first out, as in a process. With `chance` it is drawn whose
    callback is next. A paused owner gets no turns; what is due for it waits, for ever when it died.
    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _stopping: bool

    def __init__(self, chance: Random | None = None) -> None:
        """Start at the instant 0."""
        super().__init__()
        self._now_s = 0.0
        self._chance = chance
        self._paused: dict[int, list[asyncio.Handle]] = {}
        self.turns = 0
        self.set_exception_handler(self._note_failure)
        self.failures: list[str] = []

    def time(self) -> float:
        """Return the seconds since the start."""
        return self._now_s

    def pause(self, owner: int) -> None:
        """Give an owner no turns."""
        self._paused.setdefault(owner, [])

    def resume(self, owner: int) -> None:
        """Give an owner its turns back, those that it missed first."""
        self._ready.extend(self._paused.pop(owner, ()))

    def is_paused(self, owner: int) -> bool:
        """Tell whether an owner gets no turns."""
        return owner in self._paused

    def later(
        self,
        delay_s: float,
        call: Callable[[*Ts], object],
        *args: *Ts,
        owner: int = 0,
    ) -> None:
        """Let something happen after a delay, in somebody's process."""
        self.call_at(self._now_s + delay_s, call, *args, context=context_of(owner))

    def _run_once(self) -> None:
        ready = self._ready
        self._wake_timers()
        while not ready and not self._stopping:
            self._jump()
        for _ in range(len(ready)):
            handle = self._next() if self._chance is not None else ready.popleft()
            if handle.cancelled():
                continue
            owner = handle._context.get(OWNER, 0)  # type: ignore[attr-defined]  # every handle has one
            if owner in self._paused:
                self._paused[owner].append(handle)
                continue
            self.turns += 1
            handle._run()

    def _jump(self) -> None:
        """Let time pass until the next timer."""
        if not self._scheduled:
            raise NothingLeft
        first = self._scheduled[0]
        self._now_s = max(self._now_s, first.when())
        self._wake_timers()

    def _wake_timers(self) -> None:
        scheduled = self._scheduled
        while scheduled and scheduled[0].when() <= self._now_s:
            handle = heappop(scheduled)
            handle._scheduled = False  # type: ignore[attr-defined]  # as the loop of the library does
            if not handle.cancelled():
                self._ready.append(handle)

    def _next(self) -> asyncio.Handle:
        """Draw whose turn it is, and take the first of what waits for that one."""
        assert self._chance is not None
        ready = self._ready
        if len(ready) == 1:
            return ready.popleft()
        firsts: dict[int, int] = {}
        for place, handle in enumerate(ready):
            firsts.setdefault(handle._context.get(OWNER, 0), place)  # type: ignore[attr-defined]
        place = self._chance.choice(list(firsts.values())) if len(firsts) > 1 else 0
        handle = ready[place]
        del ready[place]
        return handle

    def _note_failure(self, _: asyncio.AbstractEventLoop, failed: dict[str, object]) -> None:
        self.failures.append(f"{failed.get('message')}: {failed.get('exception')!r}")

    # ---- what the library's loop asks of a selector

    def _process_events(self, event_list: object) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nobody has to be woken."""
