"""What follows a clicked reply beyond its session: slots, a number, or a person where there is neither."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.causes import Cause, FollowUp
from engine.conversations.assistants import AssistantTerms
from engine.conversations.bookings import Bookings
from engine.conversations.desk import Desk
from engine.conversations.errands import SLOTS_SHOWN, Errands
from engine.conversations.slots import Calendar
from engine.conversations.voice import Pool, Voice
from engine.message import Message, Notice
from engine.stores.base import SessionRef
from tests.engine.world import SECRET, World, world

pytestmark = pytest.mark.anyio

CALENDAR = Calendar("main", "UTC", ((((540, 1_020),),) * 7), slot_minutes=60, lead_ms=0)  # type: ignore[arg-type]
POOL = Pool(("+14165550000",), 600_000)
RULES = """
rule help "Help" {
  on page "/"
  when time_on_page >= 30s
  say "Shall we come by?"
    reply "Schedule" -> schedule as plan
    reply "Call"     -> call     as ring
}
"""


class Errand:
    """A world in which the follow-ups of clicks are carried out by hand."""

    def __init__(
        self, here: World, calendars: tuple[Calendar, ...], pools: dict[str, Pool]
    ) -> None:
        self.world = here
        self.causes: list[Cause] = []
        here.runtime.on_cause(self.causes.append)
        self.bookings = Bookings(here.store, here.runtime, here.clock, SECRET, {"w": calendars})
        self.desk = Desk(here.store, here.runtime, here.clock, {("w", "asst"): 1})
        self.errands = Errands(
            runtime=here.runtime,
            clock=here.clock,
            secret=SECRET,
            bookings=self.bookings,
            voice=Voice(here.store, here.clock, pools),
            desk=self.desk,
            assistants={"w": (AssistantTerms("asst", "A person will help."),)},
        )

    async def clicked(self, value: str) -> tuple[SessionRef, str]:
        """Let a visitor click a reply of the proactive message; answers session and message."""
        ref = await self.world.session()
        await self.world.view(ref, "/")
        await self.world.wait(30_000)
        (message,) = (await self.world.runtime.pull(ref, None, 0)).messages
        await self.world.runtime.click(ref, message.id, value)
        return ref, message.id

    async def carry_out(self) -> None:
        for cause in self.causes:
            if isinstance(cause.body, FollowUp):
                await getattr(self.errands, cause.body.work)(cause)

    async def actions(self, ref: SessionRef) -> list[dict[str, object]]:
        pulled = await self.world.runtime.pull(ref, None, 0)
        items = (item for item in pulled.items if isinstance(item, Notice))
        return [item.data for item in items if item.name == "action"]

    async def said(self, ref: SessionRef) -> list[Message]:
        pulled = await self.world.runtime.pull(ref, None, 0)
        return [m for m in pulled.messages if m.author == "assistant" and m.kind == "chat"]


@asynccontextmanager
async def errand(
    calendars: tuple[Calendar, ...] = (CALENDAR,), pool: Pool | None = POOL
) -> AsyncIterator[Errand]:
    async with world(RULES) as here:
        yield Errand(here, calendars, {"w": pool} if pool else {})


async def test_a_clicked_schedule_shows_the_next_free_slots() -> None:
    async with errand() as here:
        ref, message_id = await here.clicked("plan")
        await here.carry_out()
        (action,) = await here.actions(ref)
        assert (action["message_id"], action["action"]) == (message_id, "schedule")
        assert (action["calendar_id"], action["timezone"]) == ("main", "UTC")
        slots = action["slots"]
        assert isinstance(slots, list)
        assert len(slots) == SLOTS_SHOWN
        assert slots[0] == {
            "appointment_slot": "2025-06-15T16:00:00+00:00",
            "end": "2025-06-15T17:00:00+00:00",
            "date": "2025-06-15",
            "time": "4:00 PM - 5:00 PM",
            "available": 1,
        }


async def test_a_clicked_call_shows_a_number_and_begins_a_conversation_by_voice() -> None:
    async with errand() as here:
        ref, message_id = await here.clicked("ring")
        await here.carry_out()
        assert await here.actions(ref) == [
            {"message_id": message_id, "action": "call", "phone_number": "+14165550000"}
        ]
        view = await here.world.runtime.view(ref)
        assert view is not None
        assert view.channel == "voice"


@pytest.mark.parametrize("value", ["plan", "ring"])
async def test_doing_it_twice_tells_the_session_once(value: str) -> None:
    async with errand() as here:
        ref, _ = await here.clicked(value)
        await here.carry_out()
        await here.carry_out()
        assert len(await here.actions(ref)) == 1


@pytest.mark.parametrize("value", ["plan", "ring"])
async def test_where_there_is_nothing_to_offer_a_person_is(value: str) -> None:
    async with errand(calendars=(), pool=None) as here:
        ref, _ = await here.clicked(value)
        await here.carry_out()
        await here.carry_out()
        assert await here.actions(ref) == []
        (said,) = await here.said(ref)
        assert said.text == "A person will help."
        assert [reply.action for reply in said.replies] == ["handoff"]


async def test_a_calendar_without_a_free_slot_offers_a_person() -> None:
    full = Calendar("main", "UTC", ((((540, 1_020),),) * 7), lead_ms=10**11, horizon_days=1)  # type: ignore[arg-type]
    async with errand(calendars=(full,)) as here:
        ref, _ = await here.clicked("plan")
        await here.carry_out()
        assert len(await here.said(ref)) == 1


async def test_a_session_that_ended_meanwhile_is_left_alone() -> None:
    async with errand() as here:
        ref, _ = await here.clicked("ring")
        await here.world.runtime.close_session(ref, "api")
        await here.carry_out()
        assert await here.actions(ref) == []


async def test_a_closed_session_leaves_its_place() -> None:
    async with errand() as here:
        ref, _ = await here.clicked("plan")
        await here.desk.enter(ref, "asst")
        await here.world.runtime.close_session(ref, "api")
        await here.carry_out()
        assert (await here.desk.places("w", "asst")).seated == ()
