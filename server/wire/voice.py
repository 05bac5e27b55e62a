"""Bodies of the widget's voice call (API.md 4.1)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.wire.widget_body import WidgetBody

AssistantId = Annotated[str, Meta(max_length=64)]


class VoiceBody(WidgetBody, frozen=True, rename="camel", kw_only=True):
    """`POST /api/widgets/{widget_id}/voice/start`."""

    session_id: str
    assistant_id: Annotated[
        AssistantId | None, Meta(description="Default: the primary assistant.")
    ] = None


class VoiceReply(Struct, frozen=True, rename="camel", kw_only=True):
    """The number to call; a call to it is known as this conversation's while it is held."""

    success: Literal[True] = True
    conversation_id: str
    assistant_id: str
    phone_number: str
