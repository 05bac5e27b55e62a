"""API keys of our own form, `op_<live|test>_<32 base62><6 of checksum>`: made and checked."""

import re
import zlib
from typing import Literal

from engine.ids import RandomBytes

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_OWN_FORM = re.compile(r"op_(?:live|test)_([0-9A-Za-z]{32})([0-9A-Za-z]{6})")
_ANY_FORM = re.compile(r"[A-Za-z0-9_-]{16,128}")


def make_api_key(label: Literal["live", "test"], random_bytes: RandomBytes) -> str:
    """Make a new key from 190 bits of chance."""
    number = int.from_bytes(random_bytes(32))
    body = base62(number, 32)
    return f"op_{label}_{body}{checksum(body)}"


def is_possible(key: str) -> bool:
    """Tell whether a text can be a key at all; the checksum counts for keys of our own form only."""
    if not key.startswith("op_"):
        return _ANY_FORM.fullmatch(key) is not None
    own = _OWN_FORM.fullmatch(key)
    return own is not None and checksum(own[1]) == own[2]


def checksum(body: str) -> str:
    """Return the CRC-32 of the 32 characters as six of base 62."""
    return base62(zlib.crc32(body.encode("ascii")), 6)


def base62(number: int, length: int) -> str:
    """Write the lowest `length` digits of a number in base 62, padded with 0."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
