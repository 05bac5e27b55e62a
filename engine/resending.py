"""Level D3: what this worker accepted is sent again when a server with older data took over.

Sent again are inputs, through the same steps as when they came: what survived is found in the journal and
left alone, ids that were sent are known, and a decision that is taken again gives the same message id.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import groupby

import msgspec

from engine.clock import Clock
from engine.commits import Prepared
from engine.errors import StoreUnavailable
from engine.events import Event
from engine.limits import ACCEPTED_AGE_MS_MAX, ACCEPTED_KEPT_MS, JOURNAL_ROWS_MAX
from engine.repeats import opens_again, prepare_again
from engine.step import Fetched, Handed, TabClosed, Woke, events_of
from engine.stepper import Done, Moment, Opens, Prepare
from engine.stores.accepted_log import Accepted, AcceptedLog
from engine.stores.base import SessionRef, Store
from engine.stores.codec import decode_entry

LOOK_EVERY_S = 1.0
PRUNE_EVERY_LOOKS = 5
_LATER_LOOKS = 3
"""Looks after a change that go on with it: an answer of the server before may still be on its way."""

_BY_ITSELF = (Woke, Handed, Fetched, TabClosed)
_encoder = msgspec.msgpack.Encoder()
_log = logging.getLogger("opportune.resending")

Act = Callable[[SessionRef, Prepare, Opens | None], Awaitable[Done | None]]
TakeOverdue = Callable[[SessionRef, Sequence[Event]], Awaitable[None]]
Reread = Callable[[SessionRef], Awaitable[object]]
EraseAgain = Callable[[str, tuple[str, ...]], Awaitable[None]]


class Resending:
    """Keeps what is accepted, and looks whether the store still has it."""

    def __init__(  # the ways to act, by name
        self,
        store: Store,
        log: AcceptedLog,
        clock: Clock,
        *,
        act: Act,
        take_overdue: TakeOverdue,
        reread: Reread,
    ) -> None:
        """Keep in `log`; `act`, `take_overdue` and `reread` are those of the runtime.

        `reread` takes a session in hand as it is in the store now.
        """
        self._store = store
        self._log = log
        self._clock = clock
        self._act = act
        self._take_overdue = take_overdue
        self._reread = reread
        self._lineages: tuple[str, ...] = ()
        self._lost = frozenset[int]()
        self._place = 0
        self._later = 0
        self._looks = 0
        self._task: asyncio.Task[None] | None = None
        self.erase_again: EraseAgain | None = None
        """Removes visitors of a workspace whom a fail-over may have brought back."""
        self.sent_again = 0
        """Accepted commits that were lost and are taken again."""

    # ---- keeping

    def guarded(self, prepare: Prepare) -> Prepare:
        """Refuse a step whose input could not be kept, before anything is done."""

        def guard(at: Moment) -> Prepared:
            prepared = prepare(at)
            if not isinstance(prepared.given, _BY_ITSELF):
                # A repeat brings nothing, and must not be answered before what it repeats is kept.
                self._log.check(adds=prepared.given is not None)
            return prepared

        return guard

    async def keep(self, done: Done, opens: Opens | None) -> None:
        """Keep what came from outside; what the engine does by itself it does again.

        Raises:
            StoreUnavailable: "unknown": the commit is done, and not kept yet.
        """
        commit = done.commit
        if commit is None or done.input_type in _BY_ITSELF:
            # What came before it is told before it.
            await self._log.settle()
            return
        opened = _encoder.encode(opens) if done.created else b""
        await self._log.keep(
            Accepted(commit.ref, commit.expect + 1, commit.entry, commit.seen, opened)
        )

    async def keep_alias(self, alias: str, ref: SessionRef, ended: str | None) -> None:
        """Keep that a client's own id came to stand for a session, in the place of one that ended.

        Raises:
            StoreUnavailable: "unknown": it does, and that is not kept yet.
        """
        await self._log.keep(Accepted(ref, alias=alias, ended=ended))

    async def keep_erasure(self, workspace: str, visitor: str) -> None:
        """Keep that a visitor was erased: a fail-over that loses it would bring them back.

        Raises:
            StoreUnavailable: "unknown": it is done, and not kept yet.
        """
        await self._log.keep(Accepted(SessionRef(workspace, visitor, ""), erased=True))

    def forget(self, workspace: str, visitor: str) -> None:
        """Leave nothing of an erased visitor."""
        self._log.forget(workspace, visitor)

    # ---- looking

    async def start(self) -> None:
        """Begin to look; what a fail-over lost while no worker ran is found first."""
        await self._log.prune(self._clock.now_ms() - ACCEPTED_AGE_MS_MAX)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Look no more; the file keeps what it has."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def close(self) -> None:
        """Let the file go; nothing is kept any more."""
        await self._log.close()

    async def look(self) -> None:
        """Look once, and send again what is lost.

        Raises:
            StoreUnavailable: not all of it was; the next look goes on.
        """
        asked_ms = self._clock.now_ms()
        try:
            is_whole = await self._catch_up()
        except StoreUnavailable:
            # A server that is away may come back with less: older rows leave only when room is short.
            if self._log.is_half_full:
                await self._log.prune(asked_ms - ACCEPTED_KEPT_MS)
            raise
        self._looks += 1
        if is_whole and self._looks % PRUNE_EVERY_LOOKS == 0:
            await self._log.prune(asked_ms - ACCEPTED_KEPT_MS)

    async def _catch_up(self) -> bool:
        """Send again what is lost by now; tells whether the store is known to have all."""
        lineages = await self._store.lineages()
        known = self._lineages or (None,) * len(lineages)
        changed = {at for at, name in enumerate(lineages) if known[at] != name}
        if changed:
            self._lost |= changed
            self._lineages, self._place, self._later = lineages, 0, _LATER_LOOKS
        if not self._lost:
            return True
        await self._send_lost()
        self._later -= 1
        if self._later < 0:
            self._lost = frozenset()
        return False

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                _log.info("what was accepted cannot be looked at now: %s", error)
            except Exception:  # noqa: BLE001  # whatever it was, the next look may do
                _log.exception("what was accepted could not be looked at")
            await asyncio.sleep(LOOK_EVERY_S)

    # ---- sending again

    async def _send_lost(self) -> None:
        """Go through what is kept, oldest first, those of one session in their order."""
        while slice_ := await self._log.read(self._place):
            accepted = [kept for _, kept in slice_]
            await self._erase(accepted)
            await self._resolve(accepted)
            commits = sorted(
                (kept for kept in accepted if kept.number and self._is_lost(kept.ref)),
                key=_session_of,
            )
            found = await asyncio.gather(
                *(
                    self._send_missing(kept[0].ref, kept)
                    for kept in (list(of_one) for _, of_one in groupby(commits, _session_of))
                ),
                return_exceptions=True,
            )
            _raise_first(found)
            self._place = slice_[-1][0]

    async def _erase(self, accepted: Sequence[Accepted]) -> None:
        """Erase again: what is of a visitor lies in more partitions than their own."""
        for kept in accepted:
            if kept.erased and self.erase_again is not None:
                await self.erase_again(kept.ref.workspace, (kept.ref.visitor,))

    def _is_lost(self, ref: SessionRef) -> bool:
        return self._store.partition_of(ref.workspace, ref.visitor) in self._lost

    async def _resolve(self, accepted: Sequence[Accepted]) -> None:
        """Let clients' own ids stand for their sessions again."""
        for kept in accepted:
            if not kept.alias:
                continue
            found = await self._store.resolve(kept.alias, kept.ref)
            if kept.ended is not None and found.session == kept.ended:
                await self._store.resolve(kept.alias, kept.ref, ended=kept.ended)

    async def _send_missing(self, ref: SessionRef, accepted: Sequence[Accepted]) -> None:
        """Send again what is not in a session's journal."""
        numbers = [kept.number for kept in accepted]
        written = await self._journal(ref, min(numbers), max(numbers))
        missing = [kept for kept in accepted if written.get(kept.number) != kept.entry]
        if not missing:
            return
        # What is in memory here knows of events that the store does not.
        await self._reread(ref)
        for kept in missing:
            try:
                await self._send(ref, kept)
            except StoreUnavailable:
                raise
            except Exception:  # noqa: BLE001  # one that cannot be taken again must not keep back the others
                _log.exception("what was accepted of %s could not be sent again", ref.session)

    async def _send(self, ref: SessionRef, kept: Accepted) -> None:
        entry = decode_entry(kept.entry)
        await self._take_overdue(ref, events_of(entry.given))
        done = await self._act(ref, prepare_again(kept, entry.given), opens_again(kept, entry))
        if done is not None and done.commit is not None:
            self.sent_again += 1

    async def _journal(self, ref: SessionRef, first: int, last: int) -> dict[int, bytes]:
        """Read a session's entries from one number to another."""
        written: dict[int, bytes] = {}
        after = first - 1
        while after < last:
            found = await self._store.journal(ref, after, min(JOURNAL_ROWS_MAX, last - after))
            if not found:
                break
            written.update((entry.number, entry.body) for entry in found)
            after = found[-1].number
        return written


def _session_of(kept: Accepted) -> tuple[str, str, str]:
    ref = kept.ref
    return ref.workspace, ref.visitor, ref.session


def _raise_first(found: Sequence[BaseException | None]) -> None:
    """Raise the first failure, when there is one, after all have ended."""
    for failure in found:
        if failure is not None:
            raise failure
