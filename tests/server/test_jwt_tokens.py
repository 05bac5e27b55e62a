"""Dashboard tokens: who is let in, and every known way of getting in without a right to."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from server.access.jwt_tokens import (
    LEEWAY_S,
    TOKEN_BYTES_MAX,
    DashboardTokens,
    make_dashboard_token,
    verify_identity,
)
from server.errors import ApiError
from server.wire.login import Identity
from server.workspace_settings import JwtSettings, Site, Workspace

NOW_MS = 1_750_000_000_000
NOW_S = NOW_MS // 1000
SECRET = "the secret of acme's dashboards, 32+"
OLD_SECRET = "the secret before that one, also 32+"
OTHER_SECRET = "the secret of the other workspace 32+"
WEAK_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505  # to be refused
RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def workspace(name: str, settings: JwtSettings | None, **more: object) -> Workspace:
    site = Site(source_id=f"site_{name}", origins=())
    return Workspace(id=f"ws_{name}", name=name, sites=(site,), jwt=settings, **more)


@pytest.fixture
def tokens(tmp_path: Path) -> DashboardTokens:
    (tmp_path / "rsa.pem").write_bytes(pem(RSA_KEY))
    (tmp_path / "ec.pem").write_bytes(pem(EC_KEY))
    return DashboardTokens(
        (
            workspace("acme", JwtSettings(secret=SECRET, previous_secret=OLD_SECRET)),
            workspace("other", JwtSettings(secret=OTHER_SECRET, issuer="https://id.example")),
            workspace("rsa", JwtSettings(algorithm="RS256", public_key_file="rsa.pem")),
            workspace("ec", JwtSettings(algorithm="ES256", public_key_file="ec.pem")),
            workspace("none", None),
        ),
        tmp_path,
    )


def claims(**changes: object) -> dict[str, object]:
    known = {
        "sub": "maria",
        "workspace_id": "ws_acme",
        "role": "editor",
        "aud": "opportune",
        "exp": NOW_S + 600,
    }
    return {name: value for name, value in {**known, **changes}.items() if value is not None}


def signed(
    payload: dict[str, object],
    key: object = SECRET,
    algorithm: str = "HS256",
    headers: dict[str, object] | None = None,
) -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers=headers)


def by_hand(header: dict[str, object], payload: dict[str, object], secret: bytes) -> str:
    """Sign with HMAC-SHA256 whatever the header says: what an attacker's own library does."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (header, payload)
    ]
    signature = hmac.digest(secret, b".".join(parts), hashlib.sha256)
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def refusal(tokens: DashboardTokens, token: str, now_ms: int = NOW_MS) -> str:
    with pytest.raises(ApiError) as refused:
        tokens.verify(token, now_ms)
    assert refused.value.status == 401
    assert (b"www-authenticate", b"Bearer") in refused.value.headers
    return refused.value.reason


# ---- who is let in


def test_a_token_says_who_where_in_which_role_and_until_when(tokens: DashboardTokens) -> None:
    person = tokens.verify(signed(claims(name="Maria")), NOW_MS)
    assert person.workspace.id == "ws_acme"
    assert (person.sub, person.role, person.name) == ("maria", "editor", "Maria")
    assert person.exp_ms == (NOW_S + 600) * 1000


def test_the_previous_secret_is_good_during_a_rotation(tokens: DashboardTokens) -> None:
    assert tokens.verify(signed(claims(), OLD_SECRET), NOW_MS).sub == "maria"


@pytest.mark.parametrize(
    ("name", "key", "algorithm"), [("rsa", RSA_KEY, "RS256"), ("ec", EC_KEY, "ES256")]
)
def test_public_keys_verify_their_own_algorithm(
    tokens: DashboardTokens, name: str, key: object, algorithm: str
) -> None:
    token = signed(claims(workspace_id=f"ws_{name}"), key, algorithm)
    assert tokens.verify(token, NOW_MS).workspace.id == f"ws_{name}"


def test_an_audience_may_stand_among_others(tokens: DashboardTokens) -> None:
    assert tokens.verify(signed(claims(aud=["crm", "opportune"])), NOW_MS).sub == "maria"


def test_an_unknown_key_id_is_no_matter(tokens: DashboardTokens) -> None:
    """No key set is ever fetched, so a key id names nothing."""
    token = signed(claims(), headers={"kid": "../../etc/passwd"})
    assert tokens.verify(token, NOW_MS).sub == "maria"


def test_a_token_that_is_made_here_is_good_here(tokens: DashboardTokens) -> None:
    owner = workspace("other", JwtSettings(secret=OTHER_SECRET, issuer="https://id.example"))
    token = make_dashboard_token(owner, "cli", "viewer", now_ms=NOW_MS, valid_ms=60_000)
    assert tokens.verify(token, NOW_MS).role == "viewer"


@pytest.mark.parametrize("settings", [None, JwtSettings(algorithm="RS256", public_key_file="x")])
def test_without_a_secret_no_token_can_be_made(settings: JwtSettings | None) -> None:
    with pytest.raises(ValueError, match="only HS256"):
        make_dashboard_token(workspace("acme", settings), "x", "viewer", now_ms=0, valid_ms=1)


