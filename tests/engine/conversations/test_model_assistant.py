"""The model assistant on a server that plays: it speaks, calls, costs, fails, and always leaves one reply."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conversations.answering import Answering
from engine.conversations.assistant_tools import Offered
from engine.conversations.assistants import AssistantTerms
from engine.conversations.bookings import Bookings
from engine.conversations.breaker import FAILURES_MAX, PEACE_MS
from engine.conversations.completions_server import CompletionsServer, ServerFailed
from engine.conversations.model_assistant import ModelAssistant, ModelTerms
from engine.conversations.model_turn import HANDED_OVER, ROUNDS_MAX, TOKENS_MAX
from engine.conversations.prompting import Setting
from engine.conversations.slots import Calendar
from engine.conversations.token_budget import TokenBudget
from engine.conversations.tool_calls import Counter
from engine.conversations.writing import Delta, Typing
from engine.message import Message
from engine.stores.base import SessionRef
from tests.engine.conversations.completions import (
    SILENCE,
    Played,
    call,
    called,
    chunk,
    spoken,
    sse,
    usage,
)
from tests.engine.world import HELP, SECRET, World, world

pytestmark = pytest.mark.anyio
TEXT = (
    HELP
    + """
answer cost { asked "how much does a repair cost" say "A visit is $89." }
answer other { asked anything say "I will pass that on." }
"""
)
DAY = ((480, 1_080),)
VISITS = Calendar("visits", "America/Chicago", (DAY, DAY, DAY, DAY, DAY, DAY, DAY))
SLOT = "2025-06-16T08:00:00-05:00"
BOOKS = call("book", {"appointment_slot": SLOT, "name": "Ada", "email": "ada@example.com"})
WORDS = "I am Ada, ada@example.com"
GONE = ServerFailed("the model's server cannot be reached")
BROKEN = ServerFailed("the model's server answered 500", status=500)
DENIED = ServerFailed("the model's server answered 401", status=401)
BEGUN = sse(chunk(content="I th"), done=False)


@pytest.fixture
async def shop() -> AsyncIterator[World]:
    async with world(TEXT) as made:
        yield made


class Desk:
    """One assistant on a server, asked through `Answering`."""

    def __init__(
        self,
        shop: World,
        server: CompletionsServer,
        *,
        offered: Offered = Offered(True, ("sales",)),  # noqa: B008  # frozen
        per_day: int = 0,
        **terms: object,
    ) -> None:
        bookings = Bookings(shop.store, shop.runtime, shop.clock, SECRET, {"w": (VISITS,)})
        counter = Counter(shop.runtime, bookings, shop.clock, SECRET)
        own = AssistantTerms("asst", "I do not know.", kind="openai", workspace="w", **terms)  # type: ignore[arg-type]
        self.shop = shop
        self.bookings = bookings
        self.assistant = ModelAssistant(
            own,
            ModelTerms("small-1", Setting("Helper", "Acme", "UTC"), offered=offered),
            server=server,
            counter=counter,
            budget=TokenBudget(shop.store, shop.clock, "w", "asst", per_day=per_day),
        )
        self.answering = Answering(shop.runtime, {"w": (own,)}, SECRET, lambda _: self.assistant)
        self.heard: list[Typing | Delta] = []

    async def ask(self, text: str = "Are you open?", alias: str = "browser-1") -> Message:
        ref = await self.shop.session(alias)
        await self.shop.view(ref, "/prices")
        message = await self.shop.runtime.say(ref, text)
        assert message is not None
        leave = self.answering.writing.listen(ref, self.heard.append)
        reply = await self.answering.answer(ref, message.id)
        leave()
        assert reply is not None
        assert await self.replies(ref, message) == [reply.text]
        return reply

    async def replies(self, ref: SessionRef, question: Message) -> list[str]:
        messages = await self.shop.runtime.messages(ref, 0, 100)
        return [message.text for message in messages if message.answer_to == question.id]

    @property
    def told(self) -> str:
        return "".join(one.text for one in self.heard if isinstance(one, Delta))

    async def appointments(self) -> int:
        return len((await self.bookings.listed("w", "", None, 100))[0])


def brought(reply: Message) -> tuple[str, str, int]:
    return reply.text, reply.model, reply.tokens


# ---- words


async def test_the_model_s_words_are_the_reply_with_its_name_and_cost(shop: World) -> None:
    desk = Desk(shop, Played(spoken("Yes, ", "till 6. ", cost=(90, 10))))
    assert brought(await desk.ask()) == ("Yes, till 6.", "small-1", 100)
    assert desk.told == "Yes, till 6. "


async def test_words_that_reached_their_length_end_with_a_sign(shop: World) -> None:
    desk = Desk(shop, Played(spoken("We are open from", finish="length")))
    assert (await desk.ask()).text == "We are open from…"


async def test_a_request_says_how_the_model_is_asked(shop: World) -> None:
    server = Played(spoken("Yes."))
    await Desk(shop, server).ask()
    (asked,) = server.asked
    assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("small-1", 0.2, 300)
    assert (asked["stream"], asked["stream_options"]) == (True, {"include_usage": True})
    assert [tool["function"]["name"] for tool in asked["tools"]] == [
        "find_slots",
        "book",
        "hand_over",
    ]


async def test_a_model_is_offered_no_tools_where_there_is_no_use_for_them(shop: World) -> None:
    server = Played(spoken("Yes."))
    await Desk(shop, server, offered=Offered()).ask()
    assert {"tools", "tool_choice"} & set(server.asked[0]) == set()


async def test_a_block_that_was_asked_for_is_said_first(shop: World) -> None:
    server = Played(spoken("Yes."))
    reply = await Desk(shop, server).ask("What does a repair cost?")
    assert (brought(reply), reply.answer) == (("A visit is $89.", "answers", 0), "cost")
    assert server.asked == []


async def test_who_wants_no_blocks_is_answered_by_the_model_alone(shop: World) -> None:
    desk = Desk(shop, Played(spoken("About 90."), GONE), use_answers=False)
    assert (await desk.ask("What does a repair cost?")).text == "About 90."
    assert (await desk.ask("What does a repair cost?")).text == "I do not know."


# ---- cost


@pytest.mark.parametrize(
    "told",
    [None, {}, {"total_tokens": TOKENS_MAX + 1}, {"total_tokens": -5}, {"prompt_tokens": None}],
)
async def test_a_cost_that_cannot_be_is_estimated(
    shop: World, told: dict | None, caplog: pytest.LogCaptureFixture
) -> None:
    events = [chunk(content="x" * 400), chunk(finish_reason="stop")]
    server = Played(sse(*events, {"choices": [], "usage": told}))
    desk = Desk(shop, server)
    for n in range(2):
        reply = await desk.ask(alias=f"browser-{n}")
        prompt = sum(len(one["content"]) for one in server.asked[-1]["messages"])
        assert reply.tokens == pytest.approx(prompt / 4 + 100, abs=2)
    assert caplog.text.count("does not tell its tokens") == 1


async def test_the_rounds_of_an_answer_are_added_up(shop: World) -> None:
    desk = Desk(shop, Played(called(call("find_slots", {})), spoken("At 8.", cost=(90, 10))))
    assert (await desk.ask()).tokens == 55 + 100


async def test_what_failed_has_cost_what_was_read(shop: World) -> None:
    server = Played([BEGUN, GONE])
    reply = await Desk(shop, server).ask()
    prompt = sum(len(one["content"]) for one in server.asked[0]["messages"])
    assert reply.tokens == pytest.approx(prompt / 4, abs=2)
    assert (await Desk(shop, Played(GONE)).ask()).tokens == 0


async def test_above_a_day_s_tokens_what_is_built_in_answers(
    shop: World, caplog: pytest.LogCaptureFixture
) -> None:
    server = Played(spoken("Yes.", cost=(90, 10)))
    desk = Desk(shop, server, per_day=100)
    assert (await desk.ask()).text == "Yes."
    for _ in range(2):
        assert brought(await desk.ask())[:2] == ("I will pass that on.", "model_unavailable")
    assert (await desk.ask("repair cost")).model == "answers"
    assert len(server.asked) == 1
    assert caplog.text.count("has used its tokens of today") == 1


# ---- calls


async def test_what_came_of_calls_is_shown_to_the_model_in_their_order(shop: World) -> None:
    calls = [
        call("hand_over", {"team": "x"}, call_id="a"),
        call("nothing", {}, index=1, call_id="b"),
    ]
    server = Played(called(*calls, before="Let me see."), spoken("Sorry."))
    desk = Desk(shop, server)
    assert (await desk.ask()).text == desk.told == "Let me see.\n\nSorry."
    said, *shown = server.asked[1]["messages"][-3:]
    assert (said["role"], said["content"]) == ("assistant", "Let me see.")
    assert [one["id"] for one in said["tool_calls"]] == ["a", "b"]
    assert [(one["role"], one["tool_call_id"]) for one in shown] == [("tool", "a"), ("tool", "b")]
    assert all(one["content"].startswith("error: there is no such") for one in shown)


async def test_after_so_many_rounds_it_has_to_speak(shop: World) -> None:
    looks = called(call("find_slots", {}))
    server = Played(*[looks] * ROUNDS_MAX, spoken("At 8."))
    assert (await Desk(shop, server).ask()).text == "At 8."
    choices = [asked.get("tool_choice") for asked in server.asked]
    assert choices == [None] * ROUNDS_MAX + ["none"]


async def test_a_model_that_only_calls_is_no_answer(shop: World) -> None:
    server = Played(called(call("find_slots", {})))
    assert (await Desk(shop, server).ask()).model == "model_unavailable"
    assert len(server.asked) == ROUNDS_MAX + 1


async def test_a_person_who_was_asked_for_takes_over_whatever_becomes_of_the_model(
    shop: World,
) -> None:
    hands_over = called(call("hand_over", {"team": "sales"}))
    for number, then in enumerate((GONE, spoken(), spoken("A colleague comes."))):
        alias = f"browser-{number}"
        reply = await Desk(shop, Played(hands_over, then)).ask(alias=alias)
        assert reply.text == ("A colleague comes." if number == 2 else HANDED_OVER)
        view = await shop.runtime.view(await shop.session(alias))
        assert view is not None
        assert view.paused


async def test_what_was_booked_is_said_though_the_model_falls_silent(shop: World) -> None:
    desk = Desk(shop, Played(called(BOOKS), [BEGUN, SILENCE]), timeout_ms=200)
    reply = await desk.ask(WORDS)
    assert reply.text == "Your appointment is booked: 2025-06-16, 8:00 AM - 10:00 AM."
    assert (reply.model, await desk.appointments()) == ("model_unavailable", 1)


async def test_an_answer_that_ended_with_its_server_is_given_after_the_start_and_books_once(
    shop: World,
) -> None:
    before = Desk(shop, Played(called(BOOKS), [SILENCE]))
    ref = await shop.session()
    await shop.view(ref, "/prices")
    message = await shop.runtime.say(ref, WORDS)
    assert message is not None
    task = asyncio.create_task(before.answering.answer(ref, message.id))
    async with asyncio.timeout(5):
        while not await before.appointments():  # noqa: ASYNC110  # nothing announces it
            await asyncio.sleep(0)
    await before.answering.stop()
    await asyncio.gather(task, return_exceptions=True)
    assert await before.replies(ref, message) == []
    after = Desk(shop, Played(called(BOOKS), spoken("It is booked.")))
    reply = await after.answering.answer(ref, message.id)
    assert reply is not None
    assert (reply.text, await after.appointments()) == ("It is booked.", 1)


# ---- failures


@pytest.mark.parametrize("failure", [GONE, BROKEN, [GONE], [sse(done=False), GONE]])
async def test_before_its_first_words_it_is_asked_once_more(
    shop: World, failure: ServerFailed | Sequence[bytes | ServerFailed]
) -> None:
    server = Played(failure, spoken("Yes."))
    assert (await Desk(shop, server).ask()).text == "Yes."
    assert len(server.asked) == 2
    again = Played(failure)
    assert (await Desk(shop, again).ask()).model == "model_unavailable"
    assert len(again.asked) == 2


@pytest.mark.parametrize(
    "failure", [DENIED, ServerFailed("busy", status=503, retry_after_ms=5_000), [BEGUN, GONE]]
)
async def test_what_will_not_pass_or_is_half_told_is_not_asked_again(
    shop: World, failure: ServerFailed | Sequence[bytes | ServerFailed]
) -> None:
    server = Played(failure, spoken("Yes."))
    assert (await Desk(shop, server).ask()).text == "I will pass that on."
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_that_tells_no_cost_is_asked_without_it(shop: World, status: int) -> None:
    refused = ServerFailed(f"the model's server answered {status}", status=status)
    server = Played(refused, spoken("Yes.", cost=None))
    desk = Desk(shop, server)
    for number in range(2):
        assert (await desk.ask(alias=f"browser-{number}")).text == "Yes."
    assert ["stream_options" in asked for asked in server.asked] == [True, False, False]


async def test_a_refusal_for_another_reason_changes_nothing_for_the_next(shop: World) -> None:
    refused = ServerFailed("the model's server answered 400", status=400)
    server = Played(refused, refused, spoken("Yes."))
    desk = Desk(shop, server)
    assert (await desk.ask()).model == "model_unavailable"
    assert (await desk.ask(alias="browser-2")).text == "Yes."
    assert ["stream_options" in asked for asked in server.asked] == [True, False, True]


async def test_once_words_were_told_a_later_round_is_not_asked_again(shop: World) -> None:
    server = Played(called(call("find_slots", {}), before="Let me look."), GONE, spoken("At 8."))
    assert (await Desk(shop, server).ask()).model == "model_unavailable"
    assert len(server.asked) == 2


async def test_a_connection_that_ends_after_the_last_word_is_no_failure(shop: World) -> None:
    whole = sse(chunk(content="Yes."), chunk(finish_reason="stop"), done=False)
    assert (await Desk(shop, Played([whole, GONE])).ask()).text == "Yes."


async def test_a_model_that_keeps_failing_is_not_asked_until_it_had_some_peace(shop: World) -> None:
    server = Played(DENIED)
    desk = Desk(shop, server)
    for number in range(FAILURES_MAX + 3):
        assert (await desk.ask(alias=f"browser-{number}")).model == "model_unavailable"
    assert len(server.asked) == FAILURES_MAX
    server.answers = [spoken("I am back.")]
    shop.clock.advance(PEACE_MS)
    assert (await desk.ask()).text == "I am back."


async def test_filtered_answers_do_not_keep_others_from_the_model(shop: World) -> None:
    server = Played(spoken("Bad words", finish="content_filter"))
    desk = Desk(shop, server)
    for number in range(FAILURES_MAX + 1):
        assert (await desk.ask(alias=f"browser-{number}")).model == "model_unavailable"
    assert len(server.asked) == FAILURES_MAX + 1


async def test_a_failure_is_logged_without_anybody_s_words(
    shop: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    failures = [
        DENIED,
        [BEGUN, GONE],
        sse({"error": "my furnace"}),
        spoken("furnace" * 9, finish="content_filter"),
    ]
    for number, failure in enumerate(failures):
        await Desk(shop, Played(failure)).ask("My furnace, ada@example.com", f"browser-{number}")
    assert caplog.text.count("asst did not answer msg_") == len(failures)
    assert [word for word in ("furnace", "ada@", "I th") if word in caplog.text] == []


# ---- the law

SENT = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.just(GONE),
        st.sampled_from(
            [
                BEGUN,
                sse(chunk(finish_reason="stop"), done=False),
                b"data: [DONE]\n\n",
                called(BOOKS),
                called(call("find_slots", "{")),
                called(call("hand_over", {})),
                sse(usage(10**18, 10**18), done=False),
                spoken("Yes."),
            ]
        ),
    ),
    max_size=6,
)


@given(st.lists(SENT, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_whatever_the_server_sends_there_is_exactly_one_reply(
    answers: list[list[bytes | ServerFailed]],
) -> None:
    async def asked() -> None:
        async with world(TEXT) as shop:
            desk = Desk(shop, Played(*answers))
            reply = await desk.ask(WORDS)
            assert reply.text
            assert reply.model in ("small-1", "model_unavailable")
            assert await desk.appointments() <= 1
            assert msgspec.msgpack.encode(reply)

    asyncio.run(asked())
