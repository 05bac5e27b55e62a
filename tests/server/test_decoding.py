"""JSON bodies: depth, field names in errors, ids, addresses, numbers."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ApiError
from server.wire.decoding import (
    DEPTH_MAX,
    Reader,
    check_depth,
    check_id,
    check_numbers,
    check_web_url,
    unknown_fields,
)

json_values = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(alphabet='[]{}"\\a', max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=2)
    ),
    max_leaves=30,
)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((depth_of(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth_of(item) for item in value), default=0)
    return 0


def is_shallow(body: bytes) -> bool:
    try:
        check_depth(body)
    except ApiError:
        return False
    return True


@given(json_values, st.integers(0, 40))
def test_depth_is_judged_as_a_parser_would(value: object, wraps: int) -> None:
    for _ in range(wraps):
        value = [value, "}]"]
    body = json.dumps(value).encode()
    assert is_shallow(body) is (depth_of(value) <= DEPTH_MAX)


def test_the_limit_of_depth_is_exact() -> None:
    assert is_shallow(b"[" * 32 + b"]" * 32)
    assert not is_shallow(b"[" * 33 + b"]" * 33)


class Inner(msgspec.Struct):
    url: str


class Outer(msgspec.Struct):
    name: str
    inner: Inner | None = None
    many: list[Inner] = []


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        (b"{}", "required", "name"),
        (b'{"name":1}', "invalid_type", "name"),
        (b'{"name":"a","inner":{}}', "required", "inner.url"),
        (b'{"name":"a","many":[{"url":"x"},{"url":7}]}', "invalid_type", "many[1].url"),
        (b"7", "not_an_object", None),
        (b'"text"', "not_an_object", None),
        (b"nope", "malformed_json", None),
    ],
)
def test_an_error_names_reason_and_dotted_path(body: bytes, reason: str, field: str | None) -> None:
    with pytest.raises(ApiError) as error:
        Reader(Outer).read(body)
    assert (error.value.reason, error.value.field) == (reason, field)


def test_fields_nobody_knows_are_found_at_any_depth() -> None:
    body = b'{"name":"a","x":1,"inner":{"url":"u","y":2},"many":[{"url":"u"},{"url":"u","z":3}]}'
    assert list(unknown_fields(Outer, body)) == ["x", "inner.y", "many[1].z"]


@pytest.mark.parametrize("text", ["a", "x" * 256, "Ünïcode ✓", "with space", "\u00a0"])
def test_an_id_is_any_text_without_control_characters(text: str) -> None:
    assert check_id(text, "id") == text


@pytest.mark.parametrize("text", ["", "x" * 257, "a\x00", "\n", "\x7f", "\x85"])
def test_other_ids_are_refused(text: str) -> None:
    with pytest.raises(ApiError):
        check_id(text, "id")


@pytest.mark.parametrize("url", ["http://a", "https://a.example/b?c#d", "HTTPS://A.example"])
def test_web_addresses_are_absolute(url: str) -> None:
    assert check_web_url(url, "url") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/a",
        "//a.example",
        "ftp://a",
        "javascript:alert(1)",
        "http://",
        "http:///p",
        "https://a\n",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ApiError) as error:
        check_web_url(url, "url")
    assert error.value.reason == "invalid_url"


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (2**63 - 1, True),
        (-(2**63) + 1, True),
        (2**63, False),
        ({"a": [{"b": 10**40}]}, False),
        (True, True),
    ],
)
def test_whole_numbers_stay_in_what_a_store_keeps(value: object, fits: bool) -> None:
    if fits:
        check_numbers(value, "f")
        return
    with pytest.raises(ApiError) as error:
        check_numbers(value, "f")
    assert error.value.reason == "out_of_range"
