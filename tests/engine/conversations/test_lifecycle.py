"""A conversation from its beginning to its end, as others are told of it."""

import asyncio
from collections.abc import Awaitable, Callable

from engine.causes import (
    Cause,
    ConversationStarted,
    ConversationUpdated,
    Converted,
    FollowUp,
    HandoffRequested,
    MessageMoved,
    Qualified,
    Said,
    SessionClosed,
    SessionQueued,
)
from engine.conversations.orders import Post
from engine.events import Event
from engine.limits import CONTACT_CHARS_MAX, END_WAKE_SLACK_MS, SESSION_IDLE_MS
from engine.message import Message, Notice
from engine.runtime_types import Draft, Offered, Opening, Refused
from engine.stores.base import DecisionFilter, SessionRef
from engine.stores.codec import decode_row
from tests.engine.world import World, world

SHOP = """
rule help "Pricing help" {
  on page "/pricing"
  when time_on_page >= 45s
  say "Questions about pricing plans?"
    reply "Tell me"   -> say "Plans begin at $9."
    reply "Which one" -> ask "How many seats?"
    reply "A person"  -> handoff "sales"
}
rule visit "Book a visit" {
  on page "/visit"
  when time_on_page >= 45s
  say "Shall we come by?"
    reply "Pick a time" -> schedule
    reply "A quote"     -> quote
    reply "See prices"  -> open "/prices"
}
goal bought = purchase
"""


class Ear:
    """Hears every cause of a runtime, in order."""

    def __init__(self, shop: World) -> None:
        self.causes: list[Cause] = []
        shop.runtime.on_cause(self.causes.append)

    def kinds(self) -> list[str]:
        return [str(cause.body.__struct_config__.tag) for cause in self.causes]

    def of(self, kind: type) -> list:  # type: ignore[type-arg]
        return [cause.body for cause in self.causes if isinstance(cause.body, kind)]


def run(visit: Callable[[World, Ear], Awaitable[None]], rules: str = SHOP) -> None:
    """Let a visit happen in a fresh shop."""

    async def main() -> None:
        async with world(rules) as shop:
            await visit(shop, Ear(shop))

    asyncio.run(main())


async def approached(shop: World, path: str = "/pricing") -> tuple[SessionRef, Message]:
    """Bring a visitor to their proactive message, on screen."""
    ref = await shop.session()
    await shop.view(ref, path)
    await shop.wait(45_000)
    (message,) = (await shop.runtime.pull(ref, None, 0)).messages
    await shop.track(ref, "message_displayed", properties={"message_id": message.id})
    return ref, message


def test_first_words_begin_a_conversation_and_ask_for_an_answer() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = await shop.session()
        await shop.view(ref, "/pricing")
        said = await shop.runtime.say(ref, "Do you repair boilers?")
        assert said is not None
        assert ear.kinds() == ["conversation_started", "said", "follow_up"]
        (started,), (words,) = ear.of(ConversationStarted), ear.of(Said)
        assert (started.card.origin, started.card.channel) == ("widget", "chat")
        assert (words.message.text, words.after_proactive, words.clicked) == (
            "Do you repair boilers?",
            False,
            None,
        )
        assert ear.of(FollowUp) == [FollowUp("answer", said.id)]
        assert (await shop.store.find("w", started.card.id)) == ref

    run(visit)


def test_a_clicked_reply_with_words_is_answered_by_them() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref, message = await approached(shop)
        await shop.runtime.click(ref, message.id, "tell_me")
        pulled = await shop.runtime.pull(ref, None, 0)
        assert [(m.author, m.text) for m in pulled.messages] == [
            ("assistant", "Questions about pricing plans?"),
            ("visitor", "Tell me"),
            ("assistant", "Plans begin at $9."),
        ]
        (first, _) = ear.of(Said)
        assert (first.after_proactive, first.clicked) == (True, ("tell_me", "say"))
        assert ear.of(ConversationStarted)[0].card.origin == "proactive"
        assert ear.of(FollowUp) == []

    run(visit)


def test_an_asked_question_is_answered_by_the_next_words() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref, message = await approached(shop)
        await shop.runtime.click(ref, message.id, "which_one")
        question = (await shop.runtime.pull(ref, None, 0)).messages[-1]
        answer = await shop.runtime.say(ref, "Five")
        assert answer is not None
        assert (question.text, answer.answer_to) == ("How many seats?", question.id)
        notices = [
            i for i in (await shop.runtime.pull(ref, None, 0)).items if isinstance(i, Notice)
        ]
        assert {"message_id": message.id, "action": "ask"} in [n.data for n in notices]

    run(visit)


def test_a_handoff_pauses_the_assistant_until_it_is_released() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref, message = await approached(shop)
        await shop.runtime.click(ref, message.id, "a_person")
        (asked,) = ear.of(HandoffRequested)
        assert asked.team == "sales"
        await shop.runtime.say(ref, "Hello?")
        assert ear.of(FollowUp) == []
        view = await shop.runtime.release(ref)
        assert view is not None
        assert not view.paused
        await shop.runtime.say(ref, "Still there?")
        assert [ask.work for ask in ear.of(FollowUp)] == ["answer"]

    run(visit)


