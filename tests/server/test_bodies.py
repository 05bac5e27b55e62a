"""Bodies of foreign clients: however they are packed they come out the same, and never larger than allowed."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ApiError
from server.ingest.bodies import plain_body


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def header(encoding: str) -> dict[bytes, bytes]:
    return {b"content-encoding": encoding.encode()}


json_bodies = st.binary(max_size=300).map(lambda more: b'{"a":' + more)


@given(json_bodies)
def test_every_packing_gives_the_same_body(body: bytes) -> None:
    assert plain_body({}, body, 1_000) == body
    assert plain_body(header("identity"), body, 1_000) == body
    assert plain_body(header("gzip"), gzip.compress(body), 1_000) == body
    assert plain_body({}, gzip.compress(body), 1_000) == body
    assert plain_body(header("deflate"), zlib.compress(body), 1_000) == body
    assert plain_body(header("deflate"), raw_deflate(body), 1_000) == body


def test_a_header_that_a_proxy_left_behind_harms_nothing() -> None:
    assert plain_body(header("gzip"), b'{"batch":[]}', 1_000) == b'{"batch":[]}'


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        pytest.param("identity", bytes, id="plain"),
        pytest.param("gzip", gzip.compress, id="gzip"),
        pytest.param("deflate", zlib.compress, id="zlib"),
        pytest.param("deflate", raw_deflate, id="raw deflate"),
    ],
)
def test_a_body_stops_at_its_limit(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    assert plain_body(header(encoding), pack(b"{" * 1_000), 1_000) == b"{" * 1_000
    with pytest.raises(ApiError) as refused:
        plain_body(header(encoding), pack(b"{" * 1_001), 1_000)
    assert refused.value.reason == "body_too_large"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", b"{}"),
        ("deflate", b"{}"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-4]),
        ("gzip, br", b"{}"),
    ],
)
def test_what_cannot_be_unpacked_is_said(encoding: str, body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        plain_body(header(encoding), body, 1_000)
    assert refused.value.reason == "unsupported_encoding"
