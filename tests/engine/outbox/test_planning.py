"""Which deliveries come of a cause: one a subscribed endpoint and event, with ids and bytes that never change."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.causes import Cause, IntegrationEvent, Said, VisitorErased, decode_cause, encode_cause
from engine.message import Message
from engine.outbox.endpoint import Known, Noted
from engine.outbox.planning import plan_deliveries
from engine.outbox.webhooks import TOLD, event_names, is_subscribable, webhook_bodies
from engine.stores.codec import decode_session, encode_session
from tests.engine.outbox.causes import AT_MS, CARD, cause
from tests.engine.outbox.hooks import SIGNING, endpoint
from tests.engine.world import HELP, World, world

URL = "https://shop.example/hook"
WORDS = Message("msg_2", "Yes", AT_MS, author="visitor")
ANSWERED = Said(CARD, WORDS, after_proactive=True)


def test_each_subscribed_endpoint_gets_each_event_once() -> None:
    hooks = [
        Known(endpoint("whk_all", URL)),
        Known(endpoint("whk_one", URL, "live_chat.visitor_responded")),
        Known(endpoint("whk_none", URL, "chat.ended")),
        Known(endpoint("whk_off", URL, is_enabled=False)),
        Known(endpoint("whk_gone", URL), Noted(disabled_ms=AT_MS, disabled_reason="gone", url=URL)),
    ]
    told = msgspec.structs.replace(cause("evt_1", ANSWERED), sequence=7)
    made = plan_deliveries(told, hooks, SIGNING)
    assert [(one.event, one.endpoint, one.sequence) for one in made] == [
        ("message.received", "whk_all", 7),
        ("live_chat.visitor_responded", "whk_all", 8),
        ("live_chat.visitor_responded", "whk_one", 8),
    ]
    assert len({one.id for one in made}) == 3
    assert made[0].event_id == "evt_1"
    assert made[1].event_id == made[2].event_id != "evt_1"
    assert made[1].body is made[2].body
    assert not any("." in one.event_id for one in made)
    assert {one.created_ms for one in made} == {one.due_ms for one in made} == {AT_MS}


@given(st.integers(0, 1_000), st.text(max_size=50))
def test_planned_again_from_the_store_the_deliveries_are_the_same(sequence: int, text: str) -> None:
    said = Said(CARD, msgspec.structs.replace(WORDS, text=text), after_proactive=True)
    told = msgspec.structs.replace(cause("evt_1", said), sequence=sequence)
    hooks = [Known(endpoint("whk_1", URL)), Known(endpoint("whk_2", URL))]
    first = plan_deliveries(told, hooks, SIGNING)
    assert plan_deliveries(decode_cause(encode_cause(told)), hooks, SIGNING) == first


def test_a_cause_without_a_number_has_deliveries_without_one() -> None:
    hooks = [Known(endpoint("whk_1", URL))]
    told = cause("evt_1", IntegrationEvent("custom.won", {"a": 1}), session="")
    (made,) = plan_deliveries(told, hooks, SIGNING)
    assert (made.sequence, made.event_id) == (0, "evt_1")


def test_that_a_visitor_was_erased_is_no_data_of_the_visitor() -> None:
    (made,) = plan_deliveries(
        cause("evt_1", VisitorErased()), [Known(endpoint("whk_1", URL))], SIGNING
    )
    assert made.visitor == ""
    assert b"vis_1" in made.body


def test_every_event_that_is_told_can_be_subscribed_to() -> None:
    assert all(is_subscribable(name) for name in (*TOLD, "*", "sms.received", "custom.a-b.c"))
    for name in ("", "chat", "chat.*", "custom.", "custom.ä", "custom." + "x" * 122, "nothing.new"):
        assert not is_subscribable(name)


def test_the_names_of_events_are_those_of_the_bodies() -> None:
    told = cause("evt_1", ANSWERED)
    assert event_names(told) == tuple(body.event for body in webhook_bodies(told))


# ---- numbers


async def visit(place: World) -> list[Cause]:
    """Let a visitor be approached, answer, and leave; returns what was told, in order."""
    told: list[Cause] = []
    place.runtime.on_cause(told.append)
    ref = await place.session()
    await place.view(ref, "/pricing")
    await place.wait(46_000)
    pulled = await place.runtime.pull(ref, None, 0)
    (message,) = [one for one in pulled.messages if one.kind == "proactive"]
    await place.runtime.delivered(ref, [message.id])
    for name, more in (
        ("message_displayed", {}),
        ("message_read", {}),
        ("reply_clicked", {"value": message.replies[0].value}),
    ):
        await place.track(ref, name, properties={"message_id": message.id, **more})
    await place.runtime.say(ref, "And what does it cost?")
    await place.wait(3_600_000)
    return told


@pytest.mark.anyio
async def test_the_events_of_a_session_are_numbered_without_gaps() -> None:
    async with world(HELP) as place:
        told = await visit(place)
    numbers = [one.sequence + place for one in told for place, _ in enumerate(event_names(one))]
    assert len(numbers) >= 6
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(one.sequence == 0 for one in told if not event_names(one))


@pytest.mark.anyio
async def test_a_session_that_was_stored_before_there_were_numbers_is_read() -> None:
    async with world(HELP) as place:
        ref = await place.session()
        await place.view(ref, "/pricing")
        read = await place.runtime.read(ref)
        assert read is not None
        session = read[0]
    stored = encode_session(session)
    former = msgspec.msgpack.decode(stored[1:])
    assert former.pop() == session.user == ""
    assert former.pop() == session.webhook_events == 0
    assert decode_session(stored[:1] + msgspec.msgpack.encode(former)).webhook_events == 0
