"""Who is asking: API keys, widget tokens, visitor tokens, scopes and origins."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from engine.stores.base import SessionRef
from server.api_keys import is_possible
from server.config import Config
from server.errors import ApiError
from server.workspace_settings import ApiKey, Site, Workspace

VISITOR_TOKEN_MS = 24 * 3_600_000
"""Validity of a visitor token; it is renewed by any use in its second half."""

_TOKEN_CHARS_MAX = 4_096
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Principal:
    """A valid API key: its workspace, its name and what it may do."""

    workspace: Workspace
    name: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Tell whether the key has a scope."""
        return scope in self.scopes or "*" in self.scopes


@dataclass(frozen=True, slots=True)
class WidgetAccess:
    """A valid widget token: it selects a workspace and one of its sites."""

    workspace: Workspace
    site: Site


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


class Credentials:
    """All credentials of one configuration; look-ups are by digest and compare in constant time."""

    def __init__(self, config: Config, secret: bytes) -> None:
        """Index keys, tokens and origins; `secret` signs visitor tokens."""
        self._secret = secret
        self._keys: dict[str, tuple[Workspace, ApiKey]] = {}
        self._tokens: dict[str, WidgetAccess] = {}
        own = _origin_of(config.server.public_url)
        self._origins: dict[str, frozenset[str]] = {}
        for workspace in config.workspaces:
            for key in workspace.api_keys:
                self._keys[key.digest] = (workspace, key)
            for site in workspace.sites:
                self._origins[site.source_id] = frozenset((*site.origins, own))
            for row in workspace.widget_tokens:
                site_of_token = workspace.site(row.site)
                assert site_of_token is not None, "load_config refuses a token without site"
                self._tokens[row.token] = WidgetAccess(workspace, site_of_token)
        self.all_origins: frozenset[str] = frozenset().union(*self._origins.values())
        self._headers = {b"Bearer " + t.encode(): access for t, access in self._tokens.items()}

    def api_key(self, headers: Mapping[bytes, bytes], now_ms: int) -> Principal:
        """Return whose key the request carries, in `Authorization: Bearer` or `x-api-key`.

        Raises ApiError: missing_credentials, invalid_credentials, expired_credentials.
        """
        text = bearer(headers) or headers.get(b"x-api-key", b"").decode("latin-1")
        if not text:
            raise _unauthorized("missing_credentials")
        if not is_possible(text):
            raise _unauthorized("invalid_credentials")
        digest = hashlib.sha256(text.encode()).hexdigest()
        workspace, key = self._keys.get(digest, (None, None))
        if workspace is None or key is None or not hmac.compare_digest(key.digest, digest):
            raise _unauthorized("invalid_credentials")
        if key.expires is not None and key.expires.timestamp() * 1000 <= now_ms:
            raise _unauthorized("expired_credentials")
        return Principal(workspace, key.name, frozenset(key.scopes))

    def widget(self, token: str) -> WidgetAccess | None:
        """Return what a widget token selects; tokens are public, so this is a plain look-up."""
        return self._tokens.get(token)

    def widget_by_header(self, authorization: bytes) -> WidgetAccess | None:
        """Return what `Authorization: Bearer <widget token>` selects; None also for odd spellings."""
        return self._headers.get(authorization)

    def origin_allowed(self, site: Site, origin: str | None) -> bool:
        """Tell whether a site may be used from an origin; None is a request without one."""
        if origin is None:
            return not site.require_origin
        return origin in self._origins[site.source_id]

    def origin_of_any_site(self, origin: str) -> bool:
        """Tell whether an origin belongs to any site: all that a preflight can be asked."""
        return origin in self.all_origins

    # ---- visitor tokens

    def visitor_token(self, ref: SessionRef, now_ms: int) -> str:
        """Sign that this client is this visitor in this session, for 24 h."""
        claim = VisitorClaim(ref.workspace, ref.visitor, ref.session, now_ms + VISITOR_TOKEN_MS)
        payload = _encode(msgspec.json.encode(claim))
        return f"vt1.{payload}.{self._signature(payload)}"

    def read_visitor_token(self, token: str, now_ms: int) -> VisitorClaim | None:
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

    def renewed(self, claim: VisitorClaim, now_ms: int) -> bool:
        """Tell whether a token is so old that its use earns a new one."""
        return claim.exp - now_ms <= VISITOR_TOKEN_MS // 2

    def _signature(self, payload: str) -> str:
        return _encode(hmac.digest(self._secret, b"vt1." + payload.encode(), "sha256"))


def bearer(headers: Mapping[bytes, bytes]) -> str:
    """Return the credential of `Authorization: Bearer`, "" when there is none of that scheme."""
    value = headers.get(b"authorization", b"").decode("latin-1")
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else ""


def _unauthorized(reason: str) -> ApiError:
    return ApiError(reason, headers=((b"www-authenticate", b"Bearer"),))


def _origin_of(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}".lower()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
