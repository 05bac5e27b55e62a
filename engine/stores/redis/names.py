"""How the Redis store finds a session by a client's own id (alias) or by an id of something of it."""

from typing import cast

from engine.limits import ALIAS_KEPT_MS, SESSION_MS_MAX
from engine.stores.records import SessionRef
from engine.stores.redis.keys import tail_of, unpack_ref
from engine.stores.redis.part import SETTLED_MS, RedisPart
from engine.stores.redis.records import pack_alias, unpack_alias, unpack_spot
from engine.stores.redis.replies import Word, script

# A session that an alias stands for may live on; the record outlives it.
_ALIAS_RECORD_MS = ALIAS_KEPT_MS + SESSION_MS_MAX
_ALIAS_NOTE_MS = _ALIAS_RECORD_MS + SESSION_MS_MAX
_ALIAS_NOTE = script("alias_note")
_ALIAS_SET = script("alias_set")


class RedisNames(RedisPart):
    """The part of `Store` that leads to sessions."""

    async def resolve(
        self, alias: str, fresh: SessionRef, *, ended: str | None = None
    ) -> SessionRef:
        """See `Store.resolve`."""
        self._check_open()
        workspace, now_ms = fresh.workspace, self._now_ms()
        raw, found = await self._read_alias(workspace, alias)
        if found is not None and found[0].session != ended:
            if now_ms - found[1] >= SETTLED_MS:
                return found[0]
            return await self._set_alias(workspace, alias, raw, raw)
        if not await self._note_alias(alias, fresh):
            return fresh
        made = pack_alias(fresh, now_ms)
        resolved = await self._set_alias(workspace, alias, raw, made)
        if resolved == fresh and await self._is_erased(fresh):
            # The erasure may have looked for aliases just before this one was written.
            await self._set_alias(workspace, alias, made, b"")
        return resolved

    async def find_alias(self, workspace: str, alias: str) -> SessionRef | None:
        """See `Store.find_alias`."""
        self._check_open()
        _, found = await self._read_alias(workspace, alias)
        return None if found is None else found[0]

    async def find(self, workspace: str, name: str) -> SessionRef | None:
        """See `Store.find`."""
        self._check_open()
        keys = self._keys
        key = keys.of_name("ref", workspace, name)
        spot = await self._client.read(keys.partition_of_name(workspace, name), "GET", key)
        if spot is None:
            return None
        partition, *tail = unpack_spot(cast("bytes", spot))
        reply = await self._client.read(
            partition, "HMGET", keys.of(partition, "n", *tail), "", name
        )
        place, known = cast("list[bytes | None]", reply)
        # A name may have been noted for a commit that was never made.
        return None if place is None or known is None else unpack_ref(place)

    async def _read_alias(
        self, workspace: str, alias: str
    ) -> tuple[bytes, tuple[SessionRef, int] | None]:
        """Read an alias's record, and the session and instant it says; None when its time is over."""
        key = self._keys.of_name("al", workspace, alias)
        partition = self._keys.partition_of_name(workspace, alias)
        raw = cast("bytes | None", await self._client.read(partition, "GET", key))
        if raw is None:
            return b"", None
        ref, at_ms = unpack_alias(workspace, raw)
        is_over = at_ms <= self._now_ms() - ALIAS_KEPT_MS and not await self._is_kept(ref)
        return raw, None if is_over else (ref, at_ms)

    async def _set_alias(self, workspace: str, alias: str, read: bytes, made: bytes) -> SessionRef:
        """Write an alias's record over the one that was read; answer the session of what stands then."""
        reply = await self._client.run(
            self._keys.partition_of_name(workspace, alias),
            _ALIAS_SET,
            [self._keys.of_name("al", workspace, alias)],
            [read, made, _ALIAS_RECORD_MS],
        )
        return unpack_alias(workspace, cast("bytes", reply) or read)[0]

    async def _note_alias(self, alias: str, ref: SessionRef) -> bool:
        """Note an alias with its visitor; False: the visitor was erased."""
        workspace, visitor = ref.workspace, ref.visitor
        partition = self._keys.partition(workspace, visitor)
        keys = [self._keys.erased(partition), self._keys.of_visitor("va", workspace, visitor)]
        args: list[Word] = [self._time(), tail_of(workspace, visitor), alias, _ALIAS_NOTE_MS]
        return await self._client.run(partition, _ALIAS_NOTE, keys, args) == 1

    async def _is_erased(self, ref: SessionRef) -> bool:
        partition = self._keys.partition(ref.workspace, ref.visitor)
        member = tail_of(ref.workspace, ref.visitor)
        until = await self._client.read(partition, "ZSCORE", self._keys.erased(partition), member)
        return until is not None and float(cast("bytes", until)) > self._now_ms()

    async def _is_kept(self, ref: SessionRef) -> bool:
        partition = self._keys.partition(ref.workspace, ref.visitor)
        return (
            await self._client.read(partition, "HEXISTS", self._keys.of_session("s", ref), "v") == 1
        )