def test_an_agents_words_pause_the_assistant_and_are_said_once() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = await shop.session()
        await shop.view(ref, "/pricing")
        post = Post("msg_agent_1", "agent", "Hi, Maria here.", by="Maria")
        first, second = await shop.runtime.post(ref, post), await shop.runtime.post(ref, post)
        assert (first is not None, second) == (True, None)
        view = await shop.runtime.view(ref)
        assert view is not None
        assert (view.paused, view.agent_name) == (True, "Maria")
        items = (await shop.runtime.pull(ref, None, 0)).items
        assert [getattr(item, "name", "message") for item in items] == ["handoff", "message"]
        assert [body.changed for body in ear.of(ConversationUpdated)] == [("assignee",)]

    run(visit)


def test_slots_and_numbers_are_left_to_who_can_look_them_up() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref, message = await approached(shop, "/visit")
        await shop.runtime.click(ref, message.id, "pick_a_time")
        assert ear.of(FollowUp) == [FollowUp("schedule", message.id)]

    run(visit)


def test_an_open_reply_tells_the_widget_the_address() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref, message = await approached(shop, "/visit")
        await shop.runtime.click(ref, message.id, "see_prices")
        notices = [
            i for i in (await shop.runtime.pull(ref, None, 0)).items if isinstance(i, Notice)
        ]
        (action,) = [notice.data for notice in notices if notice.name == "action"]
        assert action == {"message_id": message.id, "action": "open", "url": "/prices"}

    run(visit)


def test_other_tabs_hear_what_became_of_a_message() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref, message = await approached(shop)
        await shop.track(ref, "message_dismissed", properties={"message_id": message.id})
        pulled = await shop.runtime.pull(ref, None, 0)
        told = [n.data for n in pulled.items if isinstance(n, Notice)]
        assert [(data["status"], data["outcome"]) for data in told] == [
            ("displayed", None),
            ("displayed", "dismissed"),
        ]
        assert [i.offset for i in pulled.items] == [1, 2, 3]
        assert [body.state for body in ear.of(MessageMoved)] == ["sent", "displayed", "dismissed"]
        assert ear.of(MessageMoved)[1].message.text == "Questions about pricing plans?"

    run(visit)


def test_a_session_that_is_closed_tells_and_takes_nothing_more() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = (await shop.runtime.open(Opening("w", "site", contact={"name": "Ada"}))).ref
        view = await shop.runtime.close_session(ref, "api")
        again = await shop.runtime.close_session(ref, "api")
        assert view is not None
        assert again is not None
        assert (view.status, again.status) == ("closed", "closed")
        assert ear.kinds() == ["conversation_started", "session_closed", "follow_up"]
        (closed,) = ear.of(SessionClosed)
        assert (closed.reason, closed.card.contact) == ("api", {"name": "Ada"})
        assert await shop.runtime.post(ref, Post("msg_late", "agent", "Too late")) is None

    run(visit)


def test_a_session_ends_by_itself_and_says_what_it_missed() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = await shop.session()
        await shop.view(ref, "/pricing")
        await shop.track(ref, "hide")
        await shop.wait(SESSION_IDLE_MS)
        page = await shop.store.decisions("w", DecisionFilter(session=ref.session))
        (row,) = [decode_row(found.line.body) for found in page.decisions]
        assert (row.outcome, row.rule, row.reason) == ("none", "help", "when")
        assert await shop.runtime.take_due() is None

    run(visit)


def test_the_wake_up_for_a_session_s_end_is_seldom_moved() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = await shop.session()
        wakes = []
        for _ in range(10):
            await shop.track(ref, "click", properties={"target": "menu"})
            found = await shop.runtime.read(ref)
            assert found is not None
            wakes.append(found[0].wake_ms)
            await shop.wait(60_000)
        assert len(set(wakes)) == 1
        await shop.wait(END_WAKE_SLACK_MS)
        await shop.track(ref, "click", properties={"target": "menu"})
        await shop.wait(SESSION_IDLE_MS - 1)
        view = await shop.runtime.view(ref)
        assert view is not None
        assert view.status == "active"
        await shop.wait(1)
        found = await shop.runtime.read(ref)
        assert found is not None
        assert found[0].closed

    run(visit)


def test_a_conversation_that_falls_silent_is_closed_as_idle() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = (await shop.runtime.open(Opening("w", "site"))).ref
        await shop.wait(SESSION_IDLE_MS)
        (closed,) = ear.of(SessionClosed)
        assert (closed.reason, closed.card.session) == ("idle", ref.session)

    run(visit)


