"""The desk of an assistant that serves so many sessions at once: who is seated, who is queued, who is next."""

from collections.abc import Iterable, Mapping

from engine.clock import Clock
from engine.conversations.documents import Documents
from engine.conversations.places import Guest, Places, Seat, enter, leave
from engine.runtime import Runtime
from engine.stores.base import SessionRef, Store

LOOKS_MAX = 64
"""Seated sessions that are looked at for a silent end when a newcomer finds no place; those that were
seated longest ago come first, the others are looked at by `tidy`."""

BEGINNING_MS_MAX = 60_000
"""How long a guest may be without a session, as the first words that make it may still be on their way."""

NO_WAIT = Seat(queued=False, estimated_wait_s=0)


class Desk:
    """Gives sessions their place at an assistant; what it knows survives a restart.

    The document of an assistant decides; the session is told afterwards, and `tidy` tells it again what
    a crash in between left untold.
    """

    def __init__(
        self, store: Store, runtime: Runtime, clock: Clock, counts: Mapping[tuple[str, str], int]
    ) -> None:
        """Keep `counts` places by (workspace, assistant); an assistant without a limit is not in it."""
        self._runtime = runtime
        self._clock = clock
        self._counts = counts
        self._places = Documents(store, "desk", Places())

    async def enter(self, ref: SessionRef, assistant: str) -> Seat:
        """Seat a session at an assistant or queue it, and tell the session; safe to do at every message."""
        count = self._counts.get((ref.workspace, assistant))
        if count is None:
            return NO_WAIT
        seat = await self._enter(ref, assistant, count)
        if seat.queued and await self._forget_ended(ref.workspace, assistant, LOOKS_MAX):
            seat = await self._enter(ref, assistant, count)
        view = await self._runtime.view(ref)
        if view is not None and (seat.queued or view.status == "queued"):
            await self._runtime.seat(
                ref, queued=seat.queued, estimated_wait_s=seat.estimated_wait_s
            )
        return seat

    async def leave(self, ref: SessionRef) -> None:
        """Give a session's place back and seat who is next; twice is nothing."""
        for workspace, assistant in self._counts:
            if workspace == ref.workspace:
                await self._leave(workspace, assistant, frozenset((ref.session,)))

    async def tidy(self) -> None:
        """Let go of sessions that ended in silence, and seat those whom a crash kept from being told."""
        for workspace, assistant in self._counts:
            await self._forget_ended(workspace, assistant, None)
            await self._leave(workspace, assistant, frozenset())
            places = await self._places.read(workspace, assistant)
            await self._call(workspace, places.seated)

    async def places(self, workspace: str, assistant: str) -> Places:
        """Show who is at an assistant now."""
        return await self._places.read(workspace, assistant)

    # ---- inside

    async def _enter(self, ref: SessionRef, assistant: str, count: int) -> Seat:
        guest = Guest(ref.session, ref.visitor, self._clock.now_ms())
        return await self._places.change(
            ref.workspace, assistant, lambda places: enter(places, guest, count)
        )

    async def _leave(self, workspace: str, assistant: str, sessions: frozenset[str]) -> None:
        count, now_ms = self._counts[workspace, assistant], self._clock.now_ms()
        called = await self._places.change(
            workspace, assistant, lambda places: leave(places, sessions, count, now_ms)
        )
        await self._call(workspace, called)

    async def _call(self, workspace: str, guests: Iterable[Guest]) -> None:
        """Tell sessions that it is their turn, if they do not know yet."""
        for guest in guests:
            ref = SessionRef(workspace, guest.visitor, guest.session)
            view = await self._runtime.view(ref)
            if view is not None and view.status == "queued":
                await self._runtime.seat(ref, queued=False)

    async def _forget_ended(self, workspace: str, assistant: str, looks: int | None) -> bool:
        """Take away up to `looks` of the longest seated that have ended; tell whether there were any."""
        places = await self._places.read(workspace, assistant)
        guests = sorted(places.seated, key=lambda guest: guest.since_ms)[:looks]
        if looks is None:
            guests += places.waiting
        ended = frozenset([g.session for g in guests if await self._has_ended(workspace, g)])
        if ended:
            await self._leave(workspace, assistant, ended)
        return bool(ended)

    async def _has_ended(self, workspace: str, guest: Guest) -> bool:
        view = await self._runtime.view(SessionRef(workspace, guest.visitor, guest.session))
        if view is None:
            return self._clock.now_ms() - guest.since_ms >= BEGINNING_MS_MAX
        return view.status == "closed"
