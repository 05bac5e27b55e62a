"""What all bodies of the widget API share: the token, for a sender that can set no header (API.md 4.1)."""

from typing import Annotated

from msgspec import Meta, Struct

WIDGET_BYTES_MAX = 65_536
"""Bytes of a widget's body as it is sent: `body_bytes_max` of its operations."""

DECODED_BYTES_MAX = 524_288
"""Bytes of a widget's body after gzip."""


class WidgetBody(Struct, frozen=True, rename="camel", kw_only=True):
    """A body that can bring the widget's token; a token in a header wins."""

    token: Annotated[
        str | None, Meta(description="The widget token, where no header can be set.")
    ] = None
