"""Which chat messages polls of this process have handed out: a bounded memory of their ids."""

from collections import OrderedDict
from collections.abc import Iterable

KEPT_MAX = 100_000
"""Ids remembered; an older message may be handed out again, and its client knows it by its id."""


class HandedOut:
    """Ids of messages that a poll, or the answer to the visitor's words, gave to the visitor's page."""

    __slots__ = ("_ids", "_limit")

    def __init__(self, limit: int = KEPT_MAX) -> None:
        """Remember nothing yet; the ids noted longest ago leave beyond `limit`."""
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._limit = limit

    def note(self, message_ids: Iterable[str]) -> None:
        """Remember ids as handed out."""
        for message_id in message_ids:
            self._ids[message_id] = None
            self._ids.move_to_end(message_id)
        while len(self._ids) > self._limit:
            self._ids.popitem(last=False)

    def __contains__(self, message_id: object) -> bool:
        """Tell whether an id was noted and is still remembered."""
        return message_id in self._ids
