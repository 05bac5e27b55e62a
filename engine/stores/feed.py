"""The newest events of each workspace, in memory, numbered for those who come back."""

from collections import deque

import msgspec

from engine.limits import FEED_KEPT_MAX
from engine.stores.base import FeedEvent, FeedPage


class _Feed(msgspec.Struct):
    """One workspace's events: `events` and `ids` in the same order, `offsets` by id."""

    events: deque[FeedEvent] = msgspec.field(default_factory=deque)
    ids: deque[str] = msgspec.field(default_factory=deque)
    offsets: dict[str, int] = msgspec.field(default_factory=dict)
    offset: int = 0
    clears: int = 0


class Feeds:
    """What `Store.feed_add` and `Store.feed_after` promise, for a store within one process."""

    def __init__(self, now_ms: int) -> None:
        """Start empty; the epoch is named by this instant."""
        self._epoch = format(now_ms, "x")
        self._feeds: dict[str, _Feed] = {}

    def add(self, workspace: str, event: str, body: bytes) -> int:
        """See `Store.feed_add`."""
        feed = self._feeds.setdefault(workspace, _Feed())
        known = feed.offsets.get(event)
        if known is not None:
            return known
        feed.offset += 1
        feed.events.append(FeedEvent(feed.offset, body))
        feed.ids.append(event)
        feed.offsets[event] = feed.offset
        if len(feed.events) > FEED_KEPT_MAX:
            feed.events.popleft()
            del feed.offsets[feed.ids.popleft()]
        return feed.offset

    def clear(self, workspace: str) -> None:
        """See `Store.feed_clear`; the numbers go on, so that who reads on from them is told."""
        feed = self._feeds.get(workspace, _Feed())
        self._feeds[workspace] = _Feed(offset=feed.offset, clears=feed.clears + 1)

    def offset(self, workspace: str) -> int:
        """Tell the offset of the newest event, 0 = none."""
        feed = self._feeds.get(workspace)
        return 0 if feed is None else feed.offset

    def after(self, workspace: str, epoch: str | None, after: int, limit: int) -> FeedPage:
        """See `Store.feed_after`."""
        feed = self._feeds.get(workspace, _Feed())
        current = f"{self._epoch}-{feed.clears}" if feed.clears else self._epoch
        before_oldest = feed.offset - len(feed.events)
        is_recovered = epoch is None or (epoch == current and before_oldest <= after <= feed.offset)
        begin = max(after if is_recovered else 0, before_oldest)
        end = min(feed.offset, begin + min(limit, FEED_KEPT_MAX))
        places = range(begin - before_oldest, end - before_oldest)
        found = tuple(feed.events[place] for place in places)
        return FeedPage(current, feed.offset, is_recovered, found)
