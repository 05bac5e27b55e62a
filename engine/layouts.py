"""Which registers a program has, kept under its version, so that a session can move to other rules.

A session's registers are stored by place. The keys of each program that ever ran in a workspace are a
document of the store: a restart under changed rules finds what the old places meant.
"""

import msgspec

from engine.stores.base import DocConflict, Store
from rules.compiler.program import Program

# A release that numbers registers or names their keys in another way takes the next number.
_KIND = "layout-1"


class Layouts:
    """Registers' keys by (workspace, program version), read from the store when not in memory."""

    __slots__ = ("_known", "_store")

    def __init__(self, store: Store) -> None:
        """Start with nothing in memory."""
        self._store = store
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}

    def is_kept(self, workspace: str, program: Program) -> bool:
        """Tell whether a program's registers are known to be written down."""
        return (workspace, program.version) in self._known

    async def keep(self, workspace: str, program: Program) -> None:
        """Write down a program's registers before the first session uses them."""
        place = (workspace, program.version)
        if place in self._known:
            return
        keys = tuple(register.key for register in program.registers)
        if await self._store.get_doc(workspace, _KIND, program.version) is None:
            body = msgspec.msgpack.encode(keys)
            answer = await self._store.put_doc(workspace, _KIND, program.version, body, 0)
            # Somebody else wrote the same keys first: a version names its content.
            assert isinstance(answer, int | DocConflict)
        self._known[place] = keys

    async def keys(self, workspace: str, version: str) -> tuple[str, ...] | None:
        """Return the registers' keys of a version, None when the store does not know it."""
        known = self._known.get((workspace, version))
        if known is not None:
            return known
        doc = await self._store.get_doc(workspace, _KIND, version)
        if doc is None:
            return None
        keys = msgspec.msgpack.decode(doc.body, type=tuple[str, ...])
        self._known[workspace, version] = keys
        return keys
