"""API keys in force: those of the configuration file, and those made while the server has its store.

A key of the store is the document `api_key` of its id, its latest use the document `api_key_use`.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from engine.errors import StoreUnavailable
from engine.ids import Ids, RandomBytes
from engine.stores.base import Doc, DocConflict, Store
from server.access.api_keys import make_api_key
from server.access.scopes import EVERY_SCOPE, SCOPES
from server.workspace_settings import Workspace

KEYS_MAX = 100
"""Keys of the store in one workspace; then the longest revoked is forgotten, without one none is made."""

ACTIVE_OF_A_NAME_MAX = 2
"""Active keys of one name: the old one and its successor."""

NAME_CHARS_MAX = 200
HOUR_MS = 3_600_000

KIND = "api_key"
"""Kind of the documents that keys are kept as."""

_USE_KIND = "api_key_use"
_SLICE = 500


class KeyRefused(Exception):
    """A key cannot be made or revoked; the sentence says what to do."""


class StoredKey(msgspec.Struct, frozen=True):
    """A key as kept in the store: never the key itself; `revoked_ms` 0 = in force."""

    id: str
    name: str
    sha256: str
    last4: str
    scopes: tuple[str, ...]
    created_ms: int
    revoked_ms: int = 0


class KnownKey(msgspec.Struct, frozen=True):
    """A key in force: whose it is, and what it may; `per_minute` None = the workspace's limit."""

    workspace: Workspace
    name: str
    sha256: str
    scopes: frozenset[str]
    per_minute: int | None = None
    expires_ms: int | None = None


class KeyRow(msgspec.Struct, frozen=True):
    """A key in a list; times are Unix ms, 0 = never; `id` "" is a key of the file."""

    id: str
    name: str
    origin: Literal["file", "store"]
    last4: str
    scopes: tuple[str, ...]
    created_ms: int
    last_used_ms: int
    revoked_ms: int
    expires_ms: int = 0


