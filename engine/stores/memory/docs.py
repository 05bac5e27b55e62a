"""The documents of `memory:`, by workspace, kind and name."""

from collections.abc import Set as AbstractSet

from engine.stores.base import Doc, DocConflict, NamedDoc
from engine.stores.memory.names import Names


class Docs:
    """Documents and their versions; of a removed one the version stays."""

    def __init__(self) -> None:
        """Start empty."""
        self._docs: dict[tuple[str, str, str], tuple[int, bytes | None]] = {}
        self._names: dict[tuple[str, str], Names] = {}
        self._changes: dict[tuple[str, str], int] = {}

    def get(self, workspace: str, kind: str, name: str) -> Doc | None:
        """See `Store.get_doc`."""
        version, body = self._docs.get((workspace, kind, name), (0, None))
        return None if body is None else Doc(version, body)

    def put(self, key: tuple[str, str, str], body: bytes | None, expect: int) -> int | DocConflict:
        """See `Store.put_doc`."""
        last, kept = self._docs.get(key, (0, None))
        if expect != (0 if kept is None else last):
            return DocConflict(self.get(*key))
        self._docs[key] = (last + 1, body)
        self._changes[key[:2]] = self._changes.get(key[:2], 0) + 1
        names = self._names.setdefault(key[:2], Names())
        if body is None:
            names.discard(key[2])
        else:
            names.add(key[2])
        return last + 1

    def changes(self, workspaces: AbstractSet[str]) -> dict[tuple[str, str], int]:
        """See `Store.changes`."""
        return {of: number for of, number in self._changes.items() if of[0] in workspaces}

    def below(
        self, workspace: str, kind: str, before: str | None, limit: int
    ) -> tuple[NamedDoc, ...]:
        """See `Store.list_docs`."""
        names = self._names.get((workspace, kind), Names())
        rows = ((name, self._docs[workspace, kind, name]) for name in names.below(before, limit))
        return tuple(
            NamedDoc(name, version, body) for name, (version, body) in rows if body is not None
        )
