"""Passwords of dashboard users: scrypt, made by `opportune keys password`, and compared at the login."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import re

from msgspec import Struct

from engine.ids import RandomBytes
from server.errors import ApiError

SALT_BYTES = 16
HASH_BYTES = 32
WORK_MAX = 2**23
"""N x r of a hash at most: 1 GiB; a costlier one is not computed at anybody's request."""

HASHES_AT_ONCE = 2
"""Passwords that are hashed at the same time, 16 MB each; the others wait."""

WAITING_MAX = 64
"""Checks that wait or run; one more is refused with 503."""

_FORM = re.compile(
    r"scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9+/]{1,128})\$([A-Za-z0-9+/]{1,128})"
)


_NOBODY = "scrypt$16384$8$1$bm9ib2R5IGhhcyB0aGlz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


class _Cost(Struct, frozen=True):
    """The parameters of scrypt: N, r and p."""

    rounds: int = 16_384
    block: int = 8
    parallel: int = 1


def hash_password(password: str, random_bytes: RandomBytes) -> str:
    """Return `scrypt$N$r$p$salt$hash`, the last two in base64 without padding."""
    salt, cost = random_bytes(SALT_BYTES), _Cost()
    digest = _scrypt(password, salt, cost, HASH_BYTES)
    return f"scrypt${cost.rounds}${cost.block}${cost.parallel}${_text(salt)}${_text(digest)}"


def is_password_hash(text: str) -> bool:
    """Tell whether a text is a hash that `password_matches` can compare with."""
    found = _FORM.fullmatch(text)
    if found is None:
        return False
    try:
        _bytes(found[4])
        _bytes(found[5])
    except binascii.Error:
        return False
    cost = _cost(found)
    is_power = cost.rounds > 1 and cost.rounds & (cost.rounds - 1) == 0
    return is_power and 1 <= cost.parallel <= 16 and 1 <= cost.block * cost.rounds <= WORK_MAX


def password_matches(password: str, kept: str) -> bool:
    """Compare a password with its hash in constant time; takes about 50 ms, so call it in a thread."""
    found = _FORM.fullmatch(kept)
    assert found is not None, "the configuration refuses other forms"
    wanted = _bytes(found[5])
    digest = _scrypt(password, _bytes(found[4]), _cost(found), len(wanted))
    return hmac.compare_digest(digest, wanted)


class PasswordChecks:
    """Compares passwords beside the loop, a bounded number at once."""

    def __init__(self) -> None:
        """Start with none."""
        self._places = asyncio.Semaphore(HASHES_AT_ONCE)
        self._waiting = 0

    async def matches(self, password: str, kept: str | None) -> bool:
        """Compare a password with its hash; None is nobody's, costs the same, and never matches.

        Raises ApiError: queue_full.
        """
        if self._waiting >= WAITING_MAX:
            raise ApiError("queue_full", "Too many logins are waiting; try again", retry_after_s=1)
        self._waiting += 1
        try:
            async with self._places:
                found = await asyncio.to_thread(password_matches, password, kept or _NOBODY)
        finally:
            self._waiting -= 1
        return found and kept is not None


def _cost(found: re.Match[str]) -> _Cost:
    return _Cost(int(found[1]), int(found[2]), int(found[3]))


def _scrypt(password: str, salt: bytes, cost: _Cost, size: int) -> bytes:
    return hashlib.scrypt(
        password.encode(),
        salt=salt,
        n=cost.rounds,
        r=cost.block,
        p=cost.parallel,
        maxmem=128 * cost.block * (cost.rounds + cost.parallel + 2),
        dklen=size,
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
