"""Which addresses a webhook may go to: a URL taken apart once, and networks that are not the internet. Pure."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import msgspec

URL_CHARS_MAX = 2_048
"""A longer URL is refused. test_a_url_that_no_webhook_can_have_is_refused"""

NOT_PUBLIC = "the address is not on the public internet"
"""What the owner is told of every refused address: nothing that would describe our network."""

_PORTS = {"https": 443, "http": 80}
_URL = re.compile(r"(https?)://([^/?#]*)([^#]*)(?:#.*)?", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::(\d{1,5}))?")
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_UNSENDABLE = re.compile(r"[^\x21-\x7e]")
_NUMBER = re.compile(r"\d+|0[xX][0-9A-Fa-f]*")

# IANA IPv4 and IPv6 Special-Purpose Address Registries: what is not globally reachable, and relays.
_REFUSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
"""All that is handed out on the internet; mapped, compatible, translated, local and multicast are outside."""

_REFUSED_V6 = tuple(
    IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")  # Teredo is in the first
)
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""Upper halves of an interface identifier whose lower half is an IPv4 address (RFC 5214, 6.1)."""


class BadTarget(ValueError):
    """A URL that no webhook can have; the sentence says why."""


class NotPublic(Exception):
    """An address that must not be called."""


class Target(msgspec.Struct, frozen=True):
    """A URL taken apart: what is connected to, and what is asked for there. `host` is a name or an address."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def server_name(self) -> str:
        """Return the host as certificates name it."""
        return self.host.rstrip(".")

    @property
    def authority(self) -> str:
        """Return what stands in the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def read_target(url: str, *, allow_http: bool) -> Target:
    """Take a URL apart; the only reader of it, so that what was checked is what is called.

    Raises:
        BadTarget: it is no https URL (or http, where `allow_http`) of a host, or has user information.
        NotPublic: its host is an address in a spelling that others read in their own ways.
    """
    if len(url) > URL_CHARS_MAX:
        raise BadTarget(f"has over {URL_CHARS_MAX} characters")
    found = _URL.fullmatch(url)
    if found is None or _UNSENDABLE.search(found[3]):
        raise BadTarget("is not an absolute https URL")
    scheme = found[1].lower()
    if scheme == "http" and not allow_http:
        raise BadTarget("is not https")
    if "@" in found[2]:
        raise BadTarget("has user information; leave it out")
    place = _HOST.fullmatch(found[2])
    port = int(place[2] or _PORTS[scheme]) if place else 0
    if place is None or not 1 <= port <= 65_535:
        raise BadTarget("has no host, or a port that is none")
    rest = found[3] if found[3].startswith("/") else "/" + found[3]
    return Target(scheme, _host(place[1]), port, rest)


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet, whatever it hides inside."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _REFUSED_V4)
    return _is_public_v6(found)


def _is_public_v6(address: IPv6Address) -> bool:
    if address not in _GLOBAL_V6 or any(address in network for network in _REFUSED_V6):
        return False
    return int(address) >> 32 & 0xFFFF_FFFF not in _ISATAP


def _host(text: str) -> str:
    """Return a host in the one form that is resolved and sent: an address, or a name in ASCII."""
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1]))
        except ValueError:
            raise BadTarget("has a host that is no address") from None
    try:
        name = text.encode("idna").decode().lower()
    except UnicodeError:
        raise BadTarget("has a host that is no name") from None
    if not _NAME.fullmatch(name) or len(name) > 254:
        raise BadTarget("has a host that is no name")
    if _NUMBER.fullmatch(name.rstrip(".").rpartition(".")[2]):
        return _dotted(name)
    return name


def _dotted(name: str) -> str:
    """Return an IPv4 address in its usual form; short, octal and hexadecimal ones are refused."""
    try:
        return str(IPv4Address(name))
    except ValueError:
        raise NotPublic(NOT_PUBLIC) from None
