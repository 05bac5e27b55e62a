"""What the command line asks of a running server: API keys; for the operator's token, from this machine."""

import hmac
import ipaddress
from collections.abc import Awaitable
from typing import TypeVar

import msgspec

from engine.ids import system_random_bytes
from server.access.auth import bearer
from server.access.key_ring import KeyRefused
from server.call import Call
from server.errors import ApiError
from server.wire.decoding import Reader
from server.wire.envelope import JSON_TYPE, Answer
from server.wire.operator import KeyBody, KeyReply, KeysQuery, KeysReply, RevokeBody

_T = TypeVar("_T")
_PRIVATE = (JSON_TYPE, (b"cache-control", b"no-store"))
_FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip")

_key_reader = Reader(KeyBody)
_revoke_reader = Reader(RevokeBody)


async def list_keys(call: Call) -> Answer:
    """List the keys of a workspace."""
    check_operator(call)
    query = call.query(KeysQuery)
    rows = await _unless_refused(call.services.credentials.keys.rows(query.workspace))
    return _answer(KeysReply(rows))


async def create_key(call: Call) -> Answer:
    """Make a key; this answer is the only place that ever shows it."""
    check_operator(call)
    body, _ = call.read(_key_reader)
    row, text = await _unless_refused(
        call.services.credentials.keys.create(
            body.workspace,
            body.name,
            label=body.label,
            scopes=body.scopes,
            ids=call.services.ids,
            random_bytes=system_random_bytes,
            now_ms=call.now_ms,
        )
    )
    return _answer(KeyReply(row, text))


async def revoke_key(call: Call) -> Answer:
    """Revoke a key; the next request with it is refused."""
    check_operator(call)
    body, _ = call.read(_revoke_reader)
    keys = call.services.credentials.keys
    return _answer(
        KeyReply(await _unless_refused(keys.revoke(body.workspace, body.key, call.now_ms)))
    )


def check_operator(call: Call) -> None:
    """Refuse everybody but the command line on this machine.

    Raises ApiError: unknown_path from elsewhere, invalid_credentials without the token.
    """
    # A proxy on this machine has its own address; what it forwards is not from here.
    if not _is_loopback(call.address) or any(name in call.headers for name in _FORWARDED):
        raise ApiError("unknown_path")
    token = call.services.operator_token
    if not token or not hmac.compare_digest(bearer(call.headers).encode(), token.encode()):
        raise ApiError("invalid_credentials", headers=((b"www-authenticate", b"Bearer"),))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


async def _unless_refused(work: Awaitable[_T]) -> _T:
    try:
        return await work
    except KeyRefused as refused:
        raise ApiError("invalid_value", str(refused)) from refused


def _answer(body: msgspec.Struct) -> Answer:
    return Answer(200, msgspec.json.encode(body), _PRIVATE)
