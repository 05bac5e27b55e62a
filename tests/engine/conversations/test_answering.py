"""Each message of a visitor is answered once, by whom it should be, and not at all where a person speaks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from engine.causes import FollowUp, decode_cause
from engine.conversations import answering as answering_module
from engine.conversations.answering import (
    REPLY_BUTTONS_MAX,
    REPLY_CHARS_MAX,
    WRITING_MAX,
    Answering,
)
from engine.conversations.assistants import (
    Assistant,
    AssistantTerms,
    Piece,
    Reply,
    assistant_of,
)
from engine.conversations.orders import Post
from engine.conversations.writing import LISTENERS_MAX, Delta, Typing
from engine.message import Message, QuickReply
from engine.stores.base import SessionRef
from tests.engine.conversations.answerers import TERMS, Broken, Writer
from tests.engine.world import HELP, SECRET, World, world

pytestmark = pytest.mark.anyio
TEXT = (
    HELP
    + """
answer cost { asked "how much does a repair cost" say "A visit is $89." }
"""
)


@pytest.fixture(params=["memory:", "sqlite"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    url = request.param if request.param == "memory:" else f"sqlite:///{tmp_path}/shop.db"
    async with world(TEXT, url) as made:
        yield made


def answering(
    shop: World, assistant: Assistant | None = None, terms: AssistantTerms = TERMS
) -> Answering:
    make = assistant_of if assistant is None else lambda _: assistant
    return Answering(shop.runtime, {"w": (terms,)}, SECRET, make)


async def said(shop: World, text: str, alias: str = "browser-1") -> tuple[SessionRef, Message]:
    ref = await shop.session(alias)
    await shop.view(ref, "/prices")
    message = await shop.runtime.say(ref, text)
    assert message is not None
    return ref, message


async def replies(shop: World, ref: SessionRef) -> list[str]:
    messages = await shop.runtime.messages(ref, 0, 100)
    return [message.text for message in messages if message.author == "assistant"]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110  # nothing announces it
            await asyncio.sleep(0)


# ---- once


async def test_the_best_block_answers_a_visitor_and_the_reply_is_kept(shop: World) -> None:
    ref, message = await said(shop, "How much is a repair?")
    reply = await answering(shop).answer(ref, message.id)
    assert reply is not None
    assert (reply.text, reply.author, reply.kind) == ("A visit is $89.", "assistant", "chat")
    assert (reply.model, reply.tokens, reply.answer) == ("answers", 0, "cost")
    assert (await shop.runtime.messages(ref, 0, 10))[-1].id == reply.id


async def test_asking_again_gives_the_same_reply_and_says_nothing(shop: World) -> None:
    ref, message = await said(shop, "repair cost")
    answers = answering(shop)
    first = await answers.answer(ref, message.id)
    second = await answers.answer(ref, message.id)
    assert first is not None
    assert second is not None
    assert (second.id, second.text) == (first.id, first.text)
    assert await replies(shop, ref) == ["A visit is $89."]


async def test_fifty_who_ask_at_once_get_one_reply(shop: World) -> None:
    writer = Writer(Reply("Once."))
    ref, message = await said(shop, "repair cost")
    answers = answering(shop, writer)
    got = await asyncio.gather(*(answers.answer(ref, message.id) for _ in range(50)))
    assert len({reply.id for reply in got if reply is not None}) == 1
    assert (len(writer.asked), await replies(shop, ref)) == (1, ["Once."])


async def test_two_servers_of_one_store_say_it_once(shop: World) -> None:
    one, other = Writer(Reply("From one.")), Writer(Reply("From the other."))
    ref, message = await said(shop, "repair cost")
    got = await asyncio.gather(
        answering(shop, one).answer(ref, message.id), answering(shop, other).answer(ref, message.id)
    )
    assert len({reply.text for reply in got if reply is not None}) == 1
    assert len(await replies(shop, ref)) == 1


async def test_after_a_restart_the_reply_is_the_one_that_was_given(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    async with world(TEXT, url) as before:
        ref, message = await said(before, "repair cost")
        given = await answering(before, Writer(Reply("Before."))).answer(ref, message.id)
    async with world(TEXT, url) as after:
        writer = Writer(Reply("After."))
        again = await answering(after, writer).answer(ref, message.id)
        assert given is not None
        assert again is not None
        assert (again.id, again.text, writer.asked) == (given.id, "Before.", [])


async def test_an_answer_that_was_due_when_the_process_died_is_given_after_the_restart(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    async with world(TEXT, url) as before:
        ref, _ = await said(before, "repair cost")
    async with world(TEXT, url) as after:
        causes = [decode_cause(kept.body) for kept in await after.store.take_causes()]
        due = [c for c in causes if isinstance(c.body, FollowUp) and c.body.work == "answer"]
        assert len(due) == 1
        answers = answering(after)
        await answers.follow_up(due[0])
        await answers.follow_up(due[0])
        assert await replies(after, ref) == ["A visit is $89."]


async def test_the_messages_of_one_session_are_answered_in_their_order(shop: World) -> None:
    ref, first = await said(shop, "one")
    second = await shop.runtime.say(ref, "two")
    assert second is not None
    writer = Writer(Reply("Yes."))
    writer.gate.clear()
    answers = answering(shop, writer)
    tasks = [asyncio.create_task(answers.answer(ref, m.id)) for m in (first, second)]
    await until(lambda: writer.running == 1)
    writer.gate.set()
    await asyncio.gather(*tasks)
    assert ([q.message.text for q in writer.asked], writer.most_running) == (["one", "two"], 1)


async def test_who_asks_again_waits_for_that_answer_alone(shop: World) -> None:
    ref, first = await said(shop, "one")
    second = await shop.runtime.say(ref, "two")
    assert second is not None
    writer = Writer(Reply("Yes."))
    writer.gate.clear()
    answers = answering(shop, writer)
    ended: list[str] = []
    tasks = []
    for name, message in (("one", first), ("two", second), ("one again", first)):
        task = asyncio.create_task(answers.answer(ref, message.id), name=name)
        task.add_done_callback(lambda done: ended.append(done.get_name()))
        tasks.append(task)
    await until(lambda: writer.running == 1)
    writer.gate.set()
    await asyncio.gather(*tasks)
    assert ended == ["one", "one again", "two"]


async def test_who_goes_away_does_not_stop_the_answer(shop: World) -> None:
    ref, message = await said(shop, "repair cost")
    writer = Writer(Reply("Still."))
    writer.gate.clear()
    answers = answering(shop, writer)
    task = asyncio.create_task(answers.answer(ref, message.id))
    await until(lambda: writer.running == 1)
    task.cancel()
    writer.gate.set()
    reply = await answers.answer(ref, message.id)
    assert reply is not None
    assert (reply.text, len(writer.asked)) == ("Still.", 1)


async def test_answers_under_way_end_with_the_server(shop: World) -> None:
    ref, message = await said(shop, "repair cost")
    writer = Writer(Reply("Late."))
    writer.gate.clear()
    answers = answering(shop, writer)
    task = asyncio.create_task(answers.answer(ref, message.id))
    await until(lambda: writer.running == 1)
    await answers.stop()
    await asyncio.gather(task, return_exceptions=True)
    assert (writer.running, await replies(shop, ref)) == (0, [])


# ---- nobody answers


async def test_where_a_person_has_taken_over_the_assistant_is_silent_until_it_is_released(
    shop: World,
) -> None:
    ref, _ = await said(shop, "hello")
    await shop.runtime.post(ref, Post("msg_agent", "agent", "Maria here.", by="Maria"))
    held = await shop.runtime.say(ref, "repair cost")
    assert held is not None
    answers = answering(shop)
    assert await answers.answer(ref, held.id) is None
    await shop.runtime.release(ref)
    after = await shop.runtime.say(ref, "repair cost")
    assert after is not None
    assert await answers.answer(ref, after.id) is not None


async def test_a_person_who_takes_over_while_it_is_written_is_not_interrupted(shop: World) -> None:
    ref, message = await said(shop, "repair cost")
    writer = Writer(Reply("Too late."))
    writer.gate.clear()
    answers = answering(shop, writer)
    task = asyncio.create_task(answers.answer(ref, message.id))
    await until(lambda: writer.running == 1)
    await shop.runtime.post(ref, Post("msg_agent", "agent", "Maria here.", by="Maria"))
    writer.gate.set()
    assert await task is None
    assert await replies(shop, ref) == []


async def test_a_queued_session_is_answered_when_its_turn_comes(shop: World) -> None:
    due: list[FollowUp] = []
    shop.runtime.on_cause(
        lambda cause: due.append(cause.body) if isinstance(cause.body, FollowUp) else None
    )
    ref, _ = await said(shop, "hello")
    await shop.runtime.seat(ref, queued=True, estimated_wait_s=60)
    due.clear()
    waiting = await shop.runtime.say(ref, "repair cost")
    assert waiting is not None
    answers = answering(shop)
    assert (await answers.answer(ref, waiting.id), due) == (None, [])
    await shop.runtime.seat(ref, queued=False)
    assert due == [FollowUp("answer", waiting.id)]
    reply = await answers.answer(ref, waiting.id)
    assert reply is not None
    assert reply.text == "A visit is $89."


async def test_a_session_that_is_over_is_not_answered(shop: World) -> None:
    ref, message = await said(shop, "repair cost")
    await shop.runtime.close_session(ref, "api")
    assert await answering(shop).answer(ref, message.id) is None
    assert await replies(shop, ref) == []


async def test_only_a_visitor_s_own_message_in_that_session_is_answered(shop: World) -> None:
    ref, message = await said(shop, "repair cost")
    other, _ = await said(shop, "hello", "browser-2")
    answers = answering(shop)
    assert await answers.answer(ref, "msg_unknown") is None
    assert await answers.answer(other, message.id) is None
    reply = await answers.answer(ref, message.id)
    assert reply is not None
    assert await answers.answer(ref, reply.id) is None


async def test_without_an_assistant_nobody_answers(shop: World) -> None:
    ref, message = await said(shop, "repair cost")
    assert await Answering(shop.runtime, {}, SECRET).answer(ref, message.id) is None


# ---- clicks


CLICKABLE = (
    QuickReply("Say more", "more"),
    QuickReply("Tell me", "tell", payload="It is worth it."),
    QuickReply("Look", "look", "open", "/prices"),
)


async def clicked(shop: World, value: str) -> tuple[Answering, SessionRef, Message]:
    ref, message = await said(shop, "repair cost")
    answers = answering(shop, Writer(Reply("What else?", CLICKABLE)))
    reply = await answers.answer(ref, message.id)
    assert reply is not None
    words = await shop.runtime.click(ref, reply.id, value)
    assert words is not None
    return answers, ref, words


async def test_a_click_that_says_nothing_more_is_answered_by_the_assistant(shop: World) -> None:
    answers, ref, words = await clicked(shop, "more")
    reply = await answers.answer(ref, words.id)
    assert reply is not None
    assert (reply.text, reply.answer_to) == ("What else?", words.id)


async def test_a_click_with_words_of_its_own_has_them_as_the_answer(shop: World) -> None:
    answers, ref, words = await clicked(shop, "tell")
    reply = await answers.answer(ref, words.id)
    assert reply is not None
    assert reply.text == "It is worth it."
    assert (await replies(shop, ref)).count("It is worth it.") == 1


async def test_a_click_that_acts_in_the_browser_is_not_answered(shop: World) -> None:
    answers, ref, words = await clicked(shop, "look")
    assert await answers.answer(ref, words.id) is None


# ---- failures and limits


@pytest.mark.parametrize(
    "assistant", [Broken(), Writer(), Writer(Reply("")), Writer(Piece("only a piece"))]
)
async def test_an_assistant_that_fails_becomes_the_fallback(assistant: Assistant) -> None:
    async with world(TEXT) as shop:
        ref, message = await said(shop, "repair cost")
        reply = await answering(shop, assistant).answer(ref, message.id)
        assert reply is not None
        assert (reply.text, reply.model) == ("I do not know.", "model_unavailable")
        assert [one.action for one in reply.replies] == ["handoff"]


async def test_an_assistant_that_takes_too_long_becomes_the_fallback(shop: World) -> None:
    ref, message = await said(shop, "repair cost")
    writer = Writer(Reply("Never."))
    writer.gate.clear()
    terms = msgspec.structs.replace(TERMS, timeout_ms=20)
    reply = await answering(shop, writer, terms).answer(ref, message.id)
    assert reply is not None
    assert (reply.model, writer.running) == ("model_unavailable", 0)


async def test_a_long_reply_is_cut_and_no_more_pieces_than_fit_are_told(shop: World) -> None:
    long = "x" * REPLY_CHARS_MAX
    buttons = tuple(QuickReply(f"B{n}", f"b{n}") for n in range(REPLY_BUTTONS_MAX + 1))
    writer = Writer(Piece(long[:-1]), Piece("yz"), Piece("never"), Reply(long + "yz", buttons))
    ref, message = await said(shop, "repair cost")
    answers = answering(shop, writer)
    heard: list[Typing | Delta] = []
    answers.writing.listen(ref, heard.append)
    reply = await answers.answer(ref, message.id)
    assert reply is not None
    assert (len(reply.text), len(reply.replies)) == (REPLY_CHARS_MAX, REPLY_BUTTONS_MAX)
    assert sum(len(one.text) for one in heard if isinstance(one, Delta)) == REPLY_CHARS_MAX


async def test_so_many_write_at_once_and_the_others_wait_for_their_turn() -> None:
    async with world(TEXT) as shop:
        writer = Writer(Reply("Yes."))
        writer.gate.clear()
        answers = answering(shop, writer)
        asked = [await said(shop, "hello", f"browser-{n}") for n in range(WRITING_MAX + 1)]
        tasks = [asyncio.create_task(answers.answer(ref, m.id)) for ref, m in asked]
        await until(lambda: writer.running == WRITING_MAX and answers._waiting > WRITING_MAX)
        writer.gate.set()
        got = await asyncio.gather(*tasks)
        assert (writer.most_running, {m.text for m in got if m}) == (WRITING_MAX, {"Yes."})


async def test_where_too_many_wait_the_fallback_answers_at_once(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering_module, "WAITING_MAX", 1)
    writer = Writer(Reply("Yes."))
    writer.gate.clear()
    answers = answering(shop, writer)
    ref, message = await said(shop, "hello")
    other, further = await said(shop, "hello", "browser-2")
    task = asyncio.create_task(answers.answer(ref, message.id))
    await until(lambda: writer.running == 1)
    beyond = await answers.answer(other, further.id)
    writer.gate.set()
    first = await task
    assert beyond is not None
    assert first is not None
    assert (beyond.model, first.text) == ("model_unavailable", "Yes.")


# ---- what it knows, and what is told while it writes


async def test_an_assistant_reads_the_newest_messages_before_the_question(shop: World) -> None:
    ref, _ = await said(shop, "one")
    for text in ("two", "three"):
        await shop.runtime.say(ref, text)
    await shop.runtime.notify(ref, "action", "a notice", {})
    asked = await shop.runtime.say(ref, "four")
    assert asked is not None
    await shop.runtime.say(ref, "five")
    writer = Writer(Reply("Yes."), earlier_max=2)
    await answering(shop, writer).answer(ref, asked.id)
    (question,) = writer.asked
    assert [message.text for message in question.earlier] == ["two", "three"]
    assert question.page_url == "https://shop.test/prices"
    assert question.attributes["visitor.id"] == ref.visitor


async def test_listeners_hear_the_pieces_between_the_beginning_and_the_end(shop: World) -> None:
    ref, message = await said(shop, "repair cost")
    writer = Writer(Piece("A vi"), Piece("sit"), Reply("A visit."))
    answers = answering(shop, writer)
    heard: list[Typing | Delta] = []
    left: list[Typing | Delta] = []
    answers.writing.listen(ref, heard.append)
    answers.writing.listen(ref, left.append)()
    reply = await answers.answer(ref, message.id)
    assert reply is not None
    pieces = [Delta(reply.id, "A vi"), Delta(reply.id, "sit")]
    assert heard == [Typing(True), *pieces, Typing(False)]
    assert left == []


async def test_an_answer_at_once_makes_no_typing(shop: World) -> None:
    ref, message = await said(shop, "repair cost")
    answers = answering(shop)
    heard: list[Typing | Delta] = []
    answers.writing.listen(ref, heard.append)
    await answers.answer(ref, message.id)
    assert heard == []


async def test_one_listener_too_many_silences_the_first(shop: World) -> None:
    ref, message = await said(shop, "repair cost")
    answers = answering(shop, Writer(Reply("Yes.")))
    heard: list[list[Typing | Delta]] = [[] for _ in range(LISTENERS_MAX + 1)]
    leaves = [answers.writing.listen(ref, one.append) for one in heard]
    await answers.answer(ref, message.id)
    assert [bool(one) for one in heard] == [False, *([True] * LISTENERS_MAX)]
    for leave in leaves:
        leave()
    assert answers.writing._listeners == {}
