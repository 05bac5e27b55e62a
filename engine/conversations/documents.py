"""A workspace document as one value that many change: read, change, write, and again when somebody was quicker."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from engine.errors import StoreUnavailable
from engine.limits import ATTEMPTS_MAX
from engine.stores.base import DocConflict, Store

T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R")

RETRY_MS = 500
"""When to ask again after ATTEMPTS_MAX other workers were quicker, one after the other."""


class Documents(Generic[T]):
    """The documents of one kind, each one value of one struct; changes of this process take turns."""

    def __init__(self, store: Store, kind: str, empty: T) -> None:
        """Keep them in `store`; a document that is not there reads as `empty`.

        Their names are configured ids: that bounds how many turns there are to keep.
        """
        self._store = store
        self._kind = kind
        self._empty = empty
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(type(empty)).decode
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}

    async def read(self, workspace: str, name: str) -> T:
        """Return a document as it is now."""
        return (await self._load(workspace, name))[1]

    async def change(self, workspace: str, name: str, alter: Callable[[T], tuple[T, R]]) -> R:
        """Replace a document by what `alter` makes of it, and return what `alter` says beside.

        Nothing is written when `alter` returns an equal value. It is called again after a conflict.

        Raises:
            StoreUnavailable: the store does not answer, or others were quicker ATTEMPTS_MAX times.
        """
        async with self._turns.setdefault((workspace, name), asyncio.Lock()):
            version, value = await self._load(workspace, name)
            for _ in range(ATTEMPTS_MAX):
                changed, said = alter(value)
                if changed == value:
                    return said
                body = self._encode(changed)
                done = await self._store.put_doc(workspace, self._kind, name, body, version)
                if not isinstance(done, DocConflict):
                    return said
                version, value = self._read(done)
        raise StoreUnavailable("none", RETRY_MS, f"the {self._kind} document changes too often")

    async def _load(self, workspace: str, name: str) -> tuple[int, T]:
        doc = await self._store.get_doc(workspace, self._kind, name)
        return (0, self._empty) if doc is None else (doc.version, self._decode(doc.body))

    def _read(self, conflict: DocConflict) -> tuple[int, T]:
        if conflict.doc is None:
            return 0, self._empty
        return conflict.doc.version, self._decode(conflict.doc.body)
