"""Cursors of lists: where a page ended, signed, for one workspace and path, for 24 h (API.md 10.3)."""

import base64
import binascii
import hmac
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Struct

from server.errors import ApiError

CURSOR_MS = 24 * 3_600_000
"""Validity of a cursor."""

CURSOR_CHARS_MAX = 4_096

_SEPARATOR = b"\x1f"


class _Mark(Struct, frozen=True, array_like=True):
    """What a cursor holds: the list's own position, and the instant at which it ends."""

    position: str
    until_ms: int


class Cursors:
    """Signs positions of lists and reads them back."""

    def __init__(self, secret: bytes) -> None:
        """Sign with the server's secret."""
        self._secret = secret

    def write(self, position: str, workspace: str, path: str, now_ms: int) -> str:
        """Make the cursor of a position, valid from now on for `CURSOR_MS`."""
        payload = _text(msgspec.json.encode(_Mark(position, now_ms + CURSOR_MS)))
        return f"{payload}.{self._signature(payload, workspace, path)}"

    def read(self, cursor: str, workspace: str, path: str, now_ms: int) -> str:
        """Return the position of a cursor.

        Raises ApiError: invalid_cursor, for a forged, foreign or old one alike.
        """
        payload, _, signature = cursor.partition(".")
        if len(cursor) > CURSOR_CHARS_MAX or not cursor.isascii():
            raise _refused()
        if not hmac.compare_digest(self._signature(payload, workspace, path), signature):
            raise _refused()
        try:
            raw = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_")
            mark = msgspec.json.decode(raw, type=_Mark)
        except (binascii.Error, msgspec.DecodeError):
            raise _refused() from None
        if mark.until_ms <= now_ms:
            raise _refused()
        return mark.position

    def _signature(self, payload: str, workspace: str, path: str) -> str:
        parts = (b"cursor", workspace.encode(), path.encode(), payload.encode())
        return _text(hmac.digest(self._secret, _SEPARATOR.join(parts), "sha256"))


def next_link(address: str, query: str, cursor: str) -> bytes:
    """Write the value of `Link` that leads to the next page: the same query with another cursor."""
    pairs = [
        (name, value)
        for name, value in parse_qsl(query, keep_blank_values=True)
        if name != "cursor"
    ]
    return f'<{address}?{urlencode([*pairs, ("cursor", cursor)])}>; rel="next"'.encode()


def _refused() -> ApiError:
    text = "This cursor is not of this list or is older than 24 h; begin again without a cursor"
    return ApiError("invalid_cursor", text, field="cursor")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
