"""What webhooks are told of each cause: the rows of API.md 7.1, the seed's payload to the field."""

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
from engine.message import Message
from engine.outbox.webhooks import BODY_BYTES_MAX, body_bytes, webhook_bodies
from engine.shown import shown_appointment
from tests.engine.outbox.causes import APPOINTMENT, AT_MS, BOOKED, CARD, cause

SEED_PAYLOAD = b"""{
  "event": "live_chat.visitor_responded",
  "session_id": "chat_session_123",
  "timestamp": "2024-01-20T14:30:45Z",
  "data": {
    "message_id": "msg_visitor_001",
    "message": "Yes, I need AC repair",
    "quick_reply_clicked": {
      "value": "schedule_service",
      "action": "schedule"
    },
    "visitor": {
      "id": "visitor_abc123",
      "status": "engaged",
      "engagement_score": 85
    }
  }
}"""
SEED_AT_MS = 1_705_761_045_000


def told(body: Body) -> list[dict]:
    """Return the bodies of a cause, as they go over the wire."""
    return [msgspec.json.decode(body_bytes(b)) for b in webhook_bodies(cause("evt_1", body))]


def names(body: Body) -> list[str]:
    return [sent["event"] for sent in told(body)]


def words(**given: object) -> Message:
    return Message(**{"id": "msg_2", "text": "Hi", "sent_ms": AT_MS, "author": "visitor", **given})


def test_the_payload_of_the_proactive_live_chat_message_document_is_sent_to_the_field() -> None:
    card = msgspec.structs.replace(
        CARD, session="chat_session_123", visitor="visitor_abc123", score=85, engaged=True
    )
    said = words(id="msg_visitor_001", text="Yes, I need AC repair")
    happened = msgspec.structs.replace(
        cause("evt_1", Said(card, said, True, ("schedule_service", "schedule"))),
        at_ms=SEED_AT_MS,
        session="chat_session_123",
    )
    received, responded = webhook_bodies(happened)
    assert received.event == "message.received"
    seed = msgspec.json.decode(SEED_PAYLOAD)
    sent = msgspec.json.decode(body_bytes(responded))
    assert sent == seed
    assert list(sent) == list(seed)
    assert body_bytes(responded) == msgspec.json.encode(seed)


def test_words_that_were_typed_name_no_reply() -> None:
    (_, responded) = told(Said(CARD, words(), after_proactive=True))
    assert responded["data"]["quick_reply_clicked"] is None


def test_words_without_a_proactive_message_are_received_alone() -> None:
    assert names(Said(CARD, words())) == ["message.received"]


def test_what_an_agent_or_the_assistant_says_is_told_to_nobody() -> None:
    assert names(Said(CARD, words(author="assistant"), after_proactive=True)) == []


def test_a_chat_and_a_call_begin_by_their_own_names() -> None:
    assert names(ConversationStarted(CARD)) == ["chat.started"]
    voice = msgspec.structs.replace(CARD, channel="voice")
    assert names(ConversationStarted(voice)) == []
    (started,) = told(VoiceStarted(voice, "+14165550000"))
    assert started["event"] == "voice.started"
    assert started["data"]["phone_number"] == "+14165550000"


def test_a_started_chat_says_where_it_comes_from() -> None:
    (started,) = told(ConversationStarted(CARD))
    assert list(started["data"]) == [
        "session_id",
        "conversation_id",
        "assistant_id",
        "source_id",
        "origin",
        "visitor",
    ]


@pytest.mark.parametrize(
    "state", ["sent", "delivered", "displayed", "read", "dismissed", "expired"]
)
def test_the_life_of_a_proactive_message_is_told(state: str) -> None:
    message = Message("msg_1", "Hi", AT_MS, rule="help", variant="b", campaign="spring")
    (life,) = told(MessageMoved(message, state, 70))  # type: ignore[arg-type]  # one of the states
    assert life["event"] == f"message.{state}"
    assert life["data"] == {
        "message_id": "msg_1",
        "visitor_id": "vis_1",
        "rule": "help",
        "variant": "b",
        "campaign_id": "spring",
        "status": "sent",
        "outcome": None,
        "engagement_score": 70,
    }


@pytest.mark.parametrize("state", ["held", "held_out", "replied", "withdrawn"])
def test_other_states_of_a_message_are_for_dashboards(state: str) -> None:
    assert names(MessageMoved(Message("msg_1", "Hi", AT_MS), state, 70)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "event", "content"),
    [
        (
            SessionClosed(CARD, "api", "answered"),
            "chat.ended",
            {"reason": "api", "note": "answered"},
        ),
        (Qualified(CARD, "contact"), "conversation.qualified", {"reason": "contact"}),
        (HandoffRequested(CARD, "sales"), "handoff.requested", {"team": "sales"}),
        (VisitorIdentified("u1"), "visitor.identified", {"visitor_id": "vis_1", "user_id": "u1"}),
        (VisitorErased(), "visitor.erased", {"visitor_id": "vis_1"}),
        (IntegrationEvent("call.completed", {"seconds": 42}), "call.completed", {"seconds": 42}),
        (
            RulesPublished("main", 4, "etag", "api", "maria", "spring"),
            "rules.published",
            {"set": "main", "version": 4},
        ),
        (
            Converted("bought", 99, "EUR", "msg_1", "help", seconds_since_message=12),
            "conversion.recorded",
            {"goal": "bought", "value": 99, "message_id": "msg_1", "seconds_since_message": 12},
        ),
    ],
)
def test_everything_else_is_told_by_its_name(body: Body, event: str, content: dict) -> None:
    (sent,) = told(body)
    assert list(sent) == ["event", "session_id", "timestamp", "data"]
    assert sent["event"] == event
    assert content.items() <= sent["data"].items()


def test_an_appointment_is_shown_as_the_api_shows_it() -> None:
    shown = msgspec.json.decode(msgspec.json.encode(shown_appointment(APPOINTMENT)))
    (scheduled,), (cancelled,) = told(BOOKED), told(AppointmentCancelled(APPOINTMENT))
    assert (scheduled["event"], scheduled["data"]) == ("appointment.scheduled", shown)
    assert (cancelled["event"], cancelled["data"]) == ("appointment.cancelled", shown)


@pytest.mark.parametrize(
    "body",
    [ConversationUpdated(CARD, ("status",)), SessionQueued(CARD, 1), FollowUp("answer", "msg_1")],
)
def test_what_is_for_others_is_not_told(body: Body) -> None:
    assert names(body) == []


def test_a_long_text_is_cut_and_the_body_says_so() -> None:
    (received,) = webhook_bodies(cause("evt_1", Said(CARD, words(text="\u0001" * 4_000))))
    raw = body_bytes(received)
    assert len(raw) <= BODY_BYTES_MAX
    assert msgspec.json.decode(raw)["data"]["truncated"] is True
