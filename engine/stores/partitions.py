"""Where in a Redis deployment things lie: partitions, and the tags that spread them over hash slots.

A key of partition p holds the tag of p in braces, so all keys of a partition are on one primary
(Redis Cluster specification, "Hash tags").
"""

import binascii
from functools import cache
from hashlib import blake2b
from itertools import product

SLOTS = 16_384
PARTITIONS_MAX = 1_024

_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def slot_of(tag: str) -> int:
    """Return the hash slot of a key whose tag this is: CRC16 (XMODEM) of it, modulo the slots."""
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS


@cache
def tags(partitions: int) -> tuple[str, ...]:
    """Return one tag a partition; tag p lies in the p-th of `partitions` equal ranges of slots.

    The same number always gives the same tags: stored keys depend on it. 1 <= partitions <= 1,024.
    """
    assert 1 <= partitions <= PARTITIONS_MAX
    found: dict[int, str] = {}
    for length in (2, 3):
        for letters in product(_LETTERS, repeat=length):
            tag = "".join(letters)
            found.setdefault(slot_of(tag) * partitions // SLOTS, tag)
            if len(found) == partitions:
                return tuple(found[place] for place in range(partitions))
    raise AssertionError("three letters reach every range of slots")


def partition_of(digest: bytes, partitions: int) -> int:
    """Return the partition of what has this digest (8 bytes or more)."""
    return int.from_bytes(digest[:8], "big") % partitions


def digest_of(*names: str) -> bytes:
    """Digest names as 16 bytes; what clients chose never stands in a key (RFC 7693, BLAKE2b)."""
    parts = [name.encode("utf-8", "surrogatepass") for name in names]
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return blake2b(framed, digest_size=16).digest()
