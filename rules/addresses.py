"""Page addresses: one normal form, so that a page has one name however its link was written."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, quote, quote_plus

ADDRESSES_MAX = 4_096
"""Normalised addresses kept; beyond it the longest unused is forgotten and normalised again."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://|//")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_HOST_BREAKERS = frozenset("/?#@:\\ ")
_ESCAPED_BY_BROWSERS = frozenset(' "<>`{}')
_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class Address:
    """A page's address, normalised (LANGUAGE.md 6).

    `host` is "" for a path alone. `path` keeps its case (`page.path`). `query` holds the first value
    of each parameter, decoded; it is shared, so never changed. `key` is `host/path?query` with the
    path in lower case: what page patterns are matched against.
    """

    host: str
    path: str
    query: dict[str, str]
    key: str


@lru_cache(maxsize=ADDRESSES_MAX)
def address(url: str) -> Address:
    """Normalise an address; any text is one, a blank text is the address with the key "".

    `https://www.Shop.example:443/A/../Cart/?x=1#top` has the key `shop.example/cart?x=1`.
    """
    rest = url.strip().replace("\t", "").replace("\n", "").replace("\r", "")
    if not rest:
        return Address("", "", {}, "")
    rest = rest.partition("#")[0]
    rest, _, query_text = rest.partition("?")
    scheme = _SCHEME.match(rest)
    authority, slash, path_text = rest[scheme.end() if scheme else 0 :].partition("/")
    host = normal_host(authority)
    path = normal_path(slash + path_text)
    query: dict[str, str] = {}
    for name, value in parse_qsl(query_text, keep_blank_values=True, errors="replace"):
        query.setdefault(name, value)
    return Address(host, path, query, _key(host, path, query))


def address_key(url: str) -> str:
    """Return the normalised address `host/path?query` of a page; "" only for a blank text."""
    return address(url).key


def normal_host(authority: str) -> str:
    """Return a host in lower case and ASCII, without user, leading `www.` and port 80 or 443."""
    host = authority.rpartition("@")[2].lower()
    name, colon, port = host.rpartition(":")
    if colon and port in ("80", "443", ""):
        host = name
    return _ascii_host(host).removeprefix("www.")


def _ascii_host(host: str) -> str:
    if host.isascii():
        return host
    try:
        converted = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return host
    # A compatibility character can decompose into a separator: such a host stays as it was typed.
    return host if _HOST_BREAKERS & (set(converted) - set(host)) else converted


def normal_path(path: str) -> str:
    """Return a path with unreserved escapes decoded, dots resolved, slashes single, none last."""
    kept: list[str] = []
    for segment in _PERCENT.sub(_decode_unreserved, path).split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in (".", ""):
            kept.append(segment)
    return "/" + "/".join(kept)


def matching_path(path: str) -> str:
    """Return a normal path as patterns compare it: ASCII lower case, the rest as UTF-8 escapes."""
    if not (path.isascii() and _ESCAPED_BY_BROWSERS.isdisjoint(path)):
        path = "".join(_escape(char) for char in path)
    return path.translate(_ASCII_LOWER)


def _decode_unreserved(escape: re.Match[str]) -> str:
    digits = escape.group(1)
    if digits is None:
        return "%25"
    char = chr(int(digits, 16))
    return char if char in _UNRESERVED else escape.group()


def _escape(char: str) -> str:
    if char.isascii() and char not in _ESCAPED_BY_BROWSERS:
        return char
    return quote(char.encode("utf-8", "surrogatepass"))


def _key(host: str, path: str, query: dict[str, str]) -> str:
    key = host + matching_path(path)
    if not query:
        return key
    pairs = (f"{_quoted(name)}={_quoted(value)}" for name, value in query.items())
    return f"{key}?{'&'.join(pairs)}"


def _quoted(text: str) -> str:
    return quote_plus(text.encode("utf-8", "surrogatepass"))