def test_a_queued_session_is_answered_when_its_turn_comes() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = (await shop.runtime.open(Opening("w", "site"))).ref
        view = await shop.runtime.seat(ref, queued=True, estimated_wait_s=120)
        assert view is not None
        assert view.status == "queued"
        assert ear.of(SessionQueued)[0].estimated_wait_s == 120
        said = await shop.runtime.say(ref, "Anybody?")
        assert said is not None
        assert ear.of(FollowUp) == []
        await shop.runtime.seat(ref, queued=False)
        assert ear.of(FollowUp) == [FollowUp("answer", said.id)]

    run(visit)


def test_an_e_mail_qualifies_a_conversation_once() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = (await shop.runtime.open(Opening("w", "site"))).ref
        for number in range(2):
            await shop.track(ref, "identify", properties={"email": f"ada{number}@example.com"})
        (told,) = ear.of(Qualified)
        assert (told.reason, told.card.contact) == ("contact", {"email": "ada0@example.com"})

    run(visit)


def test_contact_is_kept_whether_rules_declare_it_or_not() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = (await shop.runtime.open(Opening("w", "site"))).ref
        await shop.track(ref, "set", attributes={"visitor.phone": "+1" + "2" * 300})
        found = await shop.runtime.read(ref)
        assert found is not None
        assert len(found[1].contact["phone"]) == CONTACT_CHARS_MAX

    run(visit)


def test_a_goal_counts_once_for_the_message_that_was_seen() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref, message = await approached(shop)
        await shop.wait(2_000)
        for _ in range(2):
            await shop.track(ref, "purchase", properties={"total": 99, "currency": "EUR"})
        (converted,) = ear.of(Converted)
        assert (converted.goal, converted.value, converted.currency) == ("bought", 99, "EUR")
        assert (converted.message, converted.rule) == (message.id, "help")
        assert converted.seconds_since_message == 2

    run(visit)


def test_a_goal_without_a_message_counts_for_none() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = await shop.session()
        await shop.view(ref, "/")
        await shop.track(ref, "purchase", properties={})
        assert ear.of(Converted) == [Converted("bought", None, None)]

    run(visit)


def test_a_withdrawn_message_gives_its_place_back() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = await shop.session()
        await shop.view(ref, "/")
        await shop.wait(30_000)
        first = await shop.runtime.offer(ref, Draft("Hello"))
        assert isinstance(first, Offered)
        gone = await shop.runtime.withdraw(ref, first.message.id)
        assert isinstance(gone, Message)
        assert gone.outcome == "withdrawn"
        assert isinstance(await shop.runtime.withdraw(ref, "msg_unknown"), Refused)
        pulled = await shop.runtime.pull(ref, None, 0)
        assert [getattr(item, "name", "message") for item in pulled.items] == ["message_withdrawn"]

    run(visit)


def test_an_offer_that_is_repeated_by_its_name_is_one_message() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = await shop.session()
        await shop.view(ref, "/")
        await shop.wait(30_000)
        first = await shop.runtime.offer(ref, Draft("Hello"), "call-1")
        second = await shop.runtime.offer(ref, Draft("Hello"), "call-1")
        assert isinstance(first, Offered)
        assert isinstance(second, Offered)
        assert first.message.id == second.message.id

    run(visit)


def test_what_happened_outside_is_noted_for_rules_and_others() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = await shop.session()
        await shop.view(ref, "/")
        noted = Event(
            "appt_1", "appointment_scheduled", shop.clock.now_ms(), origin="api",
            properties={"appointment_id": "appt_1"},
        )  # fmt: skip
        for _ in range(2):
            await shop.runtime.note(ref, [noted])
        assert [body.changed for body in ear.of(ConversationUpdated)] == [("appointment",)]
        assert [body.reason for body in ear.of(Qualified)] == ["appointment"]

    run(visit)


def test_a_transcript_is_read_in_pages() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = (await shop.runtime.open(Opening("w", "site"))).ref
        for number in range(5):
            await shop.runtime.say(ref, f"word {number}")
        first = await shop.runtime.messages(ref, 0, 3)
        rest = await shop.runtime.messages(ref, first[-1].offset, 1_000)
        assert [m.text for m in first + rest] == [f"word {n}" for n in range(5)]
        found = await shop.runtime.message("w", first[1].id)
        assert found is not None
        assert found[1].text == "word 1"
        assert await shop.runtime.message("other", first[1].id) is None

    run(visit)


def test_a_lent_number_begins_a_conversation_by_voice() -> None:
    async def visit(shop: World, ear: Ear) -> None:
        ref = await shop.session()
        await shop.view(ref, "/")
        lent = Event(
            "evt_1", "voice_started", shop.clock.now_ms(), origin="api",
            properties={"number": "+14165559999"},
        )  # fmt: skip
        await shop.runtime.note(ref, [lent])
        assert ear.kinds() == ["conversation_started", "voice_started"]
        assert ear.of(ConversationStarted)[0].card.channel == "voice"

    run(visit)
