"""Telephone numbers lent to sessions, so that an incoming call is known by the number it rings."""

from collections.abc import Mapping, Sequence

import msgspec

from engine.clock import Clock
from engine.conversations.documents import Documents
from engine.events import Event
from engine.stores.base import SessionRef, Store

_PLACE = "numbers"


class Lease(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A number and the session it was lent to last; `session` "" when it was given back.

    `since_ms` is when this session got it first, `lent_ms` when it asked for it last.
    """

    number: str
    session: str
    visitor: str
    since_ms: int
    lent_ms: int


class Leases(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What became of the numbers of one workspace; a number that was never lent is not in it."""

    rows: tuple[Lease, ...] = ()


class Pool(msgspec.Struct, frozen=True):
    """The numbers of a workspace, E.164, and how long one is lent."""

    numbers: tuple[str, ...]
    hold_ms: int


# ---- what is lent to whom, as values


def lend(leases: Leases, pool: Pool, ref: SessionRef, now_ms: int) -> tuple[Leases, Lease]:
    """Lend a session a number: its own again, else a free one, else the one lent longest ago.

    Of the free ones it is the one that has rested longest: who calls back late still meets the session
    that the number was lent to. A pool has at least one number.
    """
    rows = {row.number: row for row in leases.rows if row.number in pool.numbers}
    own = next((r for r in live(leases, pool, now_ms) if r.session == ref.session), None)
    if own is not None:
        lease = msgspec.structs.replace(own, lent_ms=now_ms)
    else:
        number = min(pool.numbers, key=lambda one: _rank(rows.get(one), pool, now_ms))
        lease = Lease(number, ref.session, ref.visitor, now_ms, now_ms)
    rows[lease.number] = lease
    return Leases(tuple(rows.values())), lease


def give_back(leases: Leases, session: str) -> Leases:
    """Take back what a session has; nothing when it has nothing."""
    return Leases(
        tuple(
            msgspec.structs.replace(row, session="", visitor="") if row.session == session else row
            for row in leases.rows
        )
    )


def live(leases: Leases, pool: Pool, now_ms: int) -> tuple[Lease, ...]:
    """Return what is lent now: not given back, and within its hold."""
    return tuple(
        row
        for row in leases.rows
        if row.session and row.number in pool.numbers and now_ms - row.lent_ms < pool.hold_ms
    )


def voice_started(lease: Lease, now_ms: int) -> Event:
    """Make the event of a number being lent; asking for the same number again is the same event."""
    return Event(
        id=f"voice:{lease.number}:{lease.since_ms}",
        name="voice_started",
        at_ms=now_ms,
        properties={"number": lease.number},
        origin="api",
    )


def _rank(row: Lease | None, pool: Pool, now_ms: int) -> tuple[bool, int]:
    """Order numbers by who is to be lent next: free before lent, then longest ago."""
    if row is None:
        return False, -1
    return bool(row.session) and now_ms - row.lent_ms < pool.hold_ms, row.lent_ms


# ---- the shell


class Voice:
    """Lends the numbers of all workspaces; what is lent survives a restart."""

    def __init__(self, store: Store, clock: Clock, pools: Mapping[str, Pool]) -> None:
        """Lend what `pools` holds by workspace id; a workspace without numbers is not in it."""
        self._clock = clock
        self._pools = pools
        self._leases = Documents(store, "voice", Leases())

    async def lend(self, ref: SessionRef) -> Lease | None:
        """Lend a session a number; None when its workspace has no pool."""
        pool = self._pools.get(ref.workspace)
        if pool is None:
            return None
        now_ms = self._clock.now_ms()
        return await self._leases.change(
            ref.workspace, _PLACE, lambda leases: lend(leases, pool, ref, now_ms)
        )

    async def returned(self, ref: SessionRef) -> None:
        """Take a session's number back, as when its call is over; twice is nothing."""
        if ref.workspace in self._pools:
            await self._leases.change(
                ref.workspace, _PLACE, lambda leases: (give_back(leases, ref.session), None)
            )

    async def lent(self, workspace: str) -> Sequence[Lease]:
        """List what is lent now."""
        pool = self._pools.get(workspace)
        if pool is None:
            return ()
        return live(await self._leases.read(workspace, _PLACE), pool, self._clock.now_ms())

    async def holder(self, workspace: str, number: str) -> SessionRef | None:
        """Find the session that a number was lent to last, also after its hold; None when given back."""
        leases = await self._leases.read(workspace, _PLACE)
        row = next((r for r in leases.rows if r.number == number and r.session), None)
        return SessionRef(workspace, row.visitor, row.session) if row else None
