"""Passwords of dashboard users: hashed with scrypt, compared, and bounded in what they may cost."""

import asyncio
import hashlib

import pytest

from engine.ids import system_random_bytes
from server.access.passwords import (
    WAITING_MAX,
    PasswordChecks,
    hash_password,
    is_password_hash,
    password_matches,
)
from server.errors import ApiError

pytestmark = pytest.mark.anyio
CHEAP = "scrypt$2$1$1$c2FsdA$" + "AAAA"


def test_a_password_matches_its_own_hash_only() -> None:
    kept = hash_password("très secret", system_random_bytes)
    assert is_password_hash(kept)
    assert password_matches("très secret", kept)
    assert not password_matches("tres secret", kept)
    assert "secret" not in kept


def test_the_hash_is_scrypt_of_rfc_7914() -> None:
    """Vector of RFC 7914, section 12: P="pleaseletmein", S="SodiumChloride", N=16384, r=8, p=1."""
    published = bytes.fromhex(
        "7023bdcb3afd7348461c06cd81fd38eb fda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9 e61e85dc0d651e40dfcf017b45575887"
    )
    assert (
        hashlib.scrypt(b"pleaseletmein", salt=b"SodiumChloride", n=16_384, r=8, p=1, maxmem=2**26)
        == published
    )
    salt, digest = "U29kaXVtQ2hsb3JpZGU", "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI"
    kept = f"scrypt$16384$8$1${salt}$" + digest
    # A hash of 32 bytes is the first half of one of 64.
    assert password_matches("pleaseletmein", kept)


def test_two_hashes_of_one_password_have_nothing_in_common() -> None:
    first, second = (hash_password("x", system_random_bytes) for _ in range(2))
    assert first.split("$")[4:] != second.split("$")[4:]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "scrypt$16384$8$1$c2FsdA",
        "scrypt$0$8$1$c2FsdA$aGFzaA",
        "scrypt$1$8$1$c2FsdA$aGFzaA",
        "scrypt$1000$8$1$c2FsdA$aGFzaA",
        "scrypt$16384$0$1$c2FsdA$aGFzaA",
        "scrypt$16384$8$0$c2FsdA$aGFzaA",
        "scrypt$16384$8$99$c2FsdA$aGFzaA",
        "scrypt$4194304$8$1$c2FsdA$aGFzaA",
        "scrypt$16384$8$1$c2FsdA$a",
        "bcrypt$16384$8$1$c2FsdA$aGFzaA",
    ],
)
def test_what_is_no_hash_or_costs_too_much_is_refused(text: str) -> None:
    assert not is_password_hash(text)


async def test_nobody_never_matches() -> None:
    checks = PasswordChecks()
    assert not await checks.matches("nobody has this", None)
    assert not await checks.matches("", None)


async def test_checks_that_wait_are_bounded() -> None:
    checks = PasswordChecks()
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(checks.matches("x", CHEAP)) for _ in range(WAITING_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError) as refused:
            await checks.matches("x", CHEAP)
        assert refused.value.reason == "queue_full"
    assert not any(task.result() for task in waiting)
    assert not await checks.matches("x", CHEAP)
