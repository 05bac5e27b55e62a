"""Who is asking: the credentials of a request, whatever their kind, and what their bearer may do."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from engine.stores.base import SessionRef
from server.access.api_keys import is_possible
from server.access.jwt_tokens import DashboardPrincipal, DashboardTokens, verify_identity
from server.access.key_ring import KeyRing
from server.access.scopes import EVERY_SCOPE
from server.access.visitor_tokens import VisitorClaim, VisitorTokens, earns_renewal
from server.config import Config
from server.errors import ApiError
from server.wire.login import Identity
from server.workspace_settings import Site, Workspace

_BEARER = "bearer "
_CHALLENGE = ((b"www-authenticate", b"Bearer"),)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls the platform: a key, or a person at a dashboard.

    `bucket` names whose requests are counted together; `per_minute` None = the workspace's limit.
    """

    workspace: Workspace
    name: str
    scopes: frozenset[str]
    bucket: str = ""
    per_minute: int | None = None

    def may(self, scope: str) -> bool:
        """Tell whether the caller has a scope."""
        return scope in self.scopes or EVERY_SCOPE in self.scopes


@dataclass(frozen=True, slots=True)
class WidgetAccess:
    """A valid widget token: it selects a workspace and one of its sites."""

    workspace: Workspace
    site: Site


class Credentials:
    """All credentials of one configuration; look-ups are by digest and compare in constant time."""

    def __init__(self, config: Config, secret: bytes, keys: KeyRing) -> None:
        """Index tokens and origins; `secret` signs visitor tokens.

        Raises:
            ValueError: a public key of the configuration cannot be used; the text says which.
        """
        self.keys = keys
        self._visitors = VisitorTokens(secret)
        self._dashboards = DashboardTokens(config.workspaces, config.path.parent)
        self._tokens: dict[str, WidgetAccess] = {}
        own = _origin_of(config.server.public_url)
        self._origins: dict[str, frozenset[str]] = {}
        for workspace in config.workspaces:
            for site in workspace.sites:
                self._origins[site.source_id] = frozenset((*site.origins, own))
            for row in workspace.widget_tokens:
                site_of_token = workspace.site(row.site)
                assert site_of_token is not None, "load_config refuses a token without site"
                self._tokens[row.token] = WidgetAccess(workspace, site_of_token)
        self.all_origins: frozenset[str] = frozenset().union(*self._origins.values())
        self._headers = {b"Bearer " + t.encode(): access for t, access in self._tokens.items()}

    # ---- callers of the platform and agent families

    def caller(
        self, headers: Mapping[bytes, bytes], now_ms: int, *, keys_only: bool = False
    ) -> Principal:
        """Return who calls: a Bearer value with two dots is a dashboard's token, any other a key.

        `keys_only`: dashboard tokens are refused.

        Raises ApiError: missing_credentials, invalid_credentials, expired_credentials.
        """
        text = bearer(headers)
        if text.count(".") == 2 and not keys_only:
            return _of_dashboard(self._dashboards.verify(text, now_ms))
        return self.api_key(headers, now_ms)

    def api_key(self, headers: Mapping[bytes, bytes], now_ms: int) -> Principal:
        """Return whose key the request carries, in `Authorization: Bearer` or `x-api-key`.

        Raises ApiError: missing_credentials, invalid_credentials, expired_credentials.
        """
        text = bearer(headers) or headers.get(b"x-api-key", b"").decode("latin-1")
        if not text:
            scheme = headers.get(b"authorization", b"").strip().lower()
            is_missing = scheme in (b"", b"bearer")
            raise _unauthorized("missing_credentials" if is_missing else "invalid_credentials")
        if not is_possible(text):
            raise _unauthorized("invalid_credentials")
        digest = hashlib.sha256(text.encode()).hexdigest()
        key = self.keys.find(digest)
        if key is None or not hmac.compare_digest(key.sha256, digest):
            raise _unauthorized("invalid_credentials")
        if key.expires_ms is not None and key.expires_ms <= now_ms:
            raise _unauthorized("expired_credentials")
        self.keys.touch(key, now_ms)
        return Principal(key.workspace, key.name, key.scopes, f"k|{digest[:32]}", key.per_minute)

    def dashboard(self, token: str, now_ms: int) -> DashboardPrincipal:
        """Return whom a dashboard's token speaks for.

        Raises ApiError: invalid_credentials, expired_credentials.
        """
        return self._dashboards.verify(token, now_ms)

    def verify_identity(self, workspace: Workspace, identity: Identity, now_ms: int) -> str:
        """Return the user id that a known user's proof stands for.

        Raises ApiError: invalid_identity.
        """
        return verify_identity(workspace, identity, now_ms)

    # ---- widgets

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

    # ---- visitors

    def visitor_token(self, ref: SessionRef, now_ms: int) -> str:
        """Sign that this client is this visitor in this session, for 24 h."""
        return self._visitors.write(ref, now_ms)

    def read_visitor_token(self, token: str, now_ms: int) -> VisitorClaim | None:
        """Return what a token says, None when it is malformed, forged or has expired."""
        return self._visitors.read(token, now_ms)

    def renewed(self, claim: VisitorClaim, now_ms: int) -> bool:
        """Tell whether a token is so old that its use earns a new one."""
        return earns_renewal(claim, now_ms)


def bearer(headers: Mapping[bytes, bytes]) -> str:
    """Return the credential of `Authorization: Bearer`, "" when there is none of that scheme."""
    value = headers.get(b"authorization", b"").decode("latin-1")
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else ""


def _of_dashboard(person: DashboardPrincipal) -> Principal:
    # Subjects are any text: in a bucket's name stands their digest.
    sub = hashlib.sha256(person.sub.encode()).hexdigest()[:32]
    return Principal(person.workspace, person.sub, person.scopes, f"s|{person.workspace.id}|{sub}")


def _unauthorized(reason: str) -> ApiError:
    return ApiError(reason, headers=_CHALLENGE)


def _origin_of(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}".lower()
