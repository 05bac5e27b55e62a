"""Events on their way into a session: while their commit is waited for, they are nowhere but in it."""

from collections.abc import Sequence

from engine.events import Event
from engine.step import events_of
from engine.stores.codec import decode_entry


class Arriving:
    """The events of one request to one session.

    Many requests wait for the disk at once, and what they hold is what a processor's cache has no room for.
    """

    __slots__ = ("_entry", "_events", "_number")

    def __init__(self, events: list[Event]) -> None:
        """Take over a list, which is empty once a commit has what was in it."""
        self._events = events
        self._number = len(events)
        self._entry = b""

    def __len__(self) -> int:
        """Return how many events there are."""
        return self._number

    def read(self) -> Sequence[Event]:
        """Return the events; out of the commit's journal entry when they were let go."""
        if not self._entry:
            return self._events
        # What a session begins with, and is told of the browser, stands before them.
        return events_of(decode_entry(self._entry).given)[-self._number :]

    def let_go(self, entry: bytes) -> None:
        """Hold the events no longer: `entry` ends with them, all of them."""
        self._entry = entry
        self._events.clear()
