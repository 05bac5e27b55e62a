"""Visitor tokens: a signed word that this client is this visitor in this session (API.md 2.3)."""

import base64
import binascii
import hmac

import msgspec

from engine.stores.base import SessionRef

VISITOR_TOKEN_MS = 24 * 3_600_000
"""Validity of a visitor token; it is renewed by any use in its second half."""

_TOKEN_CHARS_MAX = 4_096


class VisitorClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a visitor token says: this client is visitor `v` in session `s` of workspace `w`."""

    w: str
    v: str
    s: str
    exp: int

    @property
    def ref(self) -> SessionRef:
        """Return the session that the token opens."""
        return SessionRef(self.w, self.v, self.s)


class VisitorTokens:
    """Signs visitor tokens and reads them back."""

    def __init__(self, secret: bytes) -> None:
        """Sign with the server's secret."""
        self._secret = secret

    def write(self, ref: SessionRef, now_ms: int) -> str:
        """Sign that this client is this visitor in this session, for 24 h."""
        claim = VisitorClaim(ref.workspace, ref.visitor, ref.session, now_ms + VISITOR_TOKEN_MS)
        payload = _encode(msgspec.json.encode(claim))
        return f"vt1.{payload}.{self._signature(payload)}"

    def read(self, token: str, now_ms: int) -> VisitorClaim | None:
        """Return what a token says, None when it is malformed, forged or has expired."""
        kind, _, rest = token.partition(".")
        payload, _, signature = rest.partition(".")
        if kind != "vt1" or len(token) > _TOKEN_CHARS_MAX or not token.isascii():
            return None
        if not hmac.compare_digest(self._signature(payload), signature):
            return None
        try:
            claim = msgspec.json.decode(_decode(payload), type=VisitorClaim)
        except (msgspec.DecodeError, binascii.Error):
            return None
        return claim if claim.exp > now_ms else None

    def _signature(self, payload: str) -> str:
        return _encode(hmac.digest(self._secret, b"vt1." + payload.encode(), "sha256"))


def earns_renewal(claim: VisitorClaim, now_ms: int) -> bool:
    """Tell whether a token is so old that its use earns a new one."""
    return claim.exp - now_ms <= VISITOR_TOKEN_MS // 2


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
