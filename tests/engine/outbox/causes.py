"""Causes for tests: small ones of each kind, and one way to keep them in a store."""

from collections.abc import Sequence

from engine.causes import (
    Appointment,
    AppointmentScheduled,
    Body,
    Cause,
    ConversationStarted,
    FollowUp,
    encode_cause,
)
from engine.conversations.conversation import ConversationCard
from engine.stores.base import Store, StoredCause

AT_MS = 1_705_760_000_000

CARD = ConversationCard(
    id="conv_1",
    channel="chat",
    origin="widget",
    session="chat_1",
    visitor="vis_1",
    source="site_1",
    assistant="asst_1",
    started_ms=AT_MS,
    status="active",
    score=42,
    contact={"first_name": "Ada", "email": "ada@example.com"},
    custom_fields={"plan": "pro"},
)
APPOINTMENT = Appointment(
    id="appt_1",
    calendar="main",
    slot="2024-01-22T14:00:00-06:00",
    start_ms=1_705_953_600_000,
    end_ms=1_705_960_800_000,
    timezone="America/Chicago",
    status="scheduled",
    created_ms=AT_MS,
    customer={"name": "Ada"},
    session="chat_1",
    visitor="vis_1",
)
BOOKED = AppointmentScheduled(APPOINTMENT)


def cause(name: str, body: Body | None = None, session: str = "chat_1") -> Cause:
    """Make a cause of a session; without a body a conversation started."""
    told = body or ConversationStarted(CARD)
    return Cause(name, AT_MS, "w", told, visitor="vis_1", session=session, source="site_1")


def answer(name: str, session: str = "chat_1") -> Cause:
    """Make the cause that asks for an answer to a message."""
    return cause(name, FollowUp("answer", f"msg_{name}"), session)


async def keep(store: Store, causes: Sequence[Cause]) -> None:
    """Keep causes as a commit does."""
    kept = [StoredCause(c.id, c.workspace, c.visitor, encode_cause(c)) for c in causes]
    await store.keep_causes(kept)
