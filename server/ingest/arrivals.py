"""What other tools' clients send, once understood: an event, and whose it is."""

from msgspec import Struct

from engine.events import Event

RUN_LEN_MAX = 1_000
"""Events of one visitor that are committed together; further ones after them.
test_more_events_of_a_visitor_than_one_commit_takes_are_all_taken"""

RUN_BYTES_MAX = 256 * 1024
"""Bytes of them, likewise."""


class Whose(Struct, frozen=True, gc=False):
    """The sender of an event, in the words of an Arrival."""

    visitor: str
    user: str
    visit: str
    former: str = ""


class Arrival(Struct, gc=False):
    """Events of one sender that follow each other in a request of a foreign client; at least one.

    `visitor` is whom the client names: a browser, a device or, of a server, the user. `user` is the user
    id that the items claim, for which nobody vouches. `visit` is the client's own id of the session, ""
    for one that ends after 30 min without events. `former` is an id that the same visitor had until now.
    `size_bytes` is that of the items, as they were sent: about their share where a request is within the
    limits as a whole. What is said of the browser is what the first says.
    """

    visitor: str
    events: list[Event]
    user: str = ""
    visit: str = ""
    former: str = ""
    user_agent: str = ""
    timezone: str = ""
    locale: str = ""
    size_bytes: int = 0

    def take(self, whose: Whose, events: list[Event], size_bytes: int) -> bool:
        """Take more events of this sender; False, and nothing is done, when they are another's or too much."""
        if whose.visitor != self.visitor or whose.user != self.user:
            return False
        if whose.visit != self.visit or whose.former:
            return False
        size_bytes += self.size_bytes
        if size_bytes > RUN_BYTES_MAX or len(self.events) + len(events) > RUN_LEN_MAX:
            return False
        self.events += events
        self.size_bytes = size_bytes
        return True


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
