"""The documents of workspaces in Redis, each in its workspace's partition, and how often they changed."""

import asyncio
from collections.abc import Sequence

from engine.errors import StoreUnavailable
from engine.limits import DOCS_ROWS_MAX
from engine.stores.base import Doc, DocConflict, NamedDoc, StoredCause
from engine.stores.redis.keys import short, tail_of
from engine.stores.redis.outbox import causes_len_max, pack_cause
from engine.stores.redis.part import SLICE, RedisPart
from engine.stores.redis.replies import Reply, Word, script

_PUT = script("doc_put_1")
_HASHES = script("hashes_1")


class RedisDocuments(RedisPart):
    """The part of `Store` that keeps documents."""

    async def get_doc(self, workspace: str, kind: str, name: str) -> Doc | None:
        """See `Store.get_doc`."""
        self._check_open()
        place, key = self._keys.partition(workspace), self._doc(workspace, kind, name)
        return _doc(await self._client.read(place, "HMGET", key, "v", "b"))

    async def put_doc(
        self,
        workspace: str,
        kind: str,
        name: str,
        body: bytes | None,
        expect: int,
        *,
        causes: tuple[StoredCause, ...] = (),
    ) -> int | DocConflict:
        """See `Store.put_doc`."""
        self._check_open()
        place, keys = self._keys.partition(workspace), self._keys
        named = (
            self._doc(workspace, kind, name),
            self._names(workspace, kind),
            keys.of_workspace(place, "ch", workspace),
            keys.cause_order(place),
            keys.cause_bodies(place),
            keys.cause_number(place),
            keys.erased(place),
        )
        args: list[Word] = [self._time(), self._attempt(), expect, 0 if body is None else 1]
        args += [body or b"", name, kind, causes_len_max(self.partitions)]
        args += [keys.work_channel(place), self._work_told]
        for cause in causes:
            args += [cause.id, tail_of(cause.workspace, cause.visitor), pack_cause(cause)]
        match await self._client.run(place, _PUT, named, args):
            case [1, int(version)]:
                return version
            case [0, *found]:
                return DocConflict(_doc(found) if found else None)
            case _:
                raise StoreUnavailable("none", 1_000, "too many causes wait to be told")

    async def _doc_listed(self, workspace: str, kind: str, name: str) -> Doc | None:
        """Read a document of a list, in its turn: a list must not fill the lane."""
        place, key = self._keys.partition(workspace), self._doc(workspace, kind, name)
        return _doc(await self._fan_out.read(place, "HMGET", key, "v", "b"))

    async def list_docs(
        self, workspace: str, kind: str, before: str | None = None, limit: int = 100
    ) -> tuple[NamedDoc, ...]:
        """See `Store.list_docs`."""
        self._check_open()
        rows: list[NamedDoc] = []
        wanted = min(limit, DOCS_ROWS_MAX)
        while len(rows) < wanted:
            some = min(SLICE, wanted - len(rows))
            names = await self._names_below(workspace, kind, before, some)
            docs = await asyncio.gather(
                *(self._doc_listed(workspace, kind, name) for name in names)
            )
            # One that was removed since its name was read is no row.
            pairs = zip(names, docs, strict=True)
            rows += [NamedDoc(name, doc.version, doc.body) for name, doc in pairs if doc]
            if len(names) < some:
                break
            before = names[-1]
        return tuple(rows)

    async def changes(self, workspaces: Sequence[str]) -> dict[tuple[str, str], int]:
        """See `Store.changes`."""
        self._check_open()
        parts: dict[int, list[str]] = {}
        for workspace in dict.fromkeys(workspaces):
            parts.setdefault(self._keys.partition(workspace), []).append(workspace)
        slices = [
            (place, some[begin : begin + SLICE])
            for place, some in parts.items()
            for begin in range(0, len(some), SLICE)
        ]
        found = await asyncio.gather(*(self._changes(place, some) for place, some in slices))
        return {key: number for numbers in found for key, number in numbers.items()}

    async def _changes(self, place: int, workspaces: Sequence[str]) -> dict[tuple[str, str], int]:
        keys = [self._keys.of_workspace(place, "ch", workspace) for workspace in workspaces]
        hashes = await self._client.run(place, _HASHES, keys, (), durable=False)
        assert isinstance(hashes, list)
        return {
            (workspace, kind): number
            for workspace, fields in zip(workspaces, hashes, strict=True)
            for kind, number in _numbers(fields)
        }

    async def _names_below(
        self, workspace: str, kind: str, before: str | None, limit: int
    ) -> list[str]:
        place = self._keys.partition(workspace)
        end = b"+" if before is None else b"(" + before.encode()
        command = (
            "ZRANGE",
            self._names(workspace, kind),
            end,
            "-",
            "BYLEX",
            "REV",
            "LIMIT",
            0,
            limit,
        )
        names = await self._client.read(place, *command)
        assert isinstance(names, list)
        return [name.decode() for name in names if isinstance(name, bytes)]

    def _doc(self, workspace: str, kind: str, name: str) -> str:
        place = self._keys.partition(workspace)
        return self._keys.of_workspace(place, "doc", workspace, short(kind, name))

    def _names(self, workspace: str, kind: str) -> str:
        place = self._keys.partition(workspace)
        return self._keys.of_workspace(place, "dn", workspace, short(kind))


def _doc(found: Reply) -> Doc | None:
    match found:
        case [int() | bytes() as version, bytes(body)]:
            return Doc(int(version), body)
        case _:
            return None


def _numbers(fields: Reply) -> list[tuple[str, int]]:
    assert isinstance(fields, list)
    texts = [text.decode() for text in fields if isinstance(text, bytes)]
    return [(kind, int(number)) for kind, number in zip(texts[::2], texts[1::2], strict=True)]
