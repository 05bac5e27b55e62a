"""Finding all that Redis keeps of one visitor: it lies in their partition, in the workspace's, and by name."""

from collections.abc import AsyncIterator
from typing import cast

from engine.stores.base import SessionRef
from engine.stores.redis.deliveries import OWNER_CHARS, RedisDeliveries
from engine.stores.redis.keys import short
from engine.stores.redis.outbox import RedisOutbox
from engine.stores.redis.part import SLICE
from engine.stores.redis.records import unpack_alias

_VISITOR_KINDS = ("u", "d", "v", "va", "vq")


class RedisKept(RedisOutbox, RedisDeliveries):
    """What erasing and showing a visitor both begin with."""

    def _places_of(self, workspace: str, visitor: str) -> tuple[int, ...]:
        """Return the partitions in which something can wait for a visitor: theirs and the workspace's."""
        own, shared = self._keys.partition(workspace, visitor), self._keys.partition(workspace)
        return (own,) if own == shared else (own, shared)

    def _visitor_keys(self, workspace: str, visitor: str) -> list[str]:
        """Return the keys that are the visitor's alone: see `Keys.of_visitor`."""
        return [self._keys.of_visitor(kind, workspace, visitor) for kind in _VISITOR_KINDS]

    async def _causes_of(self, place: int, workspace: str, visitor: str) -> list[tuple[str, bytes]]:
        """Read (id, body) of a partition's causes that name a visitor."""
        found: list[tuple[str, bytes]] = []
        number, causes = await self._causes_after(place, 0, SLICE)
        while causes:
            theirs = (c for c in causes if (c.workspace, c.visitor) == (workspace, visitor))
            found += ((cause.id, cause.body) for cause in theirs)
            number, causes = await self._causes_after(place, number, SLICE)
        return found

    async def _pending_of(self, place: int, workspace: str, visitor: str) -> list[str]:
        """Name a visitor's pending deliveries in a partition."""
        key = self._pending(place)[2]
        members = self._begun_with(place, key, short(workspace, visitor))
        return [member[OWNER_CHARS:] async for member in members]

    async def _logged_of(self, workspace: str, visitor: str) -> list[tuple[str, str]]:
        """Read (endpoint's characters, id) of a visitor's deliveries in all logs of the workspace."""
        home = self._keys.partition(workspace)
        index = self._keys.of_workspace(home, "dv", workspace)
        members = self._begun_with(home, index, short(workspace, visitor))
        rows = [member[OWNER_CHARS:] async for member in members]
        return [(row[:OWNER_CHARS], row[OWNER_CHARS:]) for row in rows]

    async def _aliases_of(
        self, workspace: str, visitor: str
    ) -> list[tuple[str, bytes, SessionRef, int]]:
        """Read (alias, record, session, instant) of what stands for a visitor's sessions now."""
        home, key = self._of_visitor("va", workspace, visitor)
        found: list[tuple[str, bytes, SessionRef, int]] = []
        for text in cast("list[bytes]", await self._client.read(home, "SMEMBERS", key)):
            alias = text.decode()
            place = self._keys.partition_of_name(workspace, alias)
            raw = await self._client.read(place, "GET", self._keys.of_name("al", workspace, alias))
            if isinstance(raw, bytes):
                ref, at_ms = unpack_alias(workspace, raw)
                # The alias may stand for somebody else by now.
                if ref.visitor == visitor:
                    found.append((alias, raw, ref, at_ms))
        return found

    async def _begun_with(self, place: int, key: str, begin: str) -> AsyncIterator[str]:
        """Yield the members of a set without scores that begin so."""
        low, high = b"[" + begin.encode(), b"(" + begin.encode() + b"\xff"
        while True:
            command = ("ZRANGE", key, low, high, "BYLEX", "LIMIT", 0, SLICE)
            members = cast("list[bytes]", await self._client.read(place, *command))
            for member in members:
                yield member.decode()
            if len(members) < SLICE:
                return
            low = b"(" + members[-1]

    def _of_visitor(self, kind: str, workspace: str, visitor: str) -> tuple[int, str]:
        """Return a visitor's partition and a key in it."""
        home = self._keys.partition(workspace, visitor)
        return home, self._keys.of_visitor(kind, workspace, visitor)
