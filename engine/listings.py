"""Lists over a workspace's sessions, newest first; one look reads a bounded number of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.profile import Profile
from engine.stores.base import SessionRef, Store
from engine.stores.codec import decode_profile

LOOKS_MAX = 2_000
"""Sessions that one look reads; the page is then short and says where the next one begins.
test_a_look_reads_a_bounded_number_of_sessions"""

SLICE_LEN = 100

T = TypeVar("T")
Read = Callable[[str | None, int], Awaitable[Sequence[SessionRef]]]
"""Reads at most so many sessions downwards, from below an id; None: from the newest."""


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """One page; `before` is the session below which the next one begins, None = nothing is left."""

    rows: tuple[T, ...]
    before: str | None


async def list_newest(
    read: Read, show: Callable[[SessionRef], Awaitable[T | None]], before: str | None, limit: int
) -> Listed[T]:
    """List up to `limit` rows, newest first; `show` answers None for what is not wanted."""
    rows: list[T] = []
    looks = 0
    while len(rows) < limit and looks < LOOKS_MAX:
        refs = await read(before, min(SLICE_LEN, LOOKS_MAX - looks))
        if not refs:
            return Listed(tuple(rows), None)
        for ref in refs:
            looks += 1
            before = ref.session
            row = await show(ref)
            if row is not None:
                rows.append(row)
            if len(rows) == limit:
                break
    return Listed(tuple(rows), before if await read(before, 1) else None)


def sessions_of_workspace(store: Store, workspace: str) -> Read:
    """Read all sessions of a workspace."""

    async def read(before: str | None, limit: int) -> Sequence[SessionRef]:
        return await store.list_sessions(workspace, before, limit)

    return read


def sessions_of_visitor(store: Store, workspace: str, visitor: str) -> Read:
    """Read the sessions that a visitor's profile still lists; none for an unknown visitor."""

    async def read(before: str | None, limit: int) -> Sequence[SessionRef]:
        record = await store.visitor(workspace, visitor)
        if record is None:
            return ()
        found: list[SessionRef] = []
        for name in sorted(decode_profile(record.profile).sessions, reverse=True):
            if len(found) == limit:
                break
            # A session may have begun under another visitor id, before the two were known to be one.
            ref = await store.find(workspace, name) if before is None or name < before else None
            if ref is not None:
                found.append(ref)
        return found

    return read


async def known_profile(store: Store, workspace: str, visitor: str) -> Profile | None:
    """Read a person's profile: the known visitor's where this one became part of it; None for nobody."""
    record = await store.visitor(workspace, visitor)
    if record is None:
        return None
    profile = decode_profile(record.profile)
    known = await store.visitor(workspace, profile.merged_into) if profile.merged_into else None
    return profile if known is None else decode_profile(known.profile)


def is_newest(profile: Profile, session: str) -> bool:
    """Tell whether a session is its visitor's newest; ids of sessions sort by when they were made."""
    return session == max(profile.sessions, default=session)
