"""Every version of every rule set, kept in the store: which is live, its files, and who published it.

A version is immutable: its files are kept under their hash, its record under its number. Which one is
live is one document, and the change of that document is the publication: of two publishers one wins.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Literal

import msgspec

from engine.stores.base import DocConflict, Store, StoredCause

Origin = Literal["folder", "api", "rollback"]

LIVE_KIND = "rules_live"
"""Kind of the documents that say which version of a set is live, by the set's name."""

_VERSIONS = "rules"
_FILES = "rules_files"
_PROGRAMS = "rules_program"
_DIGITS = 10


class RuleVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a rule set; number 0 is the empty set that every name begins with.

    `digest` is the SHA-256 of its files and `program` the version that the compiler gave them. `names`
    are those of its rules, `added` and `removed` against the version before. `folder` is the digest of
    the folder that was published last, whatever came after. `publication` names the request that made it.
    """

    rule_set: str
    number: int = 0
    digest: str = ""
    program: str = ""
    origin: Origin = "folder"
    author: str = ""
    note: str = ""
    published_ms: int = 0
    names: tuple[str, ...] = ()
    goals: int = 0
    warnings: int = 0
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    folder: str = ""
    publication: str = ""

    @property
    def etag(self) -> str:
        """Return the entity tag of API.md 3.6, with its quotes."""
        return f'"{self.number}-{(self.digest or _NO_FILES)[:16]}"'


class Stale(msgspec.Struct, frozen=True):
    """The live version is not the one that the publisher knew; `current` is."""

    current: RuleVersion


def files_digest(files: Mapping[str, str]) -> str:
    """Return the SHA-256 of rule files, whatever their order, as hex."""
    return sha256(msgspec.json.encode(sorted(files.items()))).hexdigest()


_NO_FILES = files_digest({})


class RuleLibrary:
    """Reads and publishes the rule sets of all workspaces over one store."""

    def __init__(self, store: Store) -> None:
        """Keep everything in `store`; nothing is remembered here."""
        self._store = store

    async def live(self, workspace: str, rule_set: str) -> RuleVersion:
        """Return the live version of a set, number 0 before the first."""
        return (await self._live(workspace, rule_set))[0]

    async def version(self, workspace: str, rule_set: str, number: int) -> RuleVersion | None:
        """Return a version by its number, None when there is none."""
        live = await self.live(workspace, rule_set)
        if number == live.number:
            return live
        if not 1 <= number < live.number:
            return RuleVersion(rule_set) if number == 0 else None
        doc = await self._store.get_doc(workspace, _VERSIONS, _place(rule_set, number))
        return None if doc is None else _decode(doc.body)

    async def history(
        self, workspace: str, rule_set: str, before: int | None, limit: int
    ) -> tuple[RuleVersion, ...]:
        """List versions from below number `before` downwards (None: from the live one)."""
        live = await self.live(workspace, rule_set)
        if live.number == 0:
            return ()
        first = live.number + 1 if before is None else min(before, live.number + 1)
        place = _place(rule_set, first)
        docs = await self._store.list_docs(workspace, _VERSIONS, place, limit)
        kept = [_decode(doc.body) for doc in docs if doc.name.startswith(f"{rule_set}/")]
        if first > live.number and (not kept or kept[0].number != live.number):
            # The live version's own record is written just after it went live.
            kept.insert(0, live)
        return tuple(kept[:limit])

    async def files(self, workspace: str, version: RuleVersion) -> dict[str, str]:
        """Return the files of a version by name, as they were published."""
        if version.number == 0:
            return {}
        doc = await self._store.get_doc(workspace, _FILES, version.digest)
        # INVARIANT: files are written before the version that names them, and never removed.
        assert doc is not None, "a published version has its files"
        return msgspec.msgpack.decode(doc.body, type=dict[str, str])

    async def of_program(self, workspace: str, rule_set: str, program: str) -> RuleVersion | None:
        """Return a set's first version of a program, None for one that was never published in it."""
        doc = await self._store.get_doc(workspace, _PROGRAMS, f"{rule_set}/{program}")
        return None if doc is None else _decode(doc.body)

    async def publish(
        self,
        workspace: str,
        version: RuleVersion,
        files: Mapping[str, str],
        cause: StoredCause,
    ) -> RuleVersion | Stale:
        """Make `version` live when the live one is the number before it; durable.

        A repeat with the same `publication` answers what it made the first time.
        """
        current, kept = await self._live(workspace, version.rule_set)
        if _is_same(current, version):
            return current
        if current.number != version.number - 1:
            return Stale(current)
        body = msgspec.msgpack.encode(dict(sorted(files.items())))
        await self._keep(workspace, _FILES, version.digest, body)
        if current.number:
            # A publisher that stopped half-way left it out; a record is never lost to its successor.
            await self._keep_record(workspace, current)
        answer = await self._store.put_doc(
            workspace, LIVE_KIND, version.rule_set, _encode(version), kept, causes=(cause,)
        )
        if isinstance(answer, DocConflict):
            current = await self.live(workspace, version.rule_set)
            return current if _is_same(current, version) else Stale(current)
        await self._keep_record(workspace, version)
        return version

    async def _live(self, workspace: str, rule_set: str) -> tuple[RuleVersion, int]:
        doc = await self._store.get_doc(workspace, LIVE_KIND, rule_set)
        return (RuleVersion(rule_set), 0) if doc is None else (_decode(doc.body), doc.version)

    async def _keep_record(self, workspace: str, version: RuleVersion) -> None:
        body = _encode(version)
        await self._keep(workspace, _VERSIONS, _place(version.rule_set, version.number), body)
        await self._keep(workspace, _PROGRAMS, f"{version.rule_set}/{version.program}", body)

    async def _keep(self, workspace: str, kind: str, name: str, body: bytes) -> None:
        """Write a document that never changes; one that is there already is the same."""
        if await self._store.get_doc(workspace, kind, name) is None:
            await self._store.put_doc(workspace, kind, name, body, 0)


def _is_same(current: RuleVersion, version: RuleVersion) -> bool:
    return current.number > 0 and current.publication == version.publication


def _place(rule_set: str, number: int) -> str:
    return f"{rule_set}/{number:0{_DIGITS}}"


def _encode(version: RuleVersion) -> bytes:
    return msgspec.msgpack.encode(version)


def _decode(body: bytes) -> RuleVersion:
    return msgspec.msgpack.decode(body, type=RuleVersion)
