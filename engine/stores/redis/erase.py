"""Erasing a visitor in Redis: first the tombstone, then everything in slices; safe to do again at any point."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import cast

from engine.errors import StoreUnavailable
from engine.limits import ERASED_KEPT_MS
from engine.stores.base import SessionRef
from engine.stores.redis.hints import pack_erased
from engine.stores.redis.kept import RedisKept
from engine.stores.redis.keys import pack_ref, short, tail_of, unpack_ref, workspace_key
from engine.stores.redis.part import SLICE
from engine.stores.redis.records import pack_listed, pack_spot
from engine.stores.redis.replies import script

_BEGIN = script("erase_begin_1")
_VISITOR = script("erase_visitor_1")
_SESSION = script("erase_session_1")
_DECISIONS = script("erase_decisions_1")
_ROW = script("erase_row_1")
_PENDING = script("delivery_settle_1")
_DROP = script("value_drop_1")


class RedisErase(RedisKept):
    """The part of `Store` that forgets visitors."""

    # Partitions whose servers still have to write their files anew.
    _rewrites_owed: frozenset[int] = frozenset()

    async def erase(self, workspace: str, visitor: str) -> bool:
        """See `Store.erase`."""
        self._check_open()
        places = set(self._places_of(workspace, visitor))
        await self._entomb(sorted(places), tail_of(workspace, visitor))
        if not await self._is_anything_kept(workspace, visitor):
            return False
        await self._erase_waiting(workspace, visitor)
        await self._erase_log(workspace, visitor)
        places |= await self._erase_aliases(workspace, visitor)
        await self._erase_sessions(workspace, visitor)
        await self._erase_decisions(workspace, visitor)
        await self._erase_visitor(workspace, visitor)
        await self._rewrite_files(places | self._rewrites_owed)
        return True

    async def _entomb(self, places: Sequence[int], whose: str) -> None:
        for place in places:
            args = (self._time(), whose, ERASED_KEPT_MS)
            await self._client.run(place, _BEGIN, (self._keys.erased(place),), args)

    async def _is_anything_kept(self, workspace: str, visitor: str) -> bool:
        """Look in the way that things go: causes become deliveries, which end in a log."""
        home, keys = (
            self._keys.partition(workspace, visitor),
            self._visitor_keys(workspace, visitor),
        )
        if await self._client.read(home, "EXISTS", *keys):
            return True
        for place in self._places_of(workspace, visitor):
            if await self._causes_of(place, workspace, visitor):
                return True
            if await self._pending_of(place, workspace, visitor):
                return True
        return bool(await self._logged_of(workspace, visitor))

    async def _erase_waiting(self, workspace: str, visitor: str) -> None:
        """Remove causes before deliveries: from then on no delivery comes of them."""
        for place in self._places_of(workspace, visitor):
            causes = [name for name, _ in await self._causes_of(place, workspace, visitor)]
            for begin in range(0, len(causes), SLICE):
                await self._settle_causes(place, causes[begin : begin + SLICE], ())
            owner, keys = short(workspace, visitor), self._pending(place)
            for name in await self._pending_of(place, workspace, visitor):
                await self._client.run(place, _PENDING, keys, (name, owner + name, "", ""))

    async def _erase_log(self, workspace: str, visitor: str) -> None:
        home, of_workspace = self._keys.partition(workspace), self._keys.of_workspace
        owner, index = short(workspace, visitor), of_workspace(home, "dv", workspace)
        for endpoint, name in await self._logged_of(workspace, visitor):
            keys = [of_workspace(home, kind, workspace, endpoint) for kind in ("dl", "ds", "dh")]
            args = (name, owner + endpoint + name)
            await self._client.run(home, _ROW, (*keys, index), args)

    async def _erase_aliases(self, workspace: str, visitor: str) -> set[int]:
        """Remove aliases, and return the partitions in which they lay."""
        aliases = await self._aliases_of(workspace, visitor)
        for alias, record, *_ in aliases:
            await self._drop("al", workspace, alias, record)
        return {self._keys.partition_of_name(workspace, alias) for alias, *_ in aliases}

    async def _erase_sessions(self, workspace: str, visitor: str) -> None:
        home, key = self._of_visitor("v", workspace, visitor)
        while places := await self._client.read(home, "ZRANGE", key, 0, SLICE - 1):
            for place in cast("list[bytes]", places):
                await self._erase_session(unpack_ref(place))

    async def _erase_session(self, ref: SessionRef) -> None:
        """Remove a session: the names that lead to it first, its list of them last."""
        keys, home = self._keys, self._keys.partition(ref.workspace, ref.visitor)
        names = await self._client.read(home, "HKEYS", keys.of_session("n", ref))
        await self._drop_names(ref, cast("list[bytes]", names))
        named = (
            *(keys.of_session(kind, ref) for kind in ("s", "m", "j", "n")),
            keys.of_visitor("v", ref.workspace, ref.visitor),
            keys.of_workspace(home, "ix", ref.workspace),
            *(keys.due(home), keys.claims(home), keys.aged("en", home), keys.aged("jx", home)),
        )
        told = (keys.hint_channel(home, ""), pack_erased(ref))
        await self._client.run(home, _SESSION, named, (pack_ref(ref), pack_listed(ref), *told))

    async def _drop_names(self, ref: SessionRef, names: Sequence[bytes]) -> None:
        """Let names lead to this session no more; those that lead to another now stay."""
        place = self._keys.partition(ref.workspace, ref.visitor)
        spot = pack_spot(place, workspace_key(ref.workspace), short(ref.visitor, ref.session))
        # The empty one is the place beside the names.
        texts = [name.decode() for name in names if name]
        for begin in range(0, len(texts), SLICE):
            some = texts[begin : begin + SLICE]
            await asyncio.gather(*(self._drop("ref", ref.workspace, one, spot) for one in some))

    async def _erase_decisions(self, workspace: str, visitor: str) -> None:
        home, key = self._of_visitor("vq", workspace, visitor)
        while ids := await self._client.read(home, "ZRANGE", key, 0, SLICE - 1):
            await self._drop_decisions(workspace, visitor, cast("list[bytes]", ids))

    async def _drop_decisions(self, workspace: str, visitor: str, ids: Sequence[bytes]) -> None:
        """Remove at most 128 decisions of a visitor."""
        home, key = self._of_visitor("vq", workspace, visitor)
        of_workspace = self._keys.of_workspace
        lists = (of_workspace(home, kind, workspace) for kind in ("dx", "db"))
        await self._client.run(home, _DECISIONS, (key, *lists), ids)

    async def _drop(self, kind: str, workspace: str, name: str, value: bytes) -> None:
        """Remove an alias's or a name's record that is still as it was read."""
        place = self._keys.partition_of_name(workspace, name)
        await self._client.run(place, _DROP, (self._keys.of_name(kind, workspace, name),), (value,))

    async def _erase_visitor(self, workspace: str, visitor: str) -> None:
        home = self._keys.partition(workspace, visitor)
        keys = (*self._visitor_keys(workspace, visitor), self._keys.aged("ux", home))
        await self._client.run(home, _VISITOR, keys, (tail_of(workspace, visitor),))

    async def _rewrite_files(self, places: Iterable[int]) -> None:
        """Ask the servers to write their files anew; one that is busy with it is asked again by the next sweep."""
        owed = set()
        for place in places:
            try:
                await self._client.write(place, "BGREWRITEAOF", durable=False)
            except (RuntimeError, StoreUnavailable):
                owed.add(place)
        self._rewrites_owed = frozenset(owed)
