"""A Bloom filter that grows: it tells for certain that a key was never added, in about two bytes a key.

Bloom, "Space/Time Trade-offs in Hash Coding with Allowable Errors", CACM 13(7), 1970; its places by two
hashes: Kirsch and Mitzenmacher, "Less Hashing, Same Performance", 2008; larger filters behind full ones:
Almeida et al., "Scalable Bloom Filters", 2007.
"""

from collections.abc import Hashable

FIRST_KEYS_LEN = 1 << 16
"""Keys that the first filter takes; each further one takes twice as many."""

_BITS_A_KEY = 16
_PLACES = 6
"""Bits set for a key: with 16 bits a key, a full filter takes one of 1,000 unknown keys for a known one."""


class BloomFilter:
    """Keys that were added, and a few that seem to have been. Of one process: another one hashes otherwise."""

    __slots__ = ("_filters", "_len", "_room")

    def __init__(self, first_keys_len: int = FIRST_KEYS_LEN) -> None:
        """Start empty; `first_keys_len` is a power of two."""
        self._filters = [bytearray(first_keys_len * _BITS_A_KEY // 8)]
        self._room = first_keys_len
        self._len = 0

    def __len__(self) -> int:
        """Return how many keys were added that did not seem to be there."""
        return self._len

    def __contains__(self, key: Hashable) -> bool:
        """Tell whether a key may have been added; False is certain."""
        return any(_has(bits, hash(key)) for bits in self._filters)

    def add(self, key: Hashable) -> bool:
        """Add a key; return whether it certainly was not there."""
        hashed = hash(key)
        for bits in self._filters:
            if _has(bits, hashed):
                return False
        if not self._room:
            larger = 2 * len(self._filters[-1])
            self._filters.append(bytearray(larger))
            self._room = larger * 8 // _BITS_A_KEY
        _set(self._filters[-1], hashed)
        self._room -= 1
        self._len += 1
        return True


def _has(bits: bytearray, hashed: int) -> bool:
    mask = 8 * len(bits) - 1
    place, stride = hashed & mask, hashed >> 32 | 1
    for _ in range(_PLACES):
        if not bits[place >> 3] >> (place & 7) & 1:
            return False
        place = place + stride & mask
    return True


def _set(bits: bytearray, hashed: int) -> None:
    mask = 8 * len(bits) - 1
    place, stride = hashed & mask, hashed >> 32 | 1
    for _ in range(_PLACES):
        bits[place >> 3] |= 1 << (place & 7)
        place = place + stride & mask
