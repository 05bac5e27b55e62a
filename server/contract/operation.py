"""What an operation of the API is: one row of the tables that routing and the OpenAPI document follow."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from server.call import Call
from server.wire.envelope import Answer, Family

PLATFORM_BYTES_MAX = 262_144
LOGIN_BYTES_MAX = 8_192

Method = Literal["GET", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row.

    Families `platform` and `agent` need a key: one with `scope`, "" = any key of the workspace. A family
    `widget` checks its token in the handler. `body`, `query` and `reply` are the structs that decode and
    encode, for the OpenAPI document: `reply` is `data` in the platform family and the whole body in the
    others. `is_list`: `data` is a page of `reply`s. `reasons` are those beyond the ones that every
    operation of the family may answer. `media` is the content type of a success: one that is not JSON
    has no `reply`, but for a stream of lines, each of which is one.
    """

    name: str
    method: Method
    path: str
    family: Family
    handler: Callable[[Call], Awaitable[Answer]]
    scope: str = ""
    body_bytes_max: int = 0
    summary: str = ""
    tag: str = ""
    body: type[Struct] | None = None
    query: type[Struct] | None = None
    reply: object = None
    reasons: tuple[str, ...] = ()
    is_list: bool = False
    media: str = "application/json"
