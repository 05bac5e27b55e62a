"""Where a Redis deployment is: the URL of `[store] url`, taken apart and checked."""

from typing import Literal
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from engine.errors import StoreRefused

Kind = Literal["nodes", "cluster"]

_SCHEMES: dict[str, tuple[Kind, bool]] = {
    "redis": ("nodes", False),
    "rediss": ("nodes", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_PORT = 6379
ADDRESSES_MAX = 64
"""Addresses in one URL; a cluster tells its other nodes by itself."""


class Address(Struct, frozen=True):
    """Host and port of one server."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Place(Struct, frozen=True):
    """What a URL says; `password` never leaves this process but to the server."""

    kind: Kind
    addresses: tuple[Address, ...]
    tls: bool = False
    user: str | None = None
    password: str | None = None
    database: int = 0


def is_redis_url(url: str) -> bool:
    """Tell whether a URL has one of the schemes read here."""
    return url.partition("://")[0] in _SCHEMES


def read_url(url: str) -> Place:
    """Take `redis[s][+cluster]://[user:password@]host[:port][,host...][/database]` apart.

    Raises:
        StoreRefused: it is not such a URL; the sentence names no password.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in _SCHEMES:
        raise StoreRefused(f"the store URL's scheme is unknown; use {', '.join(_SCHEMES)}")
    kind, tls = _SCHEMES[scheme]
    login, at, places = rest.rpartition("@")
    hosts, _, database = places.partition("/")
    user, colon, password = login.partition(":")
    names = hosts.split(",")
    if len(names) > ADDRESSES_MAX:
        raise StoreRefused(f"the store URL names more than {ADDRESSES_MAX} servers; name some")
    return Place(
        kind,
        tuple(_address(name) for name in names),
        tls,
        unquote(user) or None,
        unquote(password) if at and colon else None,
        _database(database, kind),
    )


def read_address(text: str) -> Address:
    """Read `host:port` as servers write it, IPv6 without brackets too."""
    host, _, port = text.rpartition(":")
    return Address(host.strip("[]"), int(port))


def _address(text: str) -> Address:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or any(mark in text for mark in "?#"):
        raise StoreRefused(
            f'the store URL names no server in "{text}"; write host:port, several with commas between'
        )
    return Address(host, port or _PORT)


def _database(text: str, kind: Kind) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit():
        raise StoreRefused(
            "the store URL ends in something else than a database's number; remove it"
        )
    if kind == "cluster" and int(text):
        raise StoreRefused("a cluster has no database but 0; remove the number from the store URL")
    return int(text)
