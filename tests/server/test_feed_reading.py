"""The law of a dashboard's reading: however it comes and goes, it gets every event once, in order."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from engine.feeds import LiveFeed
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from server.sockets.feed import FeedReading
from server.wire.sockets import Resume
from server.wire.tenant import TenantEventOut, TenantFrame
from tests.engine.outbox.causes import cause

STEPS = st.lists(st.sampled_from(["publish", "leave", "come", "turn"]), max_size=40)


class Board:
    """A dashboard that resumes where it stopped."""

    def __init__(self, feed: LiveFeed) -> None:
        self.feed = feed
        self.seen: list[int] = []
        self.epoch = ""
        self.reading: FeedReading | None = None
        self.task: asyncio.Task[None] | None = None

    async def write(self, frame: TenantFrame) -> None:
        await asyncio.sleep(0)
        assert isinstance(frame, TenantEventOut)
        self.seen.append(frame.offset)

    async def come(self) -> None:
        if self.task is not None:
            return
        self.reading = FeedReading(self.feed, "w", self.write, lambda _: None)
        offset = self.seen[-1] if self.seen else 0
        resume = Resume(self.epoch, offset) if self.epoch else None
        await self.reading.begin(resume)
        self.epoch = self.reading.epoch
        self.task = asyncio.create_task(self.reading.run())

    async def leave(self) -> None:
        if self.task is None or self.reading is None:
            return
        self.reading.end()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.task = None


async def _run(steps: list[str]) -> None:
    store = await open_store("memory:", clock=ManualClock().now_ms)
    feed = LiveFeed(store)
    board, number = Board(feed), 0
    await board.come()
    for step in steps:
        if step == "publish":
            number += 1
            await feed.publish(cause(f"evt_{number}"))
        elif step == "leave":
            await board.leave()
        elif step == "come":
            await board.come()
        else:
            await asyncio.sleep(0)
    await board.come()
    async with asyncio.timeout(5):
        while len(board.seen) < number:  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0)
    await board.leave()
    await store.close()
    assert board.seen == list(range(1, number + 1))


@given(steps=STEPS)
def test_every_event_comes_once_and_in_order(steps: list[str]) -> None:
    asyncio.run(_run(steps))
