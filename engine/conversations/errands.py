"""What follows a clicked quick reply beyond its session: free slots are shown, a number is lent, a place is left.

Each is safe to do twice: what the session is told has an id that the clicked message gives.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import asdict

from engine.causes import Cause, FollowUp
from engine.clock import Clock
from engine.conversations.appointments import FreeSlot, shown
from engine.conversations.assistants import AssistantTerms, fallback_reply, stored_model
from engine.conversations.bookings import Bookings
from engine.conversations.desk import Desk
from engine.conversations.orders import Post
from engine.conversations.voice import Voice, voice_started
from engine.ids import derived_id
from engine.runtime import Runtime
from engine.stores.base import SessionRef

SLOTS_SHOWN = 6
"""Free slots that a clicked `schedule` shows (API.md 9.1)."""


class Errands:
    """Carries out the follow-ups of all workspaces that look at calendars, numbers and places."""

    def __init__(  # noqa: PLR0913  # what follow-ups reach, by name
        self,
        *,
        runtime: Runtime,
        clock: Clock,
        secret: bytes,
        bookings: Bookings,
        voice: Voice,
        desk: Desk,
        assistants: Mapping[str, Sequence[AssistantTerms]],
    ) -> None:
        """Reach sessions through `runtime`; `assistants` by workspace, the primary one first."""
        self._runtime = runtime
        self._clock = clock
        self._secret = secret
        self._bookings = bookings
        self._voice = voice
        self._desk = desk
        self._assistants = assistants

    async def schedule(self, cause: Cause) -> None:
        """Show the next free slots; where none can be booked the assistant offers a person."""
        found = await self._clicked(cause)
        if found is None:
            return
        ref, message_id = found
        calendar = self._bookings.calendar(ref.workspace)
        free: list[FreeSlot] = []
        if calendar is not None:
            free = await self._bookings.next_free(ref.workspace, calendar, SLOTS_SHOWN)
        if calendar is None or not free:
            await self._offer_person(ref, message_id)
            return
        content: dict[str, object] = {
            "message_id": message_id,
            "action": "schedule",
            "calendar_id": calendar.id,
            "timezone": calendar.timezone,
            "slots": [asdict(shown(calendar, one)) for one in free],
        }
        await self._runtime.notify(ref, "action", f"schedule:{message_id}", content)

    async def call(self, cause: Cause) -> None:
        """Lend the session a number and show it; without numbers the assistant offers a person."""
        found = await self._clicked(cause)
        if found is None:
            return
        ref, message_id = found
        lease = await self._voice.lend(ref)
        if lease is None:
            await self._offer_person(ref, message_id)
            return
        await self._runtime.note(ref, (voice_started(lease, self._clock.now_ms()),))
        content: dict[str, object] = {
            "message_id": message_id,
            "action": "call",
            "phone_number": lease.number,
        }
        await self._runtime.notify(ref, "action", f"call:{message_id}", content)

    async def leave(self, cause: Cause) -> None:
        """Give back the place that a closed session had at its assistant."""
        await self._desk.leave(SessionRef(cause.workspace, cause.visitor, cause.session))

    async def _clicked(self, cause: Cause) -> tuple[SessionRef, str] | None:
        """Return the session and the clicked message of a follow-up; None when the session is over."""
        assert isinstance(cause.body, FollowUp), "the outbox sorts causes by their kind"
        ref = SessionRef(cause.workspace, cause.visitor, cause.session)
        view = await self._runtime.view(ref)
        if view is None or view.status == "closed":
            return None
        return ref, cause.body.message

    async def _offer_person(self, ref: SessionRef, message_id: str) -> None:
        """Say the assistant's fallback, which offers a person; nothing where there is no assistant."""
        known = self._assistants.get(ref.workspace, ())
        found = await self._runtime.read(ref)
        if not known or found is None:
            return
        terms = next((one for one in known if one.id == found[0].assistant), known[0])
        reply = fallback_reply(terms.fallback)
        post_id = derived_id("msg", self._secret, ref.workspace, ref.session, message_id, "person")
        post = Post(
            post_id,
            "assistant",
            reply.text,
            replies=reply.replies,
            model=stored_model(reply),
            tokens=reply.tokens,
        )
        await self._runtime.post(ref, post)
