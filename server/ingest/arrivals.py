"""What other tools' clients send, once understood: an event, and whose it is."""

from msgspec import Struct

from engine.events import Event


class Arrival(Struct, frozen=True, gc=False):
    """One event of a foreign client. `index` is its item's place in the request, from 0.

    `visitor` is whom the client names: a browser, a device or, of a server, the user. `user` is the user
    id that the item claims, for which nobody vouches. `visit` is the client's own id of the session, ""
    for one that ends after 30 min without events. `former` is an id that the same visitor had until now.
    `size_bytes` is the item's, as it was sent.
    """

    index: int
    event: Event
    visitor: str
    user: str = ""
    visit: str = ""
    former: str = ""
    user_agent: str = ""
    timezone: str = ""
    locale: str = ""
    size_bytes: int = 0


class Unfit(Exception):
    """An item that cannot be taken, alone of its batch."""

    def __init__(self, reason: str) -> None:
        """Name the reason (API.md 8.1)."""
        super().__init__(reason)
        self.reason = reason


class TakenIn(Struct, frozen=True):
    """How many events are new, and how many were sent before."""

    accepted: int
    duplicates: int
