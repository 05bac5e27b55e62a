"""What a dashboard wants to hear: topics with `*`, and a filter by site or session."""

from collections.abc import Sequence

from engine.feeds import FeedRecord
from engine.outbox.contents import OF_THE_WORKSPACE
from server.wire.tenant import Filter

ALL = ("*",)


class Wanted:
    """The topics and the filter of one socket."""

    __slots__ = ("_filter", "_topics")

    def __init__(self, topics: Sequence[str] = ALL, wanted: Filter | None = None) -> None:
        """Want events whose type fits one of `topics` and whose session and site fit the filter."""
        self._topics = tuple(topics)
        self._filter = wanted or Filter()

    def holds(self, record: FeedRecord) -> bool:
        """Tell whether an event is wanted; what belongs to the whole workspace passes every filter."""
        if not any(fits(topic, record.type) for topic in self._topics):
            return False
        if record.type in OF_THE_WORKSPACE:
            return True
        source, session = self._filter.source_id, self._filter.session_id
        return source in (None, record.source) and session in (None, record.session)


def fits(topic: str, kind: str) -> bool:
    """Tell whether a type of event fits a topic, in which each `*` stands for any text.

    Linear in both lengths: each piece between stars is taken at its first place.
    """
    first, *rest = topic.split("*")
    if not rest:
        return topic == kind
    *middle, last = rest
    if not kind.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        found = kind.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return kind.endswith(last) and at <= len(kind) - len(last)
