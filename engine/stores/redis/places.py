"""Places that are booked, in Redis: members `place ‖ booking` that sort by place, counted by their range."""

from engine.stores.redis.part import RedisPart
from engine.stores.redis.replies import script

_BOOK = script("place_book_1")
_FREE = script("place_free_1")
ROWS_A_READ = 500

# An end of text that sorts before whatever goes on, also before a text with zeros in it.
_END = b"\0\0"
_ZERO = b"\0\xff"
_AFTER = b"\0\1"


class RedisPlaces(RedisPart):
    """The part of `Store` that keeps bookings."""

    async def book(self, workspace: str, place: str, booking: str, capacity: int) -> bool:
        """See `Store.book`."""
        self._check_open()
        home = self._keys.partition(workspace)
        keys = (*self._bookings(workspace), self._keys.aged("bx", home))
        args = (self._time(), member_of(place, booking), member_of(place, ""), end_of(place))
        return await self._client.run(home, _BOOK, keys, (*args, capacity, workspace)) == 1

    async def unbook(self, workspace: str, place: str, booking: str) -> bool:
        """See `Store.unbook`."""
        self._check_open()
        home = self._keys.partition(workspace)
        args = (member_of(place, booking),)
        return await self._client.run(home, _FREE, self._bookings(workspace), args) == 1

    async def booked(self, workspace: str, first: str, last: str) -> dict[str, int]:
        """See `Store.booked`."""
        self._check_open()
        home, key = self._keys.partition(workspace), self._bookings(workspace)[0]
        begin, end = b"[" + member_of(first, ""), b"(" + end_of(last)
        counts: dict[str, int] = {}
        while True:
            command = ("ZRANGE", key, begin, end, "BYLEX", "LIMIT", 0, ROWS_A_READ)
            members = await self._client.read(home, *command)
            assert isinstance(members, list)
            for member in members:
                assert isinstance(member, bytes)
                place = place_of(member)
                counts[place] = counts.get(place, 0) + 1
                begin = b"(" + member
            if len(members) < ROWS_A_READ:
                return counts

    def _bookings(self, workspace: str) -> tuple[str, str]:
        """Return the keys of a workspace's bookings, by place and by instant."""
        home = self._keys.partition(workspace)
        of_workspace = self._keys.of_workspace
        return of_workspace(home, "bk", workspace), of_workspace(home, "bt", workspace)


def member_of(place: str, booking: str) -> bytes:
    """Write a booking so that bookings sort by their place's text."""
    return _sorted_text(place) + _END + booking.encode()


def end_of(place: str) -> bytes:
    """Return what comes right behind all bookings of a place."""
    return _sorted_text(place) + _AFTER


def place_of(member: bytes) -> str:
    """Read the place of what `member_of` wrote: what stands before the first end of text."""
    return member[: member.index(_END)].replace(_ZERO, b"\0").decode()


def _sorted_text(text: str) -> bytes:
    return text.encode().replace(b"\0", _ZERO)