class KeyRing:
    """Finds keys by their digest; makes and revokes keys of the store, in force at once."""

    def __init__(self, workspaces: Sequence[Workspace], store: Store) -> None:
        """Know the keys of the file; `load` adds those of the store."""
        self._workspaces = {workspace.id: workspace for workspace in workspaces}
        self._store = store
        self._of_file = {known.sha256: known for known in _keys_of_file(workspaces)}
        self._of_store: Mapping[str, KnownKey] = {}
        self._used: dict[str, int] = {}
        self._writes: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Read the keys of the store; those revoked meanwhile are in force no more."""
        for workspace in self._workspaces:
            await self.reload(workspace)

    async def reload(self, workspace: str) -> None:
        """Read the store's keys of one workspace again; another process may have made or revoked some."""
        owner = self._owner(workspace)
        found = {
            key.sha256: _known(owner, key)
            for key, _ in await self._stored(workspace)
            if not key.revoked_ms
        }
        others = {
            digest: known
            for digest, known in self._of_store.items()
            if known.workspace.id != workspace
        }
        self._of_store = {**others, **found}

    def find(self, sha256: str) -> KnownKey | None:
        """Return the key in force with this digest (hex of the whole key)."""
        return self._of_file.get(sha256) or self._of_store.get(sha256)

    # ---- making, listing, revoking

    async def create(  # noqa: PLR0913  # a key's parts, by name
        self,
        workspace: str,
        name: str,
        *,
        label: Literal["live", "test"],
        scopes: Sequence[str],
        ids: Ids,
        random_bytes: RandomBytes,
        now_ms: int,
    ) -> tuple[KeyRow, str]:
        """Make a key; the second of the answer is the key itself, which is kept nowhere.

        Raises KeyRefused: unknown workspace or scope, a bad name, too many keys.
        """
        owner = self._owner(workspace)
        _check(name, scopes)
        stored = await self._stored(workspace)
        await self._make_room(workspace, stored)
        active = [key for key, _ in stored if key.name == name and not key.revoked_ms]
        of_file = sum(key.name == name for key in owner.api_keys)
        if len(active) + of_file >= ACTIVE_OF_A_NAME_MAX:
            raise KeyRefused(
                f"{name} has {ACTIVE_OF_A_NAME_MAX} active keys, which is all that a rotation needs; "
                "revoke one first"
            )
        text = make_api_key(label, random_bytes)
        digest = hashlib.sha256(text.encode()).hexdigest()
        key = StoredKey(ids.make("key"), name, digest, text[-4:], tuple(scopes), now_ms)
        await self._store.put_doc(workspace, KIND, key.id, msgspec.msgpack.encode(key), 0)
        self._of_store = {**self._of_store, digest: _known(owner, key)}
        return _row(key, 0), text

    async def rows(self, workspace: str) -> list[KeyRow]:
        """List the keys of a workspace, those of the file first; the keys themselves are not known."""
        owner = self._owner(workspace)
        used = await self._uses(workspace)
        rows = [
            KeyRow(
                id="",
                name=key.name,
                origin="file",
                last4=key.last4 or (key.key or "")[-4:],
                scopes=key.scopes,
                created_ms=0,
                last_used_ms=used.get(_use_name(key.digest), 0),
                revoked_ms=0,
                expires_ms=int(key.expires.timestamp() * 1000) if key.expires else 0,
            )
            for key in owner.api_keys
        ]
        return rows + [
            _row(key, used.get(_use_name(key.sha256), 0))
            for key, _ in sorted(await self._stored(workspace), key=lambda pair: pair[0].created_ms)
        ]

    async def revoke(self, workspace: str, which: str, now_ms: int) -> KeyRow:
        """Revoke a key by its id, or by its name when only one has it; from now on it is unknown.

        Raises KeyRefused: no such key, or the name of more than one.
        """
        owner = self._owner(workspace)
        stored = await self._stored(workspace)
        found = [
            (key, version)
            for key, version in stored
            if key.id == which or (key.name == which and not key.revoked_ms)
        ]
        if not found and any(key.name == which for key in owner.api_keys):
            raise KeyRefused(
                f"{which} stands in the configuration file; remove it there and restart"
            )
        if not found:
            raise KeyRefused(f"{workspace} has no key {which}; `keys list` shows what there is")
        if len(found) > 1:
            names = ", ".join(f"{key.id} (…{key.last4})" for key, _ in found)
            raise KeyRefused(f"{which} has more than one active key: {names}. Name one by its id")
        ((key, version),) = found
        if not key.revoked_ms:
            key = msgspec.structs.replace(key, revoked_ms=now_ms)
            body = msgspec.msgpack.encode(key)
            if isinstance(
                await self._store.put_doc(workspace, KIND, key.id, body, version), DocConflict
            ):
                raise KeyRefused(f"{key.id} was changed at the same moment; look again")
        self._of_store = {
            digest: known for digest, known in self._of_store.items() if digest != key.sha256
        }
        return _row(key, (await self._uses(workspace)).get(_use_name(key.sha256), 0))

    # ---- when a key was used

    def touch(self, key: KnownKey, now_ms: int) -> None:
        """Note that a key was used, to the hour; at most one write a key and hour, which nobody awaits."""
        hour_ms = now_ms - now_ms % HOUR_MS
        if self._used.get(key.sha256, -1) >= hour_ms:
            return
        self._used[key.sha256] = hour_ms
        task = asyncio.get_running_loop().create_task(self._note_use(key, hour_ms))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def settle(self) -> None:
        """Wait for the notes of use that are being written."""
        await asyncio.gather(*self._writes, return_exceptions=True)

    async def _note_use(self, key: KnownKey, hour_ms: int) -> None:
        place = (key.workspace.id, _USE_KIND, _use_name(key.sha256))
        body = msgspec.msgpack.encode(hour_ms)
        try:
            kept: Doc | None = await self._store.get_doc(*place)
            await self._store.put_doc(*place, body, kept.version if kept else 0)
        except StoreUnavailable:
            # The next use in this hour notes it.
            self._used.pop(key.sha256, None)

    async def _uses(self, workspace: str) -> dict[str, int]:
        docs = await self._store.list_docs(workspace, _USE_KIND, None, _SLICE)
        return {doc.name: msgspec.msgpack.decode(doc.body, type=int) for doc in docs}

    # ---- the store's side

    async def _stored(self, workspace: str) -> list[tuple[StoredKey, int]]:
        """Read the keys of a workspace with the versions of their documents; at most KEYS_MAX."""
        docs = await self._store.list_docs(workspace, KIND, None, _SLICE)
        return [(msgspec.msgpack.decode(doc.body, type=StoredKey), doc.version) for doc in docs]

    async def _make_room(self, workspace: str, stored: list[tuple[StoredKey, int]]) -> None:
        if len(stored) < KEYS_MAX:
            return
        revoked = [pair for pair in stored if pair[0].revoked_ms]
        if not revoked:
            raise KeyRefused(f"{workspace} has {KEYS_MAX} active keys, the most there may be")
        key, version = min(revoked, key=lambda pair: pair[0].revoked_ms)
        await self._store.put_doc(workspace, KIND, key.id, None, version)

    def _owner(self, workspace: str) -> Workspace:
        owner = self._workspaces.get(workspace)
        if owner is None:
            raise KeyRefused(f"there is no workspace {workspace}: {', '.join(self._workspaces)}")
        return owner


def _keys_of_file(workspaces: Sequence[Workspace]) -> Iterator[KnownKey]:
    for workspace in workspaces:
        for key in workspace.api_keys:
            yield KnownKey(
                workspace=workspace,
                name=key.name,
                sha256=key.digest,
                scopes=frozenset(key.scopes),
                per_minute=key.per_minute,
                expires_ms=int(key.expires.timestamp() * 1000) if key.expires else None,
            )


def _known(workspace: Workspace, key: StoredKey) -> KnownKey:
    return KnownKey(workspace, key.name, key.sha256, frozenset(key.scopes))


def _row(key: StoredKey, used_ms: int) -> KeyRow:
    return KeyRow(
        id=key.id,
        name=key.name,
        origin="store",
        last4=key.last4,
        scopes=key.scopes,
        created_ms=key.created_ms,
        last_used_ms=used_ms,
        revoked_ms=key.revoked_ms,
    )


def _use_name(sha256: str) -> str:
    return sha256[:32]


def _check(name: str, scopes: Sequence[str]) -> None:
    if not 1 <= len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise KeyRefused(f"a key's name has 1 to {NAME_CHARS_MAX} characters that can be printed")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise KeyRefused(f"there is no scope {unknown[0]}. Scopes: {', '.join(SCOPES)}")
    if not scopes:
        raise KeyRefused(
            f'a key without scopes may do nothing; write "{EVERY_SCOPE}" for all of them'
        )
