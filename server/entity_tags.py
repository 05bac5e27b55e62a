"""Entity tags: whether what a caller has already is what it would be answered (RFC 9110, 8.8.3 and 13.1.2)."""

import hashlib
from collections.abc import Mapping


def entity_tag(body: bytes, variant: str = "") -> bytes:
    """Make a strong tag of a body's content; `variant` tells encodings of the same content apart."""
    digest = hashlib.sha256(body).hexdigest()[:16]
    return f'"{digest}-{variant}"'.encode() if variant else f'"{digest}"'.encode()


def has_current(headers: Mapping[bytes, bytes], tag: bytes) -> bool:
    """Tell whether the caller's `If-None-Match` names the tag, so that 304 is the answer."""
    known = (part.strip() for part in headers.get(b"if-none-match", b"").split(b","))
    return any(one.removeprefix(b"W/") in (tag, b"*") for one in known)
