"""What a model calls is done once, and what cannot be done is told to it in words."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from engine.conversations.assistant_tools import Offered
from engine.conversations.assistants import Question
from engine.conversations.bookings import Bookings
from engine.conversations.chat_completions import CalledFunction, ToolCall
from engine.conversations.slots import Calendar
from engine.conversations.tool_calls import (
    CALLS_MAX,
    SLOTS_TOLD,
    Counter,
    ToolCalls,
    booking_words,
)
from engine.message import Message
from tests.engine.world import HELP, SECRET, World, world

pytestmark = pytest.mark.anyio
DAY = ((480, 1_080),)
VISITS = Calendar("visits", "America/Chicago", (DAY, DAY, DAY, DAY, DAY, DAY, DAY), capacity=2)
WORDS = "I am Ada, ada@example.com"


@pytest.fixture
async def shop() -> AsyncIterator[World]:
    async with world(HELP) as made:
        yield made


def counter(shop: World, *calendars: Calendar) -> Counter:
    bookings = Bookings(shop.store, shop.runtime, shop.clock, SECRET, {"w": calendars or (VISITS,)})
    return Counter(shop.runtime, bookings, shop.clock, SECRET)


async def asked(shop: World, text: str = WORDS) -> Question:
    ref = await shop.session()
    await shop.view(ref, "/prices")
    message = await shop.runtime.say(ref, text)
    assert message is not None
    return Question(ref, message, shop.program, {})


async def calls(shop: World, question: Question | None = None, **given: object) -> ToolCalls:
    offered = Offered(**{"has_calendar": True, "teams": ("sales",), **given})  # type: ignore[arg-type]
    return ToolCalls(counter(shop), question or await asked(shop), offered)


def call(name: str, /, **arguments: object) -> ToolCall:
    return ToolCall("c", CalledFunction(name, msgspec.json.encode(arguments).decode()))


async def slots(made: ToolCalls, **days: str) -> list[dict]:
    return msgspec.json.decode(await made.take(call("find_slots", **days)))["slots"]


def book(slot: dict, **given: object) -> ToolCall:
    customer = {"name": "Ada", "email": "ada@example.com", **given}
    return call("book", appointment_slot=slot["appointment_slot"], **customer)


async def appointments(shop: World) -> int:
    found, _ = await counter(shop).bookings.listed("w", "", None, 100)
    return len(found)


# ---- slots


async def test_free_slots_are_shown_with_their_weekday(shop: World) -> None:
    first = (await slots(await calls(shop), date_from="2025-06-16"))[0]
    assert first == {
        "appointment_slot": "2025-06-16T08:00:00-05:00",
        "weekday": "Monday",
        "date": "2025-06-16",
        "time": "8:00 AM - 10:00 AM",
    }


async def test_a_model_is_told_of_so_many_slots(shop: World) -> None:
    told = msgspec.json.decode(await (await calls(shop)).take(call("find_slots")))
    assert (len(told["slots"]), told["more"]) == (SLOTS_TOLD, True)
    assert told["timezone"] == "America/Chicago"


async def test_days_without_a_free_slot_are_said_to_be_full(shop: World) -> None:
    made = await calls(shop)
    assert "no free slot" in await made.take(call("find_slots", date_from="2027-01-01"))


# ---- booking


async def test_a_booking_is_an_appointment_of_the_session(shop: World) -> None:
    made = await calls(shop)
    slot = (await slots(made))[3]
    told = msgspec.json.decode(await made.take(book(slot, notes=" cold ")))
    assert (told["booked"], told["date"], told["time"]) == (True, slot["date"], slot["time"])
    (appointment,) = made.booked
    customer = appointment.customer
    assert (customer["name"], customer["email"]) == ("Ada", "ada@example.com")
    assert (appointment.session, appointment.notes) == (made._question.ref.session, "cold")
    assert (
        booking_words(appointment) == f"Your appointment is booked: {slot['date']}, {slot['time']}."
    )


async def test_the_same_call_again_books_once(shop: World) -> None:
    made = await calls(shop)
    slot = (await slots(made))[0]
    first, second = [await made.take(book(slot)) for _ in range(2)]
    assert (first, await appointments(shop), len(made.booked)) == (second, 1, 1)


async def test_the_same_slot_for_a_later_message_is_booked_once(shop: World) -> None:
    made = await calls(shop)
    slot = (await slots(made))[0]
    await made.take(book(slot))
    later = await calls(shop, await asked(shop, WORDS + ", as I said"))
    assert msgspec.json.decode(await later.take(book(slot)))["booked"] is True
    assert await appointments(shop) == 1


async def test_an_answer_that_is_tried_again_books_what_it_booked(shop: World) -> None:
    question = await asked(shop)
    before, after = await calls(shop, question), await calls(shop, question)
    first, other, third = (await slots(before))[:3]
    told = await before.take(book(first))
    # The second try finds another slot better; the first one's appointment is what there is.
    assert await after.take(book(other)) == told
    assert await after.take(book(third)) != told
    assert await appointments(shop) == 2


async def test_an_answer_that_is_tried_again_books_what_it_did_not_come_to(shop: World) -> None:
    question = await asked(shop)
    before, after = await calls(shop, question), await calls(shop, question)
    first, other = (await slots(before))[:2]
    await before.take(book(first))
    await after.take(book(first))
    told = msgspec.json.decode(await after.take(book(other)))
    assert (told["time"], await appointments(shop)) == (other["time"], 2)


async def test_a_slot_of_this_answer_is_known_after_another_was_booked(shop: World) -> None:
    made = await calls(shop)
    first, other = (await slots(made))[:2]
    for slot in (first, other, first):
        await made.take(book(slot))
    assert await appointments(shop) == 2


async def test_two_slots_in_one_answer_are_two_appointments(shop: World) -> None:
    question = await asked(shop)
    for _ in range(2):
        made = await calls(shop, question)
        for slot in (await slots(made))[:2]:
            await made.take(book(slot))
    assert await appointments(shop) == 2


async def test_a_cancelled_slot_can_be_booked_again(shop: World) -> None:
    made = await calls(shop)
    slot = (await slots(made))[0]
    await made.take(book(slot))
    await counter(shop).bookings.cancel("w", made.booked[0].id)
    later = await calls(shop, await asked(shop, WORDS + ", again"))
    await later.take(book(slot))
    assert (await appointments(shop), later.booked[0].status) == (2, "scheduled")


async def test_what_cannot_be_booked_is_told_in_words(shop: World) -> None:
    made = await calls(shop)
    slot = (await slots(made))[0]
    assert "ask" in await made.take(book(slot, email="john@example.com"))
    assert "ask" in await made.take(book(slot, email=None))
    closed = {"appointment_slot": "2025-06-16T03:00:00-05:00"}
    assert "no free slot" in await made.take(book(closed))
    assert "call find_slots" in await made.take(book({"appointment_slot": "soon"}))
    assert await appointments(shop) == 0


async def test_a_slot_that_others_took_is_told_in_words(shop: World) -> None:
    slot = (await slots(await calls(shop)))[0]
    for n in range(VISITS.capacity + 1):
        ref = await shop.session(f"other-{n}")
        await shop.view(ref, "/")
        message = await shop.runtime.say(ref, WORDS)
        assert message is not None
        told = await (await calls(shop, Question(ref, message, shop.program, {}))).take(book(slot))
    assert "just been taken" in told


async def test_earlier_words_of_the_visitor_count_and_the_assistant_s_do_not(shop: World) -> None:
    question = await asked(shop, "the first, please")
    slot = (await slots(await calls(shop, question)))[0]
    for author, is_booked in (("assistant", False), ("visitor", True)):
        earlier = (Message("msg_0", WORDS, 0, author=author, kind="chat"),)  # type: ignore[arg-type]
        made = await calls(shop, msgspec.structs.replace(question, earlier=earlier))
        await made.take(book(slot))
        assert bool(made.booked) is is_booked


# ---- persons, and everything else


async def test_a_person_is_asked_for_by_team(shop: World) -> None:
    made = await calls(shop)
    assert "no such team" in await made.take(call("hand_over", team="billing"))
    assert made.team is None
    assert "a person takes over" in await made.take(call("hand_over", team="Sales"))
    assert made.team == "sales"


async def test_a_tool_that_is_not_offered_does_nothing(shop: World) -> None:
    made = await calls(shop, has_calendar=False)
    for name in ("book", "find_slots", "delete_everything", ""):
        assert await made.take(call(name)) == "error: there is no such tool; there are: hand_over"
    made = await calls(shop, teams=())
    assert "no such tool" in await made.take(call("hand_over"))
    assert made.team is None


async def test_more_calls_than_allowed_are_refused(shop: World) -> None:
    made = await calls(shop)
    told = [await made.take(call("find_slots")) for _ in range(CALLS_MAX + 1)]
    assert ["no more calls" in one for one in told] == [False] * CALLS_MAX + [True]
