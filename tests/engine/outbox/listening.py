"""A listener to a feed that notes what it is told."""

import msgspec

from engine.feeds import FeedRecord


class Notes:
    """What was heard: types and offsets of what is kept, and what passed."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, int]] = []
        self.passed: list[tuple[str, str]] = []
        self.contents: list[dict] = []
        self.looks = 0

    def hear_kept(self, record: FeedRecord, offset: int, size_bytes: int) -> None:
        assert size_bytes > 0
        self.kept.append((record.type, offset))

    def hear_passing(self, record: FeedRecord, key: str) -> None:
        self.passed.append((record.type, key))
        self.contents.append(msgspec.json.decode(record.data))

    def look_again(self) -> None:
        self.looks += 1

    def last(self, kind: str) -> dict:
        """Return the newest content of a type that passed."""
        types = [name for name, _ in self.passed]
        return self.contents[len(types) - 1 - types[::-1].index(kind)]
