"""A message and its states: what is shown to the visitor and what stays on the server."""

from typing import Literal

import msgspec

Status = Literal["sent", "delivered", "read"]
ShownStatus = Literal["sent", "delivered", "displayed", "read"]
Outcome = Literal["replied", "dismissed", "expired", "withdrawn", "held_out"]
Action = Literal["say", "ask", "open", "handoff", "quote", "schedule", "call", "dismiss"]
Author = Literal["visitor", "assistant", "agent", "system"]


class QuickReply(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A button. `payload` stays on the server, except the URL of `open`."""

    text: str
    value: str
    action: Action = "say"
    payload: str = ""


class Message(msgspec.Struct, omit_defaults=True, gc=False, tag_field="_", tag="m"):
    """One message of a session; times are Unix milliseconds, -1 for not yet.

    `kind` "proactive" is a message sent before the visitor engaged in `epoch`. `rule` "" is a message of
    the API. `held_until_ms` >= 0: committed, delivered not before then. `expires_ms` is the instant at
    which it is withdrawn when not displayed. `answer_to` is the value of the reply or question answered.
    `by` names the agent who wrote it. `model` and `tokens` tell what answered, "answers" and 0 for the
    built-in assistant; `answer` is the `answer` block it used.
    """

    id: str
    text: str
    sent_ms: int
    author: Author = "assistant"
    kind: Literal["chat", "proactive"] = "proactive"
    rule: str = ""
    variant: str = ""
    epoch: int = 0
    offset: int = 0
    replies: tuple[QuickReply, ...] = ()
    status: Status = "sent"
    outcome: Outcome | None = None
    expires_ms: int = -1
    held_until_ms: int = -1
    delivered_ms: int = -1
    displayed_ms: int = -1
    read_ms: int = -1
    decision: str = ""
    trigger: dict[str, str | int | float] = {}
    score: int = 0
    clicked: str = ""
    answer_to: str = ""
    client_id: str = ""
    campaign: str = ""
    display: Literal["card", "bubble", "open"] = "card"
    sound: bool = False
    by: str = ""
    model: str = ""
    tokens: int = 0
    answer: str = ""


NoticeName = Literal[
    "appointment_scheduled",
    "session_status",
    "handoff",
    "message_withdrawn",
    "message_status",
    "action",
]


class Notice(msgspec.Struct, omit_defaults=True, gc=False, tag_field="_", tag="n"):
    """Something that happened in a conversation, told to the visitor's sockets in the messages' sequence.

    `data` is what the frame `event` carries (API.md 9.1).
    """

    id: str
    name: NoticeName
    at_ms: int
    data: dict[str, object] = {}
    offset: int = 0


Item = Message | Notice
"""What has an offset in a session's sequence."""


def shown_status(message: Message) -> ShownStatus:
    """Tell how far a message has come as the visitor's own clients need it: whether it was on a screen."""
    if message.status == "read":
        return "read"
    return "displayed" if message.displayed_ms >= 0 else message.status


def as_known(stored: Message, known: Message | None) -> Message:
    """Bring a message as it was stored to the state that the session knows of it."""
    if known is None:
        return stored
    return msgspec.structs.replace(
        stored,
        status=known.status,
        outcome=known.outcome,
        delivered_ms=known.delivered_ms,
        displayed_ms=known.displayed_ms,
        read_ms=known.read_ms,
        clicked=known.clicked,
    )
