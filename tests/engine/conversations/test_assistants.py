"""The built-in assistant: blocks, templates, the fallback, and a model that is not there."""

import pytest

from engine.conversations.assistants import (
    FALLBACK,
    AnswersAssistant,
    AssistantTerms,
    Question,
    Reply,
    answered_by,
    assistant_of,
    stored_model,
)
from engine.message import Message, QuickReply
from engine.stores.base import SessionRef
from rules.checked import Value
from tests.engine.world import HELP, program_of, visit

pytestmark = pytest.mark.anyio
TEXT = (
    HELP
    + """
attribute visitor.first_name : text optional
answer cost {
  asked "how much does a repair cost", "diagnostic fee"
  say "Hi {visitor.first_name | there}, a visit is $89."
    reply "Book it, {visitor.first_name | please}" -> say "Good, {visitor.first_name | friend}." as book
}
answer furnace { on page "/furnace/**" asked "repair cost" say "It depends." }
"""
)
PROGRAM = program_of(TEXT)
TERMS = AssistantTerms("asst", "I do not know.")


def question(text: str, page: str = "shop.test/", **attributes: Value) -> Question:
    return Question(
        ref=SessionRef("w", "v", "chat_1"),
        assistant="asst",
        message=Message("msg_1", text, 0, author="visitor", kind="chat"),
        program=PROGRAM,
        attributes={name.replace("__", "."): value for name, value in attributes.items()},
        page_key=page,
    )


async def reply_of(assistant: AnswersAssistant, asked: Question) -> Reply:
    parts = [part async for part in assistant.answer(asked)]
    assert len(parts) == 1
    assert isinstance(parts[0], Reply)
    return parts[0]


async def test_a_block_answers_with_its_words_and_replies_filled() -> None:
    known = question("What does a repair cost?", visitor__first_name="Ann")
    reply = await reply_of(assistant_of(TERMS), known)
    assert reply.text == "Hi Ann, a visit is $89."
    assert reply.replies == (QuickReply("Book it, Ann", "book", "say", "Good, Ann."),)
    assert (reply.answer, reply.model, reply.tokens, reply.error) == ("cost", "answers", 0, "")


async def test_what_is_not_known_is_left_to_the_template_s_fallback() -> None:
    reply = await reply_of(assistant_of(TERMS), question("repair cost"))
    assert reply.text == "Hi there, a visit is $89."


async def test_the_page_of_the_question_chooses_the_block() -> None:
    reply = await reply_of(assistant_of(TERMS), question("repair cost", "shop.test/furnace/1"))
    assert reply.answer == "furnace"


async def test_the_fallback_offers_a_person_and_nothing_to_dismiss() -> None:
    reply = await reply_of(assistant_of(TERMS), question("bananas"))
    assert (reply.text, reply.answer, reply.error) == ("I do not know.", "", "")
    assert [one.action for one in reply.replies] == ["handoff"]


async def test_an_assistant_without_words_of_its_own_is_not_speechless() -> None:
    reply = await reply_of(assistant_of(AssistantTerms("asst", "")), question("bananas"))
    assert reply.text == FALLBACK


async def test_a_model_that_is_not_there_leaves_the_answer_to_the_blocks_and_says_so() -> None:
    assistant = assistant_of(AssistantTerms("asst", "I do not know.", kind="openai"))
    answered = await reply_of(assistant, question("repair cost"))
    unknown = await reply_of(assistant, question("bananas"))
    assert (answered.answer, answered.error) == ("cost", "model_unavailable")
    assert (unknown.text, unknown.error) == ("I do not know.", "model_unavailable")


async def test_an_assistant_that_does_not_use_the_blocks_has_its_fallback_alone() -> None:
    terms = AssistantTerms("asst", "I do not know.", kind="openai", use_answers=False)
    reply = await reply_of(assistant_of(terms), question("repair cost"))
    assert (reply.text, reply.answer) == ("I do not know.", "")


@pytest.mark.parametrize(
    "text", ["what is the diagnostic fee", "repair cost", "how much", "bananas", ""]
)
@pytest.mark.parametrize("path", ["/", "/furnace/7"])
async def test_live_answers_are_those_that_a_rule_file_s_tests_expect(text: str, path: str) -> None:
    rehearsal = visit(TEXT)
    rehearsal.happen(0, rehearsal.event("view", 0, url=f"https://shop.test{path}"))
    rehearsal.happen(1, rehearsal.event("visitor_message", 1, properties={"text": text}))
    reply = await reply_of(assistant_of(TERMS), question(text, f"shop.test{path}"))
    assert reply.answer == rehearsal.answered[1]


@pytest.mark.parametrize("error", ["", "model_unavailable"])
def test_what_answered_is_read_back_from_the_stored_message(error: str) -> None:
    reply = Reply("Yes", tokens=0, error=error)
    stored = Message("msg_2", reply.text, 0, model=stored_model(reply), tokens=reply.tokens)
    answered = answered_by(stored)
    assert (answered.model, answered.tokens, answered.error) == ("answers", 0, error)


def test_a_model_s_reply_is_told_with_its_name_and_its_tokens() -> None:
    reply = Reply("Yes", model="gpt-4o-mini", tokens=150)
    stored = Message("msg_2", reply.text, 0, model=stored_model(reply), tokens=reply.tokens)
    answered = answered_by(stored)
    assert (answered.model, answered.tokens, answered.error) == ("gpt-4o-mini", 150, "")
