"""The only place that draws chance for identity: sortable ids, and ids that a repeat gives again."""

import hmac
import os
from collections.abc import Callable

from engine.clock import Clock

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_RANDOM_BITS = 80
_SEPARATOR = b"\x1f"

RandomBytes = Callable[[int], bytes]
"""Takes a count of bytes and returns that many."""


def system_random_bytes(count: int) -> bytes:
    """Return `count` bytes from the operating system's generator."""
    return os.urandom(count)


class Ids:
    """Makes `<prefix>_<26 character ULID>`: each one sorts after the one before it."""

    __slots__ = ("_clock", "_latest", "_random_bytes")

    def __init__(self, clock: Clock, random_bytes: RandomBytes = system_random_bytes) -> None:
        """Take the time from `clock` and 10 bytes of chance an id from `random_bytes`."""
        self._clock = clock
        self._random_bytes = random_bytes
        self._latest = -1

    def make(self, prefix: str) -> str:
        """Make a new id of the kind `prefix` (`chat`, `msg`, `evt` ...), without its underscore."""
        chance = int.from_bytes(self._random_bytes(_RANDOM_BITS // 8))
        number = self._clock.now_ms() << _RANDOM_BITS | chance
        # INVARIANT: ids of one maker rise strictly, also inside one millisecond.
        self._latest = max(number, self._latest + 1)
        return f"{prefix}_{ulid_text(self._latest)}"


def derived_id(prefix: str, secret: bytes, *parts: str | int) -> str:
    """Make the id that the same secret and parts always give, in the shape of a ULID.

    The 26 characters are the first 128 bits of HMAC-SHA256(secret, parts joined by 0x1F).
    """
    message = _SEPARATOR.join(str(part).encode() for part in parts)
    digest = hmac.digest(secret, message, "sha256")
    return f"{prefix}_{ulid_text(int.from_bytes(digest[:16]))}"


def made_ms(name: str) -> int:
    """Read the instant at which `Ids` made an id; of any other name some number, 0 of one that is too short."""
    text = name.rpartition("_")[2][:10]
    if len(text) < 10 or not set(text) <= set(_ALPHABET):
        return 0
    number = 0
    for sign in text:
        number = number << 5 | _ALPHABET.index(sign)
    return number


def ulid_text(number: int) -> str:
    """Write a number in [0, 2**128) as 26 characters of Crockford's base 32."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
