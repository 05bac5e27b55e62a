"""Whose address a request has, behind trusted proxies too, and what counts as one address."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache

from starlette.types import Scope

from server.config import Config

_Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def client_address(scope: Scope, headers: Mapping[bytes, bytes], config: Config) -> str:
    """Return the address of the client, "" when it is not known.

    It is the peer's; when the peer is one of `server.trusted_proxies`, the last address of
    `X-Forwarded-For` that is not one of them.
    """
    client = scope.get("client")
    address: str = client[0] if client else ""
    trusted = config.server.trusted_proxies
    forwarded = headers.get(b"x-forwarded-for")
    if not trusted or forwarded is None or not _is_among(address, trusted):
        return address
    for hop in reversed(forwarded.decode("latin-1").split(",")):
        text = hop.strip()
        if not _is_address(text):
            return address
        address = text
        if not _is_among(text, trusted):
            break
    return address


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_among(address: str, networks: tuple[str, ...]) -> bool:
    if "*" in networks:
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in _networks(networks))


@lru_cache(maxsize=8)
def _networks(names: tuple[str, ...]) -> _Networks:
    networks = []
    for name in names:
        try:
            networks.append(ipaddress.ip_network(name, strict=False))
        except ValueError:
            # A name that is no network, like a socket's path, stands for no address.
            continue
    return tuple(networks)


def neighbourhood(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 that one IPv6 subscriber has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, 64), strict=False))