def test_roles_are_the_scopes_of_the_document(tokens: DashboardTokens) -> None:
    def scopes(role: str) -> frozenset[str]:
        return tokens.verify(signed(claims(role=role)), NOW_MS).scopes

    assert all(scope.endswith(":read") for scope in scopes("viewer"))
    assert scopes("editor") - scopes("viewer") == {
        "sessions:write",
        "messages:send",
        "appointments:write",
        "rules:write",
        "events:write",
    }
    assert scopes("admin") == {"*"}


# ---- attacks


def test_none_is_no_algorithm(tokens: DashboardTokens) -> None:
    unsigned = jwt.encode(claims(), "", algorithm="none")
    assert refusal(tokens, unsigned) == "invalid_credentials"
    for name in ("none", "None", "nOnE", ""):
        forged = by_hand({"alg": name, "typ": "JWT"}, claims(), b"")
        assert refusal(tokens, forged) == "invalid_credentials"
        assert refusal(tokens, forged.rpartition(".")[0] + ".") == "invalid_credentials"


@pytest.mark.parametrize("name", ["rsa", "ec"])
def test_a_public_key_is_no_secret_of_hmac(tokens: DashboardTokens, name: str) -> None:
    public = pem(RSA_KEY if name == "rsa" else EC_KEY)
    payload = claims(workspace_id=f"ws_{name}")
    for secret in (public, public.strip(), public.rstrip(b"\n") + b"\n"):
        for algorithm in ("HS256", "RS256", "ES256"):
            forged = by_hand({"alg": algorithm, "typ": "JWT"}, payload, secret)
            assert refusal(tokens, forged) == "invalid_credentials"


@pytest.mark.parametrize(
    "headers",
    [
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"crit": ["exp"]},
    ],
)
def test_headers_that_name_keys_are_refused_even_well_signed(
    tokens: DashboardTokens, headers: dict[str, object]
) -> None:
    forged = by_hand({"alg": "HS256", "typ": "JWT", **headers}, claims(), SECRET.encode())
    assert refusal(tokens, forged) == "invalid_credentials"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_the_algorithm_is_the_workspaces_not_the_tokens(
    tokens: DashboardTokens, algorithm: str
) -> None:
    token = signed(claims(), SECRET + SECRET, algorithm)
    assert refusal(tokens, token) == "invalid_credentials"


def test_a_secret_of_one_workspace_opens_no_other(tokens: DashboardTokens) -> None:
    assert refusal(tokens, signed(claims(), OTHER_SECRET)) == "invalid_credentials"
    foreign = claims(workspace_id="ws_other", iss="https://id.example")
    assert refusal(tokens, signed(foreign, SECRET)) == "invalid_credentials"


@pytest.mark.parametrize("name", ["ws_none", "ws_unknown", "", "ws_acme\x00"])
def test_a_workspace_without_tokens_looks_like_no_workspace(
    tokens: DashboardTokens, name: str
) -> None:
    assert refusal(tokens, signed(claims(workspace_id=name))) == "invalid_credentials"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": None},
        {"aud": ["a", "b"]},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 257},
        {"role": "owner"},
        {"role": None},
        {"workspace_id": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": 10**400},
        {"exp": -(10**30)},
        {"nbf": NOW_S + LEEWAY_S + 1},
        {"iat": NOW_S + LEEWAY_S + 1},
        {"nbf": "soon"},
        {"iat": []},
        {"name": 7},
    ],
)
def test_a_claim_that_is_missing_or_wrong_lets_nobody_in(
    tokens: DashboardTokens, changes: dict[str, object]
) -> None:
    assert refusal(tokens, signed_json(claims(**changes))) == "invalid_credentials"


def signed_json(payload: dict[str, object]) -> str:
    return by_hand({"alg": "HS256", "typ": "JWT"}, payload, SECRET.encode())


def test_the_issuer_counts_where_one_is_set(tokens: DashboardTokens) -> None:
    good = claims(workspace_id="ws_other", iss="https://id.example")
    assert tokens.verify(signed(good, OTHER_SECRET), NOW_MS).workspace.id == "ws_other"
    for issuer in (None, "https://evil.example"):
        bad = claims(workspace_id="ws_other", iss=issuer)
        assert refusal(tokens, signed(bad, OTHER_SECRET)) == "invalid_credentials"


def test_a_token_ends_thirty_seconds_after_its_time(tokens: DashboardTokens) -> None:
    token = signed(claims(exp=NOW_S))
    last_ms = (NOW_S + LEEWAY_S) * 1000 - 1
    assert tokens.verify(token, last_ms).sub == "maria"
    assert refusal(tokens, token, last_ms + 1) == "expired_credentials"


def test_a_token_begins_at_most_thirty_seconds_early(tokens: DashboardTokens) -> None:
    token = signed(claims(nbf=NOW_S + LEEWAY_S, iat=NOW_S + LEEWAY_S))
    assert tokens.verify(token, NOW_MS).sub == "maria"


