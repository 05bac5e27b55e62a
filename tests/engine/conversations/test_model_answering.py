"""Answering, where assistants may fail: what stands then, what is counted, and what goes with a reply."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.causes import HandoffRequested, decode_cause
from engine.conversations.answering import Answering
from engine.conversations.assistants import AssistantTerms, NoAnswer, Otherwise, Piece, Reply
from engine.conversations.writing import Delta
from engine.counts import tokens_count
from engine.limits import EARLIER_MESSAGES_MAX
from engine.message import Message
from engine.stores.base import SessionRef
from engine.stores.days import utc_day
from tests.engine.conversations.answerers import Writer
from tests.engine.world import HELP, SECRET, World, world

pytestmark = pytest.mark.anyio
TEXT = HELP + 'answer cost { asked "how much does a repair cost" say "A visit is $89." }\n'
MODEL = AssistantTerms("asst", "I do not know.", kind="openai", timeout_ms=5_000, workspace="w")


@pytest.fixture(params=["memory:", "sqlite"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    url = request.param if request.param == "memory:" else f"sqlite:///{tmp_path}/shop.db"
    async with world(TEXT, url) as made:
        yield made


class Failing(Writer):
    """Writes what it was given, and gives up."""

    async def answer(self, question: object) -> AsyncIterator[Piece | Otherwise | Reply]:
        for part in self.parts:
            yield part
        raise NoAnswer("it is tired")


def answering(shop: World, assistant: Writer, terms: AssistantTerms = MODEL) -> Answering:
    return Answering(shop.runtime, {"w": (terms,)}, SECRET, lambda _: assistant)


async def said(shop: World, text: str) -> tuple[SessionRef, Message]:
    ref = await shop.session()
    await shop.view(ref, "/prices")
    message = await shop.runtime.say(ref, text)
    assert message is not None
    return ref, message


@pytest.mark.parametrize(
    ("text", "reply"), [("repair cost", "A visit is $89."), ("hello", "I do not know.")]
)
async def test_where_a_model_fails_a_block_answers_if_one_fits(
    shop: World, text: str, reply: str, caplog: pytest.LogCaptureFixture
) -> None:
    ref, message = await said(shop, text)
    found = await answering(shop, Failing(Piece("I th"))).answer(ref, message.id)
    assert found is not None
    assert (found.text, found.model) == (reply, "model_unavailable")
    assert f"assistant asst did not answer {message.id}: it is tired" in caplog.text


async def test_the_latest_of_what_stands_otherwise_is_said(shop: World) -> None:
    ref, message = await said(shop, "hello")
    first, last = Otherwise(Reply("One.", error="e")), Otherwise(Reply("Two.", error="e"))
    found = await answering(shop, Failing(first, Piece("I th"), last)).answer(ref, message.id)
    assert found is not None
    assert (found.text, found.model) == ("Two.", "e")


async def test_what_stands_is_said_when_the_time_is_over(shop: World) -> None:
    class Stuck(Writer):
        async def answer(self, question: object) -> AsyncIterator[Piece | Otherwise | Reply]:
            yield Otherwise(Reply("Booked.", error="e"))
            await asyncio.Event().wait()

    ref, message = await said(shop, "hello")
    terms = msgspec.structs.replace(MODEL, timeout_ms=20)
    found = await answering(shop, Stuck(), terms).answer(ref, message.id)
    assert found is not None
    assert found.text == "Booked."


async def test_a_reply_that_cost_tokens_is_counted_with_it(shop: World) -> None:
    ref, message = await said(shop, "hello")
    answers = answering(shop, Writer(Reply("Yes.", model="m", tokens=42)))
    for _ in range(2):
        await answers.answer(ref, message.id)
    name = tokens_count("asst")
    counts = await shop.store.counts("w", [utc_day(shop.clock.now_ms())], name)
    assert counts == {name: 42}


async def test_a_person_is_asked_for_in_the_commit_of_the_reply(shop: World) -> None:
    ref, message = await said(shop, "hello")
    found = await answering(shop, Writer(Reply("One moment.", team="sales"))).answer(
        ref, message.id
    )
    assert found is not None
    pulled = await shop.runtime.pull(ref, None, 0)
    reply, notice = pulled.items[-2:]
    assert isinstance(reply, Message)
    assert (reply.text, getattr(notice, "name", "")) == ("One moment.", "handoff")
    assert getattr(notice, "data", {})["team"] == "sales"
    causes = [decode_cause(kept.body).body for kept in await shop.store.take_causes()]
    assert [one.team for one in causes if isinstance(one, HandoffRequested)] == ["sales"]
    view = await shop.runtime.view(ref)
    assert view is not None
    assert view.paused


async def test_an_assistant_is_given_the_newest_messages_up_to_the_limit() -> None:
    async with world(TEXT) as shop:
        ref, _ = await said(shop, "0")
        for number in range(1, EARLIER_MESSAGES_MAX + 10):
            await shop.runtime.say(ref, str(number))
        asked = await shop.runtime.say(ref, "now")
        assert asked is not None
        writer = Writer(Reply("Yes."), earlier_max=1_000)
        await answering(shop, writer).answer(ref, asked.id)
        texts = [message.text for message in writer.asked[0].earlier]
        assert texts == [str(n) for n in range(10, EARLIER_MESSAGES_MAX + 10)]


async def test_an_assistant_knows_how_the_visitor_is_called_and_which_site_it_is(
    shop: World,
) -> None:
    ref, message = await said(shop, "hello")
    await shop.track(ref, "identify", properties={"first_name": "Ada", "email": "a@b.example"})
    writer = Writer(Reply("Yes."))
    await answering(shop, writer).answer(ref, message.id)
    (question,) = writer.asked
    assert dict(question.contact) == {"first_name": "Ada", "email": "a@b.example"}
    assert question.source == "site"


async def test_what_assistants_hold_is_released_at_the_end_after_the_last_answer() -> None:
    async with world(TEXT) as shop:
        writer = Writer(Reply("Late."))
        writer.gate.clear()
        order: list[int] = []

        async def release() -> None:
            order.append(writer.running)

        answers = Answering(
            shop.runtime, {"w": (MODEL,)}, SECRET, lambda _: writer, release=release
        )
        ref, message = await said(shop, "hello")
        task = asyncio.create_task(answers.answer(ref, message.id))
        async with asyncio.timeout(5):
            while not writer.running:  # noqa: ASYNC110  # nothing announces it
                await asyncio.sleep(0)
        await answers.stop()
        await asyncio.gather(task, return_exceptions=True)
        assert order == [0]


async def test_pieces_are_told_and_what_stands_is_not(shop: World) -> None:
    ref, message = await said(shop, "hello")
    answers = answering(shop, Failing(Piece("I th"), Otherwise(Reply("Secret.", error="e"))))
    heard: list[object] = []
    answers.writing.listen(ref, heard.append)
    await answers.answer(ref, message.id)
    assert [one.text for one in heard if isinstance(one, Delta)] == ["I th"]
