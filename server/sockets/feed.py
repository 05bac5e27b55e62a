"""What one tenant socket is sent: the feed's events in their order, and the newest of what passes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from engine.feeds import FeedRecord, LiveFeed, decode_record
from server.sockets.connection import TOO_SLOW
from server.sockets.topics import Wanted
from server.wire.sockets import Resume
from server.wire.tenant import ResyncOut, TenantFrame, event_out

QUEUED_BYTES_MAX = 256 * 1024
"""Wanted events that wait for a client; with more it is too slow: 4413."""

PASSING_LEN_MAX = 10_000
"""Visitors, campaigns and figures that wait for a client; beyond, the ones that wait longest are left out."""

LOOK_AGAIN_S = 30
"""A lost hint costs this long at most."""

Write = Callable[[TenantFrame], Awaitable[None]]
CloseSoon = Callable[[int], None]


class FeedReading:
    """The reading position of one dashboard. `turn` is held while anything changes or follows it."""

    def __init__(self, feed: LiveFeed, workspace: str, write: Write, close_soon: CloseSoon) -> None:
        """Send a workspace's feed through `write`, which raises when the client is gone."""
        self._feed = feed
        self._workspace = workspace
        self._write = write
        self._close_soon = close_soon
        self._hint = asyncio.Event()
        self._waiting: dict[int, int] = {}
        self._waiting_bytes = 0
        self._passing: dict[tuple[str, str], FeedRecord] = {}
        self._leave: Callable[[], None] | None = None
        self._is_resumed = True
        self.turn = asyncio.Lock()
        self.wanted = Wanted()
        self.epoch = ""
        self.offset = 0

    async def begin(self, resume: Resume | None) -> int:
        """Listen to the feed; returns its newest offset.

        Without `resume` only what comes from now on is sent, with it what was missed first.
        """
        self._leave = self._feed.listen(self._workspace, self)
        self.epoch, newest = await self._feed.place(self._workspace)
        self.offset = newest
        if resume is not None:
            self._is_resumed = resume.epoch == self.epoch and resume.offset <= newest
            self.offset = resume.offset if self._is_resumed else newest
        return newest

    def end(self) -> None:
        """Listen no more."""
        if self._leave is not None:
            self._leave()

    # ---- engine.feeds.FeedListener

    def hear_kept(self, record: FeedRecord, offset: int, size_bytes: int) -> None:
        """Look at the feed soon; a client that takes too little of it has to go."""
        if offset > self.offset and self.wanted.holds(record):
            self._waiting[offset] = size_bytes
            self._waiting_bytes += size_bytes
            if self._waiting_bytes > QUEUED_BYTES_MAX:
                self._close_soon(TOO_SLOW)
        self._hint.set()

    def hear_passing(self, record: FeedRecord, key: str) -> None:
        """Send an event of the present soon, if no newer one comes before."""
        if not self.wanted.holds(record):
            return
        place = (record.type, key)
        self._passing[place] = record
        if len(self._passing) > PASSING_LEN_MAX:
            del self._passing[next(iter(self._passing))]
        self._hint.set()

    def look_again(self) -> None:
        """Look at the feed soon."""
        self._hint.set()

    # ---- sending

    async def run(self) -> None:
        """Send what is new, at each hint and every 30 s, until the client is gone."""
        while True:
            async with self.turn:
                await self._send_kept()
                await self._send_passing()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._hint.wait()
            self._hint.clear()

    async def _send_kept(self) -> None:
        if not self._is_resumed:
            await self._resync(self.offset)
        while True:
            page = await self._feed.after(self._workspace, self.epoch, self.offset)
            if not page.recovered:
                self.epoch = page.epoch
                await self._resync(page.offset)
                return
            for event in page.events:
                record = decode_record(event.body)
                if self.wanted.holds(record):
                    await self._write(event_out(record, event.offset))
                self.offset = event.offset
                self._waiting_bytes -= self._waiting.pop(event.offset, 0)
            if not page.events:
                return

    async def _send_passing(self) -> None:
        while self._passing:
            place = next(iter(self._passing))
            await self._write(event_out(self._passing.pop(place), self.offset))

    async def _resync(self, offset: int) -> None:
        """Tell the client that events are missing, and go on from here."""
        self._is_resumed = True
        self.offset = offset
        self._waiting.clear()
        self._waiting_bytes = 0
        await self._write(ResyncOut(self.epoch, offset))
