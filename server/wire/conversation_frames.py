"""What a visitor's client is shown of its conversation, as frames (API.md 9.1): over sockets and by polling."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from engine.message import (
    Author,
    Item,
    Message,
    Notice,
    NoticeName,
    Outcome,
    ShownStatus,
    shown_status,
)
from engine.shown import ReplyShown, rfc3339, shown_replies


class MessageFrame(
    Struct, frozen=True, kw_only=True, tag_field="type", tag="message", rename={"author": "from"}
):
    """A message in its place of the sequence, as it is when the frame is sent.

    `status`, `outcome` and, once a reply was clicked, `clicked` are of all but the visitor's own. The fields
    from `engagement_epoch` on are of proactive ones; `quick_replies` also of a chat message that has some.
    """

    text: str
    timestamp: str
    id: str
    author: Author
    kind: Literal["chat", "proactive"]
    offset: int
    epoch: str
    status: Annotated[
        ShownStatus | UnsetType,
        Meta(description="Kept of proactive messages and of those with quick replies."),
    ] = UNSET
    outcome: Outcome | UnsetType | None = UNSET
    clicked: Annotated[
        str | UnsetType, Meta(description="The value of the quick reply that was clicked.")
    ] = UNSET
    engagement_epoch: int | UnsetType = UNSET
    expires_at: str | UnsetType | None = UNSET
    display: Literal["card", "bubble", "open"] | UnsetType = UNSET
    sound: bool | UnsetType = UNSET
    quick_replies: tuple[ReplyShown, ...] | UnsetType = UNSET


class EventFrame(Struct, frozen=True, kw_only=True, tag_field="type", tag="event"):
    """Something that happened in the conversation, in its place of the sequence."""

    event: NoticeName
    data: dict[str, object]
    timestamp: str
    offset: int
    epoch: str


def frame_of(item: Item, epoch: str) -> MessageFrame | EventFrame:
    """Show what has an offset as its frame."""
    if isinstance(item, Notice):
        return EventFrame(
            event=item.name,
            data=item.data,
            timestamp=rfc3339(item.at_ms),
            offset=item.offset,
            epoch=epoch,
        )
    return message_frame(item, epoch)


def message_frame(message: Message, epoch: str) -> MessageFrame:
    """Show a message as its frame."""
    is_proactive, is_own = message.kind == "proactive", message.author == "visitor"
    expires_at = rfc3339(message.expires_ms) if message.expires_ms >= 0 else None
    shows_replies = is_proactive or bool(message.replies)
    return MessageFrame(
        text=message.text,
        timestamp=rfc3339(message.sent_ms),
        id=message.id,
        author=message.author,
        kind=message.kind,
        offset=message.offset,
        epoch=epoch,
        status=UNSET if is_own else shown_status(message),
        outcome=UNSET if is_own else message.outcome,
        clicked=UNSET if is_own else message.clicked or UNSET,
        engagement_epoch=message.epoch if is_proactive else UNSET,
        expires_at=expires_at if is_proactive else UNSET,
        display=message.display if is_proactive else UNSET,
        sound=message.sound if is_proactive else UNSET,
        quick_replies=shown_replies(message) if shows_replies else UNSET,
    )
