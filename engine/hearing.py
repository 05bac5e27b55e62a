"""What the other workers let this one hear, taken from the store one by one: hints of sessions and feeds, whispers."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from engine.listeners import Listeners
from engine.stores.base import FeedHint, Heard, Hint, Lost, Passing, SessionRef, Store, Whisper

AGAIN_S = 0.25
"""How long it is waited before hints are asked for again that broke off."""

_log = logging.getLogger("opportune.hints")


class FeedHearer(Protocol):
    """Who hears of feeds; everything returns at once and raises nothing."""

    def hear_newer(self, workspace: str, offset: int) -> None:
        """Learn that a workspace's feed has events up to `offset`."""
        ...

    def hear_passed(self, workspace: str, body: bytes) -> None:
        """Take what another worker shows."""
        ...

    def look_again(self) -> None:
        """Learn that something may be new in every feed."""
        ...


def _leave_it(_: SessionRef) -> None:
    """Keep nothing that could be forgotten."""


def _hear_nothing(_: SessionRef, __: bytes) -> None:
    """Tell nobody: no one listens to whispers."""


class Hearing:
    """Hears for one worker, and passes on to the listeners of sessions and of feeds."""

    def __init__(
        self,
        store: Store,
        worker: str,
        listeners: Listeners,
        note: Callable[[SessionRef, str, int], None],
    ) -> None:
        """Pass hints of sessions on to `listeners`, after `note` took session, epoch and offset."""
        self._store = store
        self._worker = worker
        self._listeners = listeners
        self._note = note
        self._task: asyncio.Task[None] | None = None
        self.feeds: FeedHearer | None = None
        self.on_erased: Callable[[SessionRef], None] = _leave_it
        """Called with a session of which nothing is kept any more, at once."""
        self.on_whisper: Callable[[SessionRef, bytes], None] = _hear_nothing
        """Called with what another worker tells the sockets of a session."""

    def start(self) -> None:
        """Begin on the running loop; in a store of one process there is nobody to hear of."""
        if self._store.is_shared:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="hints")

    async def stop(self) -> None:
        """Hear no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def take(self, heard: Heard) -> None:
        """Take one hint."""
        match heard:
            case Hint(epoch=""):
                self.on_erased(heard.ref)
            case Hint():
                self._note(heard.ref, heard.epoch, heard.offset)
                self._listeners.hear(heard)
            case FeedHint() if self.feeds is not None:
                self.feeds.hear_newer(heard.workspace, heard.offset)
            case Passing() if self.feeds is not None:
                self.feeds.hear_passed(heard.workspace, heard.body)
            case Whisper():
                self.on_whisper(heard.ref, heard.body)
            case Lost():
                self._listeners.hint_all()
                if self.feeds is not None:
                    self.feeds.look_again()
            case _:
                pass

    async def _run(self) -> None:
        while True:
            try:
                async for heard in self._store.hints(self._worker):
                    self.take(heard)
            except Exception:  # noqa: BLE001  # whatever it was, hints are asked for again
                _log.exception("hints broke off; they are asked for again")
            await asyncio.sleep(AGAIN_S)
            self.take(Lost())
