"""What was said in a session, read from the store and brought to its present state."""

from collections.abc import Awaitable, Callable

import msgspec

from engine.commits import Prepared
from engine.limits import TRANSCRIPT_ROWS_MAX
from engine.listeners import Listeners
from engine.message import Item, Message, as_known
from engine.pages import fits_page
from engine.runtime_types import Pulled
from engine.session import Session
from engine.step import Fetched
from engine.stepper import Done, Moment, Prepare, Stepper
from engine.stores.base import SessionRef, Store
from engine.stores.codec import decode_item
from rules.compiler.program import Program

Act = Callable[[SessionRef, Prepare], Awaitable[Done | None]]

_GONE = ("expired", "withdrawn", "held_out")


class Transcripts:
    """Reads sequences of messages and notices."""

    __slots__ = ("_act", "_listeners", "_stepper", "_store")

    def __init__(self, store: Store, stepper: Stepper, listeners: Listeners, act: Act) -> None:
        """Read from `store`; `stepper` knows the messages' present states, `act` takes a step.

        What `listeners` were told of last need not be read.
        """
        self._store = store
        self._stepper = stepper
        self._listeners = listeners
        self._act = act

    async def pull(self, ref: SessionRef, epoch: str | None, after: int) -> Pulled:
        """Read what a socket is to be sent; undisplayed messages whose page no longer fits expire here."""
        pulled = self._in_hand(ref, epoch, after)
        if pulled is not None:
            return pulled
        history = await self._store.history(ref, epoch, after)
        self._stepper.note_place(ref, history.epoch, history.offset)
        items = [_at_offset(decode_item(kept.body), kept.offset) for kept in history.messages]
        waiting = tuple(m.id for m in items if isinstance(m, Message) and m.kind == "proactive")
        if waiting:
            items = await self._to_show(ref, waiting, items)
        elif any(isinstance(item, Message) and item.replies for item in items):
            items = _current(await self._stepper.peek(ref), items)
        return Pulled(history.epoch, history.offset, history.recovered, tuple(items))

    async def page(self, ref: SessionRef, after: int, limit: int) -> tuple[Message, ...]:
        """Read messages after an offset, oldest first, with their present states; none is left out.

        A message that was never sent (held, held out) has no offset and is not among them.
        """
        wanted = min(limit, TRANSCRIPT_ROWS_MAX)
        found: list[Message] = []
        session = await self._stepper.peek(ref)
        while len(found) < wanted:
            history = await self._store.history(ref, None, after)
            if not history.messages:
                break
            for kept in history.messages:
                item = _at_offset(decode_item(kept.body), kept.offset)
                after = kept.offset
                if isinstance(item, Message) and len(found) < wanted:
                    found.append(as_known(item, _known(session, item.id)))
        return tuple(found)

    async def find(self, workspace: str, message_id: str) -> tuple[SessionRef, Message] | None:
        """Find a message of a workspace by id, with its present state."""
        ref = await self._store.find(workspace, message_id)
        if ref is None:
            return None
        message = await self.read(ref, message_id)
        return None if message is None else (ref, message)

    async def read(self, ref: SessionRef, message_id: str) -> Message | None:
        """Read one message of a session; None when there is none of this id."""
        session = await self._stepper.peek(ref)
        known = _known(session, message_id)
        if known is not None and not known.offset:
            return msgspec.structs.replace(known)
        # INVARIANT: offsets rise; what is known tells where to look.
        after = known.offset - 1 if known is not None else 0
        while True:
            history = await self._store.history(ref, None, after)
            for kept in history.messages:
                after = kept.offset
                if kept.id == message_id:
                    item = _at_offset(decode_item(kept.body), kept.offset)
                    return as_known(item, known) if isinstance(item, Message) else None
            if not history.messages:
                return None

    def _in_hand(self, ref: SessionRef, epoch: str | None, after: int) -> Pulled | None:
        """Take what was committed here a moment ago and is all that follows; None: it has to be read."""
        fresh, known = self._listeners.fresh(ref), self._stepper.at_rest(ref)
        if fresh is None or known is None:
            return None
        hot, program = known
        first, last = fresh.items[0].offset, fresh.items[-1].offset
        is_all = hot.epoch == fresh.epoch == epoch and hot.session.offset == last
        if epoch is None or not is_all or not first - 1 <= after <= last:
            return None
        items = [item for item in fresh.items if item.offset > after]
        if _misplaced(program, hot.session, tuple(item.id for item in items)):
            return None
        return Pulled(epoch, last, True, tuple(_to_see(hot.session, items)))

    async def _to_show(
        self, ref: SessionRef, waiting: tuple[str, ...], items: list[Item]
    ) -> list[Item]:
        """Bring messages to their present state, and leave out those that nobody may see any more."""
        if self._store.is_shared:
            # Another worker may know of a newer page: no message tells of that.
            self._stepper.drop(ref)

        def prepare(at: Moment) -> Prepared:
            misplaced = _misplaced(at.program, at.session, waiting)
            return Prepared(Fetched(at.now_ms, tuple(misplaced)) if misplaced else None)

        done = await self._act(ref, prepare)
        return items if done is None else _to_see(done.session, items)


def _misplaced(program: Program, session: Session, waiting: tuple[str, ...]) -> list[str]:
    """List those of the waiting messages that are on no screen and whose page no longer fits."""
    return [
        m.id
        for m in session.messages
        if m.id in waiting and m.outcome is None and m.displayed_ms < 0
        if not fits_page(program, session, m)
    ]


def _to_see(session: Session, items: list[Item]) -> list[Item]:
    """Bring messages to their present state, without those that nobody may see any more."""
    current = _current(session, items)
    return [m for m in current if not (isinstance(m, Message) and m.outcome in _GONE)]


def _current(session: Session | None, items: list[Item]) -> list[Item]:
    """Bring messages to their present state; of others than these the session knows nothing."""
    return [
        as_known(item, _known(session, item.id)) if isinstance(item, Message) else item
        for item in items
    ]


def _known(session: Session | None, message_id: str) -> Message | None:
    return None if session is None else session.message(message_id)


def _at_offset(item: Item, offset: int) -> Item:
    item.offset = offset
    return item
