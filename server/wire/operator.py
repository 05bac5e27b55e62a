"""Bodies of the operator's endpoints, which only the command line uses (API.md 2.1)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.access.key_ring import KeyRow

Text = Annotated[str, Meta(min_length=1, max_length=200)]


class KeysQuery(Struct, frozen=True, kw_only=True):
    """`GET /v1/operator/keys`."""

    workspace: Text


class KeyBody(Struct, frozen=True):
    """`POST /v1/operator/keys`."""

    workspace: Text
    name: Text
    label: Literal["live", "test"] = "live"
    scopes: tuple[str, ...] = ("*",)


class RevokeBody(Struct, frozen=True):
    """`POST /v1/operator/keys/revoke`: `key` is an id, or a name that one key has."""

    workspace: Text
    key: Text


class KeysReply(Struct, frozen=True):
    """The keys of a workspace."""

    keys: list[KeyRow]


class KeyReply(Struct, frozen=True):
    """One key; `text` is the key itself, only in the answer that makes it."""

    key: KeyRow
    text: str = ""
