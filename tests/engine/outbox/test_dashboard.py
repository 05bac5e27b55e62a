"""What dashboards are told of each cause: the rows of API.md 13, the data of 9.2."""

import msgspec
import pytest

from engine.causes import (
    AppointmentCancelled,
    Body,
    ConversationStarted,
    ConversationUpdated,
    Converted,
    FollowUp,
    HandoffRequested,
    IntegrationEvent,
    MessageMoved,
    Qualified,
    RulesPublished,
    Said,
    SessionClosed,
    SessionQueued,
    VisitorErased,
    VisitorIdentified,
    VoiceStarted,
)
from engine.message import Message, QuickReply
from engine.outbox.contents import KEPT, OF_THE_WORKSPACE, PASSING
from engine.outbox.dashboard import campaign_of, dashboard_events, visitor_of
from tests.engine.outbox.causes import APPOINTMENT, AT_MS, BOOKED, CARD, cause

PROACTIVE = Message(
    id="msg_1",
    text="Need help?",
    sent_ms=AT_MS,
    rule="help",
    variant="b",
    offset=3,
    replies=(
        QuickReply("See plans", "plans", "open", "/plans"),
        QuickReply("A person", "person", "handoff", "sales"),
    ),
    decision="dec_1",
    trigger={"type": "time_on_page", "time_on_page": 45},
    displayed_ms=AT_MS + 1_000,
)
CONTACT = {
    "name": "Ada",
    "email": "ada@example.com",
    "phone": None,
    "visitor_id": "vis_1",
    "custom_fields": {"plan": "pro"},
}


def told(body: Body) -> list[tuple[str, dict]]:
    """Return what is told of a cause, as it goes over the wire."""
    events = dashboard_events(cause("evt_1", body))
    return [
        (event.type, msgspec.json.decode(msgspec.json.encode(event.content))) for event in events
    ]


def test_a_new_conversation_is_told_with_its_contact() -> None:
    assert told(ConversationStarted(CARD)) == [
        (
            "conversation:new",
            {
                "id": "conv_1",
                "channel": "chat",
                "contact_data": CONTACT,
                "session_id": "chat_1",
                "assistant_id": "asst_1",
                "origin": "widget",
                "created_at": "2024-01-20T14:13:20Z",
            },
        )
    ]


def test_a_change_names_what_changed() -> None:
    [(kind, data)] = told(ConversationUpdated(CARD, ("assignee", "status")))
    assert kind == "conversation:updated"
    assert data == {
        "id": "conv_1",
        "channel": "chat",
        "contact_data": CONTACT,
        "session_id": "chat_1",
        "status": "active",
        "engagement_score": 42,
        "agent_name": None,
        "changed": ["assignee", "status"],
    }


def test_a_close_is_a_change_of_status() -> None:
    card = msgspec.structs.replace(CARD, status="closed")
    [(kind, data)] = told(SessionClosed(card, "api"))
    assert (kind, data["status"], data["changed"]) == ("conversation:updated", "closed", ["status"])


def test_a_qualified_conversation_says_why() -> None:
    [(kind, data)] = told(Qualified(CARD, "contact"))
    assert kind == "conversation:qualified"
    assert (data["reason"], data["engagement_score"], data["contact_data"]) == (
        "contact",
        42,
        CONTACT,
    )


def test_a_message_is_told_as_the_platform_api_shows_it() -> None:
    message = Message("msg_2", "Hi", AT_MS, author="visitor", kind="chat", offset=7, epoch=1)
    [(kind, data)] = told(Said(CARD, message))
    assert kind == "message:new"
    assert data == {
        "message_id": "msg_2",
        "session_id": "chat_1",
        "conversation_id": "conv_1",
        "from": "visitor",
        "kind": "chat",
        "text": "Hi",
        "quick_replies": [],
        "status": "sent",
        "outcome": None,
        "offset": 7,
        "timestamp": "2024-01-20T14:13:20Z",
        "delivered_at": None,
        "displayed_at": None,
        "read_at": None,
        "engagement_epoch": 1,
        "rule": None,
        "trigger": None,
        "decision_id": None,
        "quick_reply_clicked": None,
    }


def test_a_proactive_message_is_a_message_once_it_is_displayed() -> None:
    [(kind, data)] = told(MessageMoved(PROACTIVE, "displayed", 70))
    assert kind == "message:new"
    assert (data["kind"], data["displayed_at"], data["rule"]) == (
        "proactive",
        "2024-01-20T14:13:21Z",
        "help",
    )
    assert data["trigger"] == {"type": "time_on_page", "time_on_page": 45, "rule": "help"}


def test_a_callers_own_data_are_shown_as_they_were_given() -> None:
    message = Message("msg_3", "Hi", AT_MS, trigger={"type": "custom", "data": '{"cart":[1,2]}'})
    [(_, data)] = told(MessageMoved(message, "displayed", 70))
    assert data["trigger"] == {"type": "custom", "data": {"cart": [1, 2]}}


