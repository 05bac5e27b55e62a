"""Bad items of other tools' clients, as they are listed in the answer to a request."""

from msgspec import Struct


class RejectedArrival(Struct, frozen=True, rename="camel"):
    """One bad item; `index` counts from 0, `messageId` is the client's."""

    index: int
    message_id: str | None
    reason: str
