"""Whose address a request has: the peer's, or what a trusted proxy says."""

from pathlib import Path

import msgspec
import pytest

from server.access.client_address import client_address
from server.config import Config
from tests.server.running import write_config


def seen(config: Config, peer: str, forwarded: str | None, trusted: tuple[str, ...]) -> str:
    server = msgspec.structs.replace(config.server, trusted_proxies=trusted)
    headers = {} if forwarded is None else {b"x-forwarded-for": forwarded.encode("latin-1")}
    scope = {"type": "http", "client": (peer, 1) if peer else None}
    return client_address(scope, headers, msgspec.structs.replace(config, server=server))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return write_config(tmp_path)


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("203.0.113.7", None, (), "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", (), "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", ("10.0.0.0/8",), "203.0.113.7"),
        ("10.0.0.2", "198.51.100.1", ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.2", "6.6.6.6, 198.51.100.1", ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.2", "6.6.6.6, 198.51.100.1, 10.1.1.1", ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.2", "10.1.1.1, 10.1.1.2", ("10.0.0.0/8",), "10.1.1.1"),
        ("10.0.0.2", "not an address", ("10.0.0.0/8",), "10.0.0.2"),
        ("10.0.0.2", "", ("10.0.0.0/8",), "10.0.0.2"),
        ("10.0.0.2", None, ("10.0.0.0/8",), "10.0.0.2"),
        ("fd00::2", "2001:db8::7", ("fd00::/8",), "2001:db8::7"),
        ("127.0.0.1", "198.51.100.1", ("127.0.0.1", "no network"), "198.51.100.1"),
        ("anything", "6.6.6.6, 198.51.100.1", ("*",), "6.6.6.6"),
        ("", None, (), ""),
    ],
)
def test_only_a_trusted_proxy_is_believed(
    config: Config, peer: str, forwarded: str | None, trusted: tuple[str, ...], expected: str
) -> None:
    assert seen(config, peer, forwarded, trusted) == expected
