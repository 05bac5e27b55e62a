"""JSON Web Tokens: dashboards' tokens made and verified, and the proofs of known users (API.md 2.3, 2.4).

The time is an argument: the library is told not to look at any clock, its checks of time stand here.
"""

import base64
import binascii
import hashlib
import hmac
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.types import Options
from msgspec import Meta

from server.access.scopes import ROLE_SCOPES, Role
from server.errors import ApiError
from server.wire.login import Identity
from server.workspace_settings import JwtSettings, Workspace

TOKEN_BYTES_MAX = 8_192
LEEWAY_S = 30
AUDIENCE = "opportune"
RSA_BITS_MIN = 2_048

_FORBIDDEN_HEADERS = frozenset({"jku", "x5u", "jwk", "crit"})
_LIBRARY_OPTIONS: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}

_Key = str | bytes | rsa.RSAPublicKey | ec.EllipticCurvePublicKey
_Text = Annotated[str, Meta(min_length=1, max_length=256)]


class _Times(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of time, Unix seconds."""

    exp: float
    nbf: float | None = None
    iat: float | None = None


class _DashboardClaims(_Times, frozen=True, kw_only=True):
    """The claims of a dashboard's token."""

    sub: _Text
    workspace_id: _Text
    role: Role
    aud: str | list[str]
    iss: str | None = None
    name: str | None = None


class _UserClaims(_Times, frozen=True, kw_only=True):
    """The claims of a known user's proof."""

    sub: _Text


class _Addressed(msgspec.Struct, frozen=True):
    """The one claim that is read before anything is verified: whose keys to verify with."""

    workspace_id: _Text


_Claims = TypeVar("_Claims", bound=_Times)


@dataclass(frozen=True, slots=True)
class DashboardPrincipal:
    """Who a verified dashboard token speaks for, and until when; `name` "" is not given."""

    workspace: Workspace
    sub: str
    role: Role
    exp_ms: int
    name: str = ""

    @property
    def scopes(self) -> frozenset[str]:
        """Return what the role lets."""
        return ROLE_SCOPES[self.role]


class DashboardTokens:
    """Verifies dashboard tokens with the keys of the workspace that each one names."""

    def __init__(self, workspaces: tuple[Workspace, ...], folder: Path) -> None:
        """Read public keys; their paths are relative to `folder`.

        Raises:
            ValueError: a public key cannot be read or is not of the algorithm; the text says which.
        """
        self._keys: dict[str, tuple[Workspace, JwtSettings, tuple[_Key, ...]]] = {
            one.id: (one, one.jwt, _verifying_keys(one.jwt, folder))
            for one in workspaces
            if one.jwt is not None
        }

    def verify(self, token: str, now_ms: int) -> DashboardPrincipal:
        """Return who a token speaks for.

        Raises ApiError: invalid_credentials, expired_credentials.
        """
        workspace, settings, keys = self._keys.get(_addressed_to(token), (None, None, ()))
        if workspace is None or settings is None:
            raise _refused()
        for key in keys:
            claims = _verified(token, key, settings.algorithm, _DashboardClaims)
            if claims is not None:
                break
        else:
            raise _refused()
        named = claims.aud if isinstance(claims.aud, list) else [claims.aud]
        if AUDIENCE not in named or (settings.issuer and claims.iss != settings.issuer):
            raise _refused()
        _check_times(claims, now_ms)
        return DashboardPrincipal(
            workspace, claims.sub, claims.role, int(claims.exp * 1000), claims.name or ""
        )


def make_dashboard_token(
    workspace: Workspace, sub: str, role: Role, *, now_ms: int, valid_ms: int, name: str = ""
) -> str:
    """Sign a dashboard token.

    Raises:
        ValueError: the workspace has no secret to sign with; the text says what to set.
    """
    settings = workspace.jwt
    if settings is None or settings.secret is None:
        raise ValueError(
            f"{workspace.id} has no [workspaces.jwt] with a secret: only HS256 tokens can be made here"
        )
    claims: dict[str, object] = {
        "sub": sub,
        "workspace_id": workspace.id,
        "role": role,
        "aud": AUDIENCE,
        "iat": now_ms // 1000,
        "exp": (now_ms + valid_ms) // 1000,
    }
    if settings.issuer:
        claims["iss"] = settings.issuer
    if name:
        claims["name"] = name
    return jwt.encode(claims, settings.secret, algorithm="HS256")


def verify_identity(workspace: Workspace, identity: Identity, now_ms: int) -> str:
    """Return the user id that a proof stands for (API.md 2.3).

    Raises ApiError: invalid_identity, also when the workspace has no secret to prove with.
    """
    secret = workspace.identity_secret
    if secret is None:
        raise ApiError(
            "invalid_identity", "This workspace has no identity_secret", field="identity"
        )
    if identity.jwt is not None:
        return _user_of_token(identity.jwt, secret, now_ms)
    if identity.user_id is None or identity.hash is None:
        raise ApiError("invalid_identity", "identity has userId and hash, or jwt", field="identity")
    wanted = hmac.digest(secret.encode(), identity.user_id.encode(), hashlib.sha256).hex()
    if not hmac.compare_digest(wanted.encode(), identity.hash.encode()):
        raise _not_proven()
    return identity.user_id


def _user_of_token(token: str, secret: str, now_ms: int) -> str:
    # Zeros at its end are no other key for HMAC, and the library warns of keys that are shorter.
    key = secret.encode().ljust(32, b"\0")
    claims = _verified(token, key, "HS256", _UserClaims)
    if claims is None:
        raise _not_proven()
    try:
        _check_times(claims, now_ms)
    except ApiError:
        raise _not_proven() from None
    return claims.sub


# ---- one token


def _verified(token: str, key: _Key, algorithm: str, kind: type[_Claims]) -> _Claims | None:
    """Return the claims of a token whose signature is right; None for everything else."""
    if len(token) > TOKEN_BYTES_MAX or not token.isascii():
        return None
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != algorithm or not _FORBIDDEN_HEADERS.isdisjoint(header):
            return None
        claims = jwt.decode(token, key, algorithms=[algorithm], options=_LIBRARY_OPTIONS)
        return msgspec.convert(claims, kind)
    except (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError):
        return None


def _addressed_to(token: str) -> str:
    """Read the workspace that an unverified token names, "" when it is no token."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > TOKEN_BYTES_MAX or not token.isascii():
        return ""
    try:
        raw = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(raw, type=_Addressed).workspace_id
    except (binascii.Error, ValueError, RecursionError):
        return ""


def _check_times(claims: _Times, now_ms: int) -> None:
    now_s = now_ms / 1000
    times = (claims.exp, claims.nbf or 0.0, claims.iat or 0.0)
    if not all(math.isfinite(at) and abs(at) < 2**53 for at in times):
        raise _refused()
    if claims.exp + LEEWAY_S <= now_s:
        raise ApiError("expired_credentials", headers=((b"www-authenticate", b"Bearer"),))
    if max(times[1:]) - LEEWAY_S > now_s:
        raise _refused()


def _refused() -> ApiError:
    return ApiError(
        "invalid_credentials",
        "The token is not valid for this workspace",
        headers=((b"www-authenticate", b"Bearer"),),
    )


def _not_proven() -> ApiError:
    return ApiError("invalid_identity", field="identity")


# ---- keys


def _verifying_keys(settings: JwtSettings, folder: Path) -> tuple[_Key, ...]:
    if settings.algorithm == "HS256":
        return tuple(s for s in (settings.secret, settings.previous_secret) if s is not None)
    path = folder / settings.public_key_file
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{path} is not a public key in PEM that can be read") from error
    if settings.algorithm == "RS256":
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
            return (key,)
        raise ValueError(f"{path} is no RSA key of {RSA_BITS_MIN} bits or more, as RS256 needs")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return (key,)
    raise ValueError(f"{path} is no key on the curve P-256, as ES256 needs")
