"""Bodies of proving who somebody is: a dashboard's login, and a known user's identity (API.md 2.3, 2.4)."""

from typing import Annotated

from msgspec import Meta, Struct

from server.access.scopes import Role

Text = Annotated[str, Meta(min_length=1, max_length=200)]


class LoginBody(Struct, frozen=True):
    """`POST /api/dashboard/login`."""

    workspace_id: Text
    name: Text
    password: Annotated[str, Meta(min_length=1, max_length=1_024)]


class LoginReply(Struct, frozen=True, rename="camel"):
    """A dashboard token, and when it ends."""

    success: bool
    token: str
    role: Role
    expires_at: str


class Identity(Struct, frozen=True, rename="camel"):
    """A known user's proof: the id with its HMAC-SHA256 in hex, or an HS256 token with `sub` and `exp`."""

    user_id: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    hash: Annotated[str, Meta(max_length=128)] | None = None
    jwt: Annotated[str, Meta(max_length=8_192)] | None = None