def test_eight_kilobytes_are_the_most_a_token_may_have(tokens: DashboardTokens) -> None:
    def of_size(filler: int) -> str:
        return signed(claims(filler="x" * filler))

    base = len(of_size(0))
    room = (TOKEN_BYTES_MAX - base) * 3 // 4
    fitting = of_size(room - 3)
    assert TOKEN_BYTES_MAX - 16 < len(fitting) <= TOKEN_BYTES_MAX
    assert tokens.verify(fitting, NOW_MS).sub == "maria"
    assert refusal(tokens, of_size(room + 8)) == "invalid_credentials"


@pytest.mark.parametrize(
    "token",
    [
        "..",
        "a.b.c",
        "....",
        "é.é.é",
        "eyJ.eyJ.",
        ".".join(["e30"] * 3),
        ".".join([base64.urlsafe_b64encode(b"[" * 3_000).decode()] * 2 + ["x"]),
    ],
)
def test_what_is_no_token_is_refused_quietly(tokens: DashboardTokens, token: str) -> None:
    assert refusal(tokens, token) == "invalid_credentials"


def test_a_changed_payload_breaks_the_signature(tokens: DashboardTokens) -> None:
    header, _, signature = signed(claims()).split(".")
    admin = signed(claims(role="admin"), "x" * 32).split(".")[1]
    assert refusal(tokens, f"{header}.{admin}.{signature}") == "invalid_credentials"


# ---- keys of the configuration


@pytest.mark.parametrize(
    ("algorithm", "content"),
    [
        ("RS256", pem(EC_KEY)),
        ("ES256", pem(RSA_KEY)),
        ("RS256", b"no key"),
        ("RS256", private_pem(RSA_KEY)),
        ("RS256", pem(WEAK_KEY)),
        ("ES256", pem(ec.generate_private_key(ec.SECP384R1()))),
    ],
)
def test_a_public_key_that_cannot_serve_stops_the_start(
    tmp_path: Path, algorithm: str, content: bytes
) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    settings = JwtSettings(algorithm=algorithm, public_key_file="key.pem")
    with pytest.raises(ValueError, match=r"key\.pem"):
        DashboardTokens((workspace("acme", settings),), tmp_path)


@pytest.mark.parametrize(
    "settings", [{}, {"algorithm": "RS256"}, {"algorithm": "ES256", "secret": SECRET}]
)
def test_an_algorithm_without_its_key_is_no_configuration(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"secret|public_key_file"):
        JwtSettings(**settings)


# ---- known users

IDENTITY = "short secret"
ACME = workspace("acme", None, identity_secret=IDENTITY)


def proof(user_id: str, secret: str = IDENTITY) -> str:
    return hmac.digest(secret.encode(), user_id.encode(), hashlib.sha256).hex()


def user_token(secret: str = IDENTITY, **changes: object) -> str:
    payload = {"sub": "user-7", "exp": NOW_S + 60, **changes}
    return by_hand({"alg": "HS256", "typ": "JWT"}, payload, secret.encode())


def test_a_hash_of_the_user_id_proves_it() -> None:
    """The digest is what `printf user-7 | openssl dgst -sha256 -hmac 'short secret'` prints."""
    printed = "09ae09cbc824f0370bde5d9183cf624c48145a1f06f924eddaa1390e13de6406"
    assert verify_identity(ACME, Identity("user-7", printed), NOW_MS) == "user-7"


def test_a_token_proves_its_subject() -> None:
    assert verify_identity(ACME, Identity(jwt=user_token()), NOW_MS) == "user-7"


@pytest.mark.parametrize(
    "identity",
    [
        Identity(),
        Identity("user-7"),
        Identity(hash=proof("user-7")),
        Identity("user-8", proof("user-7")),
        Identity("user-7", proof("user-7", "another secret")),
        Identity("user-7", proof("user-7").upper()),
        Identity("user-7", ""),
        Identity("user-7", "é"),
        Identity(jwt=user_token("another secret")),
        Identity(jwt=user_token(exp=NOW_S - LEEWAY_S)),
        Identity(jwt=user_token(exp=None)),
        Identity(jwt=user_token(sub="")),
        Identity(jwt=user_token(nbf=NOW_S + 3_600)),
        Identity(jwt=jwt.encode({"sub": "user-7", "exp": NOW_S + 60}, "", algorithm="none")),
        Identity(jwt="x"),
    ],
)
def test_what_proves_nothing_is_refused(identity: Identity) -> None:
    with pytest.raises(ApiError) as refused:
        verify_identity(ACME, identity, NOW_MS)
    assert (refused.value.status, refused.value.reason) == (401, "invalid_identity")


def test_a_workspace_without_a_secret_verifies_nobody() -> None:
    with pytest.raises(ApiError) as refused:
        verify_identity(workspace("acme", None), Identity("u", proof("u", "")), NOW_MS)
    assert refused.value.reason == "invalid_identity"
