"""API keys, widget tokens and visitor tokens."""

from pathlib import Path

import pytest

from engine.stores.base import Retention, SessionRef
from engine.stores.memory.store import MemoryStore
from server.access.api_keys import checksum, is_possible, make_api_key
from server.access.auth import Credentials
from server.access.key_ring import KeyRing
from server.access.visitor_tokens import VISITOR_TOKEN_MS
from server.errors import ApiError
from tests.server.running import write_config

NOW_MS = 1_750_000_000_000
REF = SessionRef("ws_dev", "vis_1", "chat_1")


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return made(tmp_path, b"k" * 32)


def made(folder: Path, secret: bytes) -> Credentials:
    config = write_config(folder)
    store = MemoryStore(lambda: NOW_MS, Retention())
    return Credentials(config, secret, KeyRing(config.workspaces, store))


def test_a_made_key_carries_its_checksum() -> None:
    key = make_api_key("test", lambda count: bytes(range(count)))
    assert key.startswith("op_test_")
    assert len(key) == len("op_test_") + 38
    assert is_possible(key)
    assert not is_possible(key[:-1] + ("0" if key[-1] != "0" else "1"))


def test_the_checksum_is_crc_32_in_base_62() -> None:
    """CRC-32 of "123456789" is 0xCBF43926 by its definition, 3,421,780,262; base 62 is done by hand."""
    digits = [3, 45, 35, 27, 22, 14]
    assert sum(digit * 62 ** (5 - place) for place, digit in enumerate(digits)) == 0xCBF43926
    assert checksum("123456789") == "3jZRME"


@pytest.mark.parametrize("key", ["ah_live_0123456789", "dev_key_0123456789", "A" * 128])
def test_keys_of_other_forms_need_no_checksum(key: str) -> None:
    assert is_possible(key)


@pytest.mark.parametrize(
    "key", ["", "short", "A" * 129, "has space 0123456789", "op_live_" + "0" * 38]
)
def test_what_cannot_be_a_key_is_refused_before_any_look_up(key: str) -> None:
    assert not is_possible(key)


def test_a_visitor_token_says_who_and_where(credentials: Credentials) -> None:
    token = credentials.visitor_token(REF, NOW_MS)
    claim = credentials.read_visitor_token(token, NOW_MS)
    assert claim is not None
    assert claim.ref == REF


def test_a_visitor_token_ends_after_a_day_and_is_renewed_in_its_second_half(
    credentials: Credentials,
) -> None:
    token = credentials.visitor_token(REF, NOW_MS)
    last_ms = NOW_MS + VISITOR_TOKEN_MS - 1
    claim = credentials.read_visitor_token(token, last_ms)
    assert claim is not None
    assert credentials.renewed(claim, last_ms)
    assert not credentials.renewed(claim, NOW_MS)
    assert credentials.read_visitor_token(token, last_ms + 1) is None


def test_a_forged_visitor_token_is_nothing(credentials: Credentials, tmp_path: Path) -> None:
    token = credentials.visitor_token(REF, NOW_MS)
    other = made(tmp_path, b"o" * 32).visitor_token(REF, NOW_MS)
    kind, payload, signature = token.split(".")
    swapped = credentials.visitor_token(SessionRef("ws_dev", "vis_2", "chat_2"), NOW_MS).split(".")[
        1
    ]
    forgeries = [
        other,
        f"{kind}.{swapped}.{signature}",
        f"{kind}.{payload}.",
        f"vt2.{payload}.{signature}",
        f"{kind}.{payload}.{signature}x",
        "vt1..",
        "",
        "vt1.é.é",
        "vt1." + "A" * 5_000,
    ]
    for forged in forgeries:
        assert credentials.read_visitor_token(forged, NOW_MS) is None


@pytest.mark.anyio
async def test_a_key_expires(credentials: Credentials) -> None:
    headers = {b"authorization": b"Bearer dev_key_expired_0123456"}
    with pytest.raises(ApiError) as refused:
        credentials.api_key(headers, NOW_MS)
    assert refused.value.reason == "expired_credentials"
    assert credentials.api_key(headers, 1_500_000_000_000).name == "old"


@pytest.mark.anyio
async def test_a_key_has_its_scopes_and_no_others(credentials: Credentials) -> None:
    principal = credentials.api_key({b"x-api-key": b"dev_key_reader_0123456"}, NOW_MS)
    assert principal.may("sessions:read")
    assert not principal.may("sessions:write")
