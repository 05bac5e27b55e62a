"""The feeds of workspaces in Redis, and what workers that watch one hear of it."""

import asyncio
from collections import ChainMap
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from engine.limits import FEED_KEPT_MAX
from engine.stores.base import FeedEvent, FeedHint, FeedPage, Passing
from engine.stores.redis.part import RedisPart
from engine.stores.redis.replies import script

_ADD = script("feed_add_1")
_READ = script("feed_read_1")
_CLEAR = script("feed_clear_1")

# What a feed's channel carries begins so: an offset in digits, or who passes on and what.
_OFFSET = b"o"
_PASSING = b"p"
_BEHIND_SENDER = b" "


class RedisFeed(RedisPart):
    """The part of `Store` that dashboards follow."""

    # By worker: the channels it watches, and the workspace of each.
    _feeds_watched: dict[str, dict[str, str]]

    async def feed_add(self, workspace: str, event: str, body: bytes) -> int:
        """See `Store.feed_add`."""
        self._check_open()
        home, channel = self._keys.partition(workspace), self._keys.feed_channel(workspace)
        keys = [self._keys.of_workspace(home, kind, workspace) for kind in ("feed", "fe", "fi")]
        args = (self._time(), event, body, FEED_KEPT_MAX, channel, _OFFSET)
        offset = await self._client.run(home, _ADD, keys, args)
        assert isinstance(offset, int)
        return offset

    async def feed_after(
        self, workspace: str, epoch: str | None, after: int, limit: int = 256
    ) -> FeedPage:
        """See `Store.feed_after`."""
        self._check_open()
        home = self._keys.partition(workspace)
        keys = [self._keys.of_workspace(home, kind, workspace) for kind in ("feed", "fe")]
        args = (self._time(), epoch or "", after, max(0, min(limit, FEED_KEPT_MAX)))
        match await self._client.run(home, _READ, keys, args, durable=False):
            case [bytes(named), int(offset), int(is_whole), int(first), list(bodies)]:
                numbered = enumerate(bodies, first + 1)
                events = [FeedEvent(n, body) for n, body in numbered if isinstance(body, bytes)]
                return FeedPage(named.decode(), offset, is_whole == 1, tuple(events))
            case unexpected:
                raise AssertionError(unexpected)

    async def feed_clear(self, workspace: str) -> None:
        """See `Store.feed_clear`."""
        self._check_open()
        home, channel = self._channel(workspace)
        keys = [self._keys.of_workspace(home, kind, workspace) for kind in ("feed", "fe", "fi")]
        await self._client.run(home, _CLEAR, keys, (self._time(), channel, _OFFSET))

    async def watch_feeds(self, worker: str, workspaces: AbstractSet[str]) -> None:
        """See `Store.watch_feeds`."""
        self._check_open()
        before = self._watched_by_any()
        channels = {self._keys.feed_channel(workspace): workspace for workspace in workspaces}
        self._feeds_watched[worker] = channels
        wanted = self._watched_by_any()
        heard = self._client.channels
        changes = [
            *(heard.subscribe(*self._channel(wanted[name])) for name in wanted.keys() - before),
            *(heard.unsubscribe(*self._channel(before[name])) for name in before.keys() - wanted),
        ]
        await asyncio.gather(*changes)

    async def pass_on(self, workspace: str, body: bytes) -> None:
        """See `Store.pass_on`."""
        self._check_open()
        home, channel = self._channel(workspace)
        told = _PASSING + self._work_told + _BEHIND_SENDER + body
        await self._client.write(home, "SPUBLISH", channel, told, durable=False)

    def hear_feed(self, channel: str, told: bytes) -> bool:
        """Take what a channel carries; False: it is no feed that anybody watches here."""
        workspace = self._watched_by_any().get(channel)
        if workspace is None:
            return False
        if told.startswith(_OFFSET):
            self._let_hear(channel, FeedHint(workspace, int(told[1:])))
            return True
        sender, _, body = told[1:].partition(_BEHIND_SENDER)
        if sender != self._work_told:
            self._let_hear(channel, Passing(workspace, body))
        return True

    def _let_hear(self, channel: str, heard: FeedHint | Passing) -> None:
        for worker, watched in self._feeds_watched.items():
            if channel in watched:
                self._hints.put(worker, heard)

    def _watched_by_any(self) -> Mapping[str, str]:
        return ChainMap(*self._feeds_watched.values())

    def _channel(self, workspace: str) -> tuple[int, str]:
        return self._keys.partition(workspace), self._keys.feed_channel(workspace)
