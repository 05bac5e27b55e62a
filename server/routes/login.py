"""A dashboard's login: name and password of a user of the configuration file for a token (API.md 2.4)."""

import hmac

from engine.shown import rfc3339
from server.access.jwt_tokens import make_dashboard_token
from server.call import Call
from server.errors import ApiError
from server.wire.decoding import Reader
from server.wire.envelope import Answer
from server.wire.login import LoginBody, LoginReply
from server.workspace_settings import User, Workspace

TOKEN_MS = 12 * 3_600_000
"""Validity of a token that a login gives."""

_reader = Reader(LoginBody)


async def log_in(call: Call) -> Answer:
    """Give a dashboard its token."""
    await call.services.rate_limits.login(call.address)
    body, _ = call.read(_reader)
    workspace = call.services.config.workspace(body.workspace_id)
    user = _user(workspace, body.name)
    if not await _is_right(call, user, body.password) or workspace is None or user is None:
        raise ApiError("invalid_credentials")
    token = make_dashboard_token(
        workspace, user.name, user.role, now_ms=call.now_ms, valid_ms=TOKEN_MS, name=user.name
    )
    expires_at = rfc3339(call.now_ms + TOKEN_MS)
    return call.whole(LoginReply(success=True, token=token, role=user.role, expires_at=expires_at))


def _user(workspace: Workspace | None, name: str) -> User | None:
    users = workspace.users if workspace else ()
    return next((user for user in users if user.name == name), None)


async def _is_right(call: Call, user: User | None, password: str) -> bool:
    """Compare a password; for nobody, and for a plain password, the same work is done."""
    matches = await call.services.passwords.matches(
        password, user.password_scrypt if user else None
    )
    if user is not None and user.password is not None:
        return hmac.compare_digest(user.password.encode(), password.encode())
    return matches
