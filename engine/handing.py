"""What was written to visitors' sockets, noted in their sessions some at a time; no socket waits for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from engine.errors import StoreUnavailable
from engine.stores.base import SessionRef

GATHER_S = 0.02
"""How long reports are gathered, so that one write to a disk or a server takes many of them."""

AT_ONCE_MAX = 16
"""Sessions whose reports are noted at once; then the loop gets a turn."""

WAITING_LEN_MAX = 10_000
"""Sessions with reports to note; of a further one the oldest is forgotten, and its messages stay `sent`."""

RETRY_S = 0.25
"""How long it is waited when the store does not answer."""

_log = logging.getLogger("opportune.handing")

Note = Callable[[SessionRef, Sequence[str]], Awaitable[None]]
"""Notes in a session that messages, by their ids, were written to a socket; twice is once."""


async def _failure_of(note: Awaitable[None]) -> Exception | None:
    try:
        await note
    except Exception as failure:  # noqa: BLE001  # told as `gather` does
        return failure
    return None


def _tell_nobody(_: Sequence[str]) -> None:
    """Keep to oneself what was noted."""


class Handing:
    """Reports of what was written to sockets; one that is lost with the process costs a status alone."""

    def __init__(self, note: Note, *, waits: bool = True) -> None:
        """Note by `note`, on the loop that runs when the first report comes.

        `waits` False: a note is made without waiting for anything, so one comes after the other.
        """
        self._note = note
        self._waits = waits
        self._waiting: dict[SessionRef, list[str]] = {}
        self._task: asyncio.Task[None] | None = None
        self.on_noted: Callable[[Sequence[str]], None] = _tell_nobody
        """Called with the ids of messages once it is kept that they were handed out."""

    def add(self, ref: SessionRef, message_ids: Sequence[str]) -> None:
        """Take a report; returns at once."""
        if ref not in self._waiting and len(self._waiting) >= WAITING_LEN_MAX:
            del self._waiting[next(iter(self._waiting))]
        self._waiting.setdefault(ref, []).extend(message_ids)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="handing")

    async def stop(self) -> None:
        """Note what is left, as far as the store takes it."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        with suppress(StoreUnavailable):
            await self._note_all()

    # ---- inside

    async def _run(self) -> None:
        pause_s = GATHER_S
        while self._waiting:
            await asyncio.sleep(pause_s)
            try:
                await self._note_all()
                pause_s = GATHER_S
            except StoreUnavailable:
                pause_s = RETRY_S
        self._task = None

    async def _note_all(self) -> None:
        """Note all that waits, the oldest first.

        Raises:
            StoreUnavailable: what could not be noted waits on.
        """
        while self._waiting:
            some = dict(list(self._waiting.items())[:AT_ONCE_MAX])
            for ref in some:
                del self._waiting[ref]
            try:
                answers = await self._note_some(some)
            except asyncio.CancelledError:
                self._put_back(some)
                raise
            self._look_over(some, answers)

    async def _note_some(
        self, some: Mapping[SessionRef, Sequence[str]]
    ) -> Sequence[BaseException | None]:
        if self._waits:
            notes = [self._note(ref, ids) for ref, ids in some.items()]
            return await asyncio.gather(*notes, return_exceptions=True)
        await asyncio.sleep(0)
        return [await _failure_of(self._note(ref, ids)) for ref, ids in some.items()]

    def _look_over(
        self, some: dict[SessionRef, list[str]], answers: Sequence[BaseException | None]
    ) -> None:
        failed: dict[SessionRef, list[str]] = {}
        for (ref, ids), answer in zip(some.items(), answers, strict=True):
            if answer is None:
                self.on_noted(ids)
            elif isinstance(answer, StoreUnavailable):
                failed[ref] = ids
            else:
                _log.error("what %s was handed could not be noted", ref.session, exc_info=answer)
        if failed:
            self._put_back(failed)
            raise StoreUnavailable("none", int(RETRY_S * 1_000))

    def _put_back(self, some: dict[SessionRef, list[str]]) -> None:
        for ref, ids in self._waiting.items():
            some.setdefault(ref, []).extend(ids)
        self._waiting = dict(list(some.items())[-WAITING_LEN_MAX:])
