"""Conversations of the async shell: words, clicks, offers, and what the server side does in a session."""

from collections.abc import Sequence

import msgspec

from engine.acting import Acting
from engine.commits import Prepared
from engine.conversations.conversation import CloseReason
from engine.conversations.naming import call_decision_id, words_id
from engine.conversations.orders import (
    Close,
    Notify,
    Order,
    Post,
    Release,
    Seat,
    Verify,
    Withdraw,
)
from engine.errors import StoreUnavailable
from engine.events import Event
from engine.intake import id_hash
from engine.message import Message, NoticeName
from engine.offers import Offer
from engine.openings import visitor_status
from engine.runtime_types import Draft, Offered, Refused, SessionView
from engine.step import Ordered
from engine.stepper import Done, Moment
from engine.stores.base import SessionRef


class Conversing(Acting):
    """Lets visitors, agents and assistants talk, and callers of the API offer messages."""

    # ---- the visitor

    async def say(
        self,
        ref: SessionRef,
        text: str,
        client_id: str = "",
        *,
        event_id: str = "",
        conversation: str = "",
    ) -> Message | None:
        """Store what the visitor wrote; None when it was stored before, by `client_id` or `event_id`.

        Args:
            conversation: the id for a conversation that begins with it, "" for our own.
        """
        properties: dict[str, object] = {"text": text}
        event_id = event_id or self._ids.make("evt")
        if client_id:
            properties["client_id"] = client_id
            event_id = f"say:{client_id}"
        if conversation:
            properties["conversation"] = conversation
        return await self._chat(ref, "visitor_message", event_id, properties)

    async def click(
        self, ref: SessionRef, message_id: str, value: str, *, conversation: str = ""
    ) -> Message | None:
        """Take a click on a quick reply; the visitor's message, or None for `dismiss` and second clicks."""
        properties: dict[str, object] = {"message_id": message_id, "value": value}
        if conversation:
            properties["conversation"] = conversation
        event_id = f"click:{message_id}"
        return await self._chat(ref, "reply_clicked", event_id, properties)

    async def offer(self, ref: SessionRef, draft: Draft, call_id: str = "") -> Offered | Refused:
        """Send a proactive message under the policy, hold it for its moment, or refuse it.

        Args:
            call_id: names the call; the same one again changes nothing and answers the message that it made.
        """
        sockets = await self.sockets(ref)
        name = call_id or self._ids.make("evt")
        message = await self._offered_before(ref, name) if call_id else None
        if message is None:
            offer = Offer(0, name, draft, sockets)
            made = await self._carry_out(ref, offer, is_named=bool(call_id))
            if isinstance(made, Refused):
                return made
            message = made
        else:
            # What was only read is told when it is as durable as what is committed.
            await self._act(ref, lambda _: Prepared(None))
        session = await self._stepper.peek(ref)
        if session is None:
            return Refused("session_closed", field="session_id")
        now_ms = self._clock.now_ms()
        held = message.held_until_ms > now_ms and not message.offset
        return Offered(
            message=message,
            visitor_status=visitor_status(session, sockets, now_ms),
            score=message.score,
            deliver_after_ms=message.held_until_ms if held else None,
            chat=message.kind == "chat",
        )

    async def _carry_out(
        self, ref: SessionRef, offer: Offer, *, is_named: bool
    ) -> Message | Refused:
        """Carry an offer out at the present instant; of two equal calls at once the later one finds the message.

        Raises:
            StoreUnavailable: the message was made by an equal call and cannot be read yet.
        """
        decision = call_decision_id(self._secret, ref.workspace, ref.session, offer.id)
        marks = _marks(ref, f"offer:{offer.id}") if is_named else ()

        def prepare(at: Moment) -> Prepared:
            is_done = any(message.decision == decision for message in at.session.messages)
            if is_done or (marks and at.repeated.issuperset(marks)):
                return Prepared(None)
            return Prepared(msgspec.structs.replace(offer, now_ms=at.now_ms), seen=marks)

        done = await self._act(ref, prepare)
        if done is None or done.is_erased:
            return Refused("session_closed", field="session_id")
        made = done.effect.refused or done.effect.offered
        made = made or await self._offered_before(ref, offer.id)
        if made is None:
            raise StoreUnavailable("none", retry_after_ms=1_000)
        return made

    # ---- the server side

    async def post(self, ref: SessionRef, post: Post) -> Message | None:
        """Say what an agent or the assistant says; None when it was said before, or the session is over."""
        done = await self._order(ref, post, once=post.id)
        if done is None:
            return None
        return next((m for m in done.effect.messages if m.id == post.id), None)

    async def close_session(
        self, ref: SessionRef, reason: CloseReason, note: str = ""
    ) -> SessionView | None:
        """End a session; one that has ended stays as it is. `note` is what its closer says of it."""
        return await self._ordered(ref, Close(reason, note))

    async def release(self, ref: SessionRef) -> SessionView | None:
        """Let the assistant speak again in a session that a person had taken over."""
        return await self._ordered(ref, Release())

    async def seat(
        self, ref: SessionRef, *, queued: bool, estimated_wait_s: int = 0
    ) -> SessionView | None:
        """Put a session into its assistant's queue, or take it out."""
        return await self._ordered(ref, Seat(queued, estimated_wait_s))

    async def mark_verified(self, ref: SessionRef) -> SessionView | None:
        """Note that the visitor of a session proved who they are."""
        return await self._ordered(ref, Verify())

    async def notify(
        self, ref: SessionRef, name: NoticeName, notice_id: str, content: dict[str, object]
    ) -> None:
        """Tell the visitor's sockets something, once for each `notice_id`."""
        await self._order(ref, Notify(notice_id, name, content), once=notice_id)

    async def note(self, ref: SessionRef, events: Sequence[Event]) -> None:
        """Note events that happened to a session outside any browser; one with a known id is none."""
        await self._act(ref, lambda at: self._arrival(ref, at, events))

    async def withdraw(self, ref: SessionRef, message_id: str) -> Message | Refused | None:
        """Take an undisplayed proactive message back; None when there is no such session."""
        done = await self._order(ref, Withdraw(message_id))
        return None if done is None else done.effect.refused or done.effect.withdrawn

    # ---- inside

    async def _chat(
        self, ref: SessionRef, name: str, event_id: str, properties: dict[str, object]
    ) -> Message | None:
        words = Event("", name, self._clock.now_ms())
        await self._take_overdue(ref, (words,))

        def prepare(at: Moment) -> Prepared:
            tab = at.session.state.tab
            event = Event(event_id, name, at.now_ms, tab=tab, properties=properties)
            return self._arrival(ref, at, (event,))

        done = await self._act(ref, prepare)
        if done is None:
            return None
        return next((m for m in done.effect.messages if m.author == "visitor"), None)

    async def _order(self, ref: SessionRef, order: Order, once: str = "") -> Done | None:
        """Carry out one order; `once` names what must not happen twice."""
        marks = _marks(ref, once)

        def prepare(at: Moment) -> Prepared:
            if marks and at.repeated.issuperset(marks):
                return Prepared(None)
            online = self.agents_online(ref.workspace)
            return Prepared(Ordered(at.now_ms, (order,), agents_online=online), seen=marks)

        return await self._act(ref, prepare)

    async def _ordered(self, ref: SessionRef, order: Order) -> SessionView | None:
        return None if await self._order(ref, order) is None else await self.view(ref)

    async def _offered_before(self, ref: SessionRef, call_id: str) -> Message | None:
        """Find the message that an earlier call of the same name made."""
        session = await self._stepper.peek(ref)
        decision = call_decision_id(self._secret, ref.workspace, ref.session, call_id)
        for message in session.messages if session is not None else ():
            if message.decision == decision:
                return await self._transcripts.read(ref, message.id)
        words = words_id(self._secret, ref.workspace, ref.session, call_id)
        return await self._transcripts.read(ref, words)


def _marks(ref: SessionRef, name: str) -> tuple[int, ...]:
    """Return what the store remembers of something that must not happen twice; "" is nothing."""
    return (id_hash(ref.workspace, ref.visitor, f"once:{name}"),) if name else ()
