"""Objects of clients that send anything: what fits its type is read, the rest is left out."""

from datetime import datetime

import pytest
from msgspec import Struct

from server.errors import ApiError
from server.wire.decoding import DEPTH_MAX
from server.wire.tolerant import TolerantReader


class Inner(Struct, frozen=True, rename="camel"):
    """An object within another."""

    page_url: str | None = None
    count: int | None = None


class Outer(Struct, frozen=True):
    """An object."""

    name: str | None = None
    at: datetime | int | None = None
    inner: Inner | None = None
    fields: dict[str, object] | None = None


READER = TolerantReader(Outer)


def test_what_fits_is_read_whole() -> None:
    body = b'{"name":"a","inner":{"pageUrl":"u","count":1},"fields":{"x":[1]},"more":1}'
    assert READER.read(body) == Outer("a", None, Inner("u", 1), {"x": [1]})


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"name":1,"at":5}', Outer(at=5)),
        (b'{"name":"a","at":"soon"}', Outer("a")),
        (b'{"name":"a","inner":3}', Outer("a")),
        (b'{"inner":{"pageUrl":"u","count":"many"}}', Outer(inner=Inner("u"))),
        (b'{"name":null,"inner":null,"fields":[]}', Outer()),
        (b'{"name":"a\\ud83d"}', Outer("a\ufffd")),
        (b'{"name":"a\xff"}', Outer("a\ufffd")),
    ],
)
def test_what_does_not_fit_is_left_out(body: bytes, read: Outer) -> None:
    assert READER.read(body) == read


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"{} x", "malformed_json"),
        (b"3", "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"x":' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}", "malformed_json"),
        (b'{"name":1,"n":' + b"9" * 5_000 + b"}", "malformed_json"),
    ],
)
def test_what_is_no_object_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(ApiError) as refused:
        READER.read(body)
    assert refused.value.reason == reason