def test_words_of_a_quick_reply_name_it_and_words_of_an_agent_name_them() -> None:
    clicked = Message("msg_4", "Get a Quote", AT_MS, author="visitor", kind="chat", client_id="c1")
    [(_, data)] = told(Said(CARD, clicked, clicked=("quote_request", "quote")))
    assert data["quick_reply_clicked"] == {"value": "quote_request", "action": "quote"}
    assert data["client_id"] == "c1"
    agent = Message("msg_5", "Hello", AT_MS, author="agent", kind="chat", by="Maria")
    [(_, data)] = told(Said(CARD, agent))
    assert (data["from"], data["agent_name"]) == ("agent", "Maria")


def test_payloads_stay_on_the_server_but_for_the_address_of_an_open() -> None:
    [(_, data)] = told(MessageMoved(PROACTIVE, "displayed", 70))
    assert data["quick_replies"] == [
        {"text": "See plans", "value": "plans", "action": "open", "url": "/plans"},
        {"text": "A person", "value": "person", "action": "handoff"},
    ]


@pytest.mark.parametrize(
    ("state", "reason"), [("sent", "fired"), ("held", "too_early"), ("held_out", "holdout")]
)
def test_a_decision_for_a_message_is_told(state: str, reason: str) -> None:
    moved = MessageMoved(PROACTIVE, state, 70, reason, "a1b2")  # type: ignore[arg-type]
    [(kind, data)] = told(moved)
    assert kind == "decision:new"
    assert data == {
        "decision_id": "dec_1",
        "at_ms": AT_MS,
        "session_id": "chat_1",
        "visitor_id": "vis_1",
        "rule": "help",
        "variant": "b",
        "kind": "rule",
        "outcome": state,
        "reason": reason,
        "rule_version": "a1b2",
        "score": 70,
        "message_id": "msg_1",
    }


def test_a_held_message_that_is_sent_later_is_no_second_decision() -> None:
    held = msgspec.structs.replace(PROACTIVE, held_until_ms=AT_MS + 1)
    assert [kind for kind, _ in told(MessageMoved(held, "held", 70))] == ["decision:new"]
    assert told(MessageMoved(held, "sent", 70)) == []


@pytest.mark.parametrize("state", ["delivered", "read", "replied", "dismissed", "expired"])
def test_other_states_of_a_message_only_move_its_campaign(state: str) -> None:
    moved = MessageMoved(PROACTIVE, state, 70)  # type: ignore[arg-type]
    assert told(moved) == []
    assert campaign_of(cause("evt_1", moved)) == "help"


def test_a_callers_campaign_comes_before_the_rules_name() -> None:
    message = msgspec.structs.replace(PROACTIVE, campaign="spring")
    assert campaign_of(cause("evt_1", MessageMoved(message, "sent", 1))) == "spring"
    converted = Converted("signup", None, None, rule="help", campaign="spring")
    assert campaign_of(cause("evt_1", converted)) == "spring"
    assert campaign_of(cause("evt_1", Converted("signup", None, None))) is None


def test_a_queued_session_is_told_with_its_wait() -> None:
    [(kind, data)] = told(SessionQueued(CARD, 240))
    assert (kind, data["session_id"], data["estimated_wait"]) == ("session:queued", "chat_1", 240)


def test_an_appointment_is_told_on_its_calendars_clock_and_in_utc() -> None:
    [(kind, data)] = told(BOOKED)
    assert kind == "appointment:new"
    assert (data["date"], data["time"]) == ("2024-01-22", "2:00 PM - 4:00 PM")
    assert data["appointment_slot"] == "2024-01-22T14:00:00-06:00"
    assert (data["start"], data["end"]) == ("2024-01-22T20:00:00Z", "2024-01-22T22:00:00Z")


def test_published_rules_are_told() -> None:
    [(kind, data)] = told(RulesPublished("main", 4, "etag", "api", "maria", "spring"))
    assert kind == "rules:published"
    assert (data["rule_set"], data["version"], data["author"]) == ("main", 4, "maria")


@pytest.mark.parametrize(
    "body",
    [
        HandoffRequested(CARD, "sales"),
        VoiceStarted(CARD, "+14165550000"),
        AppointmentCancelled(APPOINTMENT),
        IntegrationEvent("call.completed"),
        FollowUp("answer", "msg_1"),
        Converted("signup", None, None),
        VisitorErased(),
        VisitorIdentified("u-1"),
    ],
    ids=lambda body: type(body).__name__,
)
def test_other_causes_make_no_event_that_is_kept(body: Body) -> None:
    assert told(body) == []


def test_an_identified_or_erased_visitor_is_to_be_shown_anew() -> None:
    assert visitor_of(cause("evt_1", VisitorIdentified("u-1"))) == "vis_1"
    assert visitor_of(cause("evt_1", VisitorErased())) == "vis_1"
    assert visitor_of(cause("evt_1", BOOKED)) is None


def test_every_event_has_one_content_and_one_way() -> None:
    assert not KEPT.keys() & PASSING.keys()
    assert KEPT.keys() | PASSING.keys() >= OF_THE_WORKSPACE
