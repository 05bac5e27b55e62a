"""The loop that takes wake-ups from the store when they are due: it sleeps, it does not poll."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from engine.errors import StoreUnavailable
from engine.limits import WAKE_RETRY_MS, WAKES_AT_ONCE_MAX
from engine.stores.base import SessionRef, Store

_log = logging.getLogger("opportune.wakes")


class WakeLoop:
    """Claims due sessions and lets `wake(ref, due_ms)` take each; idle CPU is zero with nothing due."""

    def __init__(self, store: Store, wake: Callable[[SessionRef, int], Awaitable[None]]) -> None:
        """Claim from `store`; nothing runs before `start`."""
        self._store = store
        self._wake = wake
        self._earlier = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.late_ms_max = 0

    def start(self) -> None:
        """Begin on the running loop."""
        self._store.on_earlier_wake = self._note_earlier
        self._task = asyncio.get_running_loop().create_task(self._run(), name="wake-ups")

    async def stop(self) -> None:
        """End after the wake-ups under way."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def _note_earlier(self, due_ms: int) -> None:
        self._earlier.set()

    async def _run(self) -> None:
        while True:
            self._earlier.clear()
            try:
                pause_ms = await self.take_due()
            except StoreUnavailable:
                pause_ms = WAKE_RETRY_MS
            if pause_ms is None or pause_ms > 0:
                await self._sleep(pause_ms)

    async def take_due(self) -> int | None:
        """Take what is due now; returns the milliseconds until the next one, None for nothing pending."""
        due = await self._store.claim_due(limit=WAKES_AT_ONCE_MAX)
        if due.sessions:
            self.late_ms_max = max(self.late_ms_max, due.now_ms - due.sessions[0][1])
            await asyncio.shield(
                asyncio.gather(*(self._take(ref, at_ms) for ref, at_ms in due.sessions))
            )
            if len(due.sessions) == WAKES_AT_ONCE_MAX:
                return 0
        if due.next_ms is None:
            return None
        return max(0, due.next_ms - await self._store.now())

    async def _take(self, ref: SessionRef, due_ms: int) -> None:
        try:
            await self._wake(ref, due_ms)
        except StoreUnavailable:
            # The claim's lease ends and the session falls due again: nothing is lost.
            _log.warning("a wake-up waits: the store is unavailable")
        except Exception:  # noqa: BLE001  # one session's bug must not stop the others' wake-ups
            _log.exception("a wake-up failed; it falls due again when its claim ends")

    async def _sleep(self, pause_ms: int | None) -> None:
        if pause_ms is None:
            await self._earlier.wait()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_ms / 1_000):
                await self._earlier.wait()
