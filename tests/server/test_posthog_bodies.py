"""Bodies of PostHog's clients: every encoding that they use, the key wherever it stands, and what is no body."""

import base64
import gzip
import json
import zlib
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ApiError
from server.ingest.posthog_bodies import (
    DECODED_BYTES_MAX,
    EVENTS_LEN_MAX,
    Capture,
    json_text,
    read_capture,
)
from server.wire.surrogates import mended

EVENT = {"event": "Seen", "distinct_id": "v1", "properties": {"city": "Köln + 東京"}}
JSON = msgspec.json.encode({"api_key": "wk_dev", "batch": [EVENT]})
BASE64 = base64.b64encode(JSON)
FORM = {b"content-type": b"application/x-www-form-urlencoded"}


def capture(body: object, **query: str) -> Capture:
    return read_capture({}, query, body if isinstance(body, bytes) else msgspec.json.encode(body))


def refusal(
    body: bytes,
    headers: dict[bytes, bytes] | None = None,
    bytes_max: int = DECODED_BYTES_MAX,
    **query: str,
) -> str:
    with pytest.raises(ApiError) as error:
        read_capture(headers or {}, query, body, bytes_max)
    return error.value.reason


# ---- encodings


@pytest.mark.parametrize(
    ("headers", "query", "body"),
    [
        ({}, {}, JSON),
        ({}, {}, b" \n" + JSON),
        ({}, {"compression": "base64"}, JSON),
        ({b"content-encoding": b"gzip"}, {}, gzip.compress(JSON)),
        ({}, {"compression": "gzip-js"}, gzip.compress(JSON)),
        ({}, {}, gzip.compress(JSON)),
        ({}, {"compression": "base64"}, gzip.compress(JSON)),
        ({b"content-encoding": b"gzip"}, {"compression": "gzip-js"}, JSON),
        ({b"content-encoding": b"deflate"}, {}, zlib.compress(JSON)),
        ({}, {"compression": "base64"}, BASE64),
        ({}, {"compression": "base64"}, BASE64.rstrip(b"=")),
        ({}, {"compression": "base64"}, base64.urlsafe_b64encode(JSON)),
        (FORM, {"compression": "base64"}, b"data=" + quote(BASE64, safe="").encode()),
        (FORM, {}, b"ip=1&" + urlencode({"data": BASE64.decode(), "ver": "1"}).encode()),
        ({}, {}, b"data=" + quote(BASE64, safe="").encode()),
        (FORM, {}, b"data=" + BASE64),
        (FORM, {}, b"data=" + quote(JSON, safe="").encode()),
        (FORM, {}, b"data=" + quote(base64.b64encode(gzip.compress(JSON)), safe="").encode()),
        (FORM, {"compression": "gzip-js"}, gzip.compress(JSON)),
    ],
)
def test_a_body_is_the_same_in_every_encoding(
    headers: dict[bytes, bytes], query: dict[str, str], body: bytes
) -> None:
    text = json_text(headers, query, body, DECODED_BYTES_MAX)
    assert msgspec.json.decode(text) == msgspec.json.decode(JSON)


@given(st.text(), st.sampled_from([b"", b"compression=base64"]))
def test_any_text_survives_a_form_of_base64(text: str, query: bytes) -> None:
    plain = msgspec.json.encode({"event": text})
    body = b"data=" + quote(base64.b64encode(plain), safe="").encode()
    how = {"compression": "base64"} if query else {}
    assert json_text(FORM, how, body, DECODED_BYTES_MAX) == plain


@given(st.binary(max_size=200), st.sampled_from(["", "base64", "gzip-js", "lz64"]))
def test_whatever_is_sent_is_read_or_refused(body: bytes, compression: str) -> None:
    statuses = {200}
    for headers in ({}, FORM, {b"content-encoding": b"gzip"}, {b"content-encoding": b"deflate"}):
        try:
            read_capture(headers, {"compression": compression}, body)
        except ApiError as error:
            statuses.add(error.status)
    assert statuses <= {200, 400, 413}


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"", {}, "malformed_json"),
        (b"hello", {}, "malformed_json"),
        (b"{", {}, "malformed_json"),
        (b"[", {}, "malformed_json"),
        (b'{"batch":[{]}', {}, "malformed_json"),
        (b'{"batch":{}}', {}, "invalid_type"),
        (b'{"batch":"x"}', {}, "invalid_type"),
        (b"data=", FORM, "malformed_json"),
        (b"dat=e30", FORM, "malformed_json"),
        (b"data=%%%", FORM, "malformed_json"),
        (b"\xff=1", FORM, "malformed_json"),
        (b"a=&" * 20, FORM, "malformed_json"),
        (b"\x1f\x8bnot gzip", {}, "unsupported_encoding"),
        (gzip.compress(JSON)[:-9], {}, "unsupported_encoding"),
        (JSON, {b"content-encoding": b"br"}, "unsupported_encoding"),
        (b"[" * 100_000, {}, "malformed_json"),
    ],
)
def test_what_is_no_body_is_refused(body: bytes, headers: dict[bytes, bytes], reason: str) -> None:
    assert refusal(body, headers) == reason


def test_a_body_that_unpacks_to_more_than_its_limit_is_refused() -> None:
    size = len(JSON)
    for body in (JSON, gzip.compress(JSON)):
        assert read_capture({}, {}, body, size).size_bytes == size
        assert refusal(body, bytes_max=size - 1) == "body_too_large"
    inside = base64.b64encode(gzip.compress(JSON + b" " * 9_000))
    assert refusal(inside, bytes_max=size + 8_000, compression="base64") == "body_too_large"


def test_more_events_than_one_request_may_have_are_refused_as_a_whole() -> None:
    assert len(capture([{}] * EVENTS_LEN_MAX).items) == EVENTS_LEN_MAX
    assert refusal(msgspec.json.encode([{}] * (EVENTS_LEN_MAX + 1))) == "body_too_large"


# ---- what stands around the events


@pytest.mark.parametrize(
    "body",
    [
        {"api_key": "wk_1", "batch": [{}]},
        {"token": "wk_1", "batch": [{}]},
        {"api_key": "wk_1", "event": "Seen"},
        {"token": "wk_1", "event": "Seen"},
        {"properties": {"token": "wk_1"}},
        {"batch": [{"api_key": "wk_1"}]},
        {"batch": [{"token": "wk_1"}]},
        {"batch": [{"properties": {"token": "wk_1"}}]},
        {"api_key": None, "batch": [{"properties": {"token": "wk_1"}}]},
        {"api_key": 7, "batch": [{"token": ["x"], "properties": {"token": "wk_1"}}]},
        [{"properties": {"token": "wk_1"}}],
        [{"api_key": "wk_1"}],
    ],
)
def test_the_key_stands_in_the_body_or_in_the_first_event(body: object) -> None:
    assert capture(body, token="wk_2").key == "wk_1"


def test_else_the_key_stands_in_the_query() -> None:
    assert capture([{}], token="wk_1").key == "wk_1"
    assert capture([], api_key="wk_1").key == "wk_1"
    assert capture([7, {"token": "wk_2"}]).key == ""


@pytest.mark.parametrize(
    ("body", "items"),
    [
        ({"event": "Seen"}, 1),
        ({"event": "Seen", "batch": None}, 1),
        ({"batch": []}, 0),
        ({"batch": [{}, {}]}, 2),
        ([], 0),
        ([{}, 7], 2),
    ],
)
def test_a_body_is_one_event_a_batch_or_a_list(body: object, items: int) -> None:
    assert len(capture(body).items) == items


def test_the_send_time_stands_in_the_body_or_in_the_query() -> None:
    at = "2026-11-21T21:24:53.516Z"
    assert capture({"batch": [], "sent_at": at}, _="9").sent_ms == 1_795_296_293_516
    assert capture([], _="1795296293516").sent_ms == 1_795_296_293_516
    assert capture([], sent_at="1795296293516", _="9").sent_ms == 1_795_296_293_516
    assert capture([], _="soon").sent_ms is None
    assert capture({"batch": [], "sent_at": {}}).sent_ms is None


# ---- halves of characters


def test_half_an_emoji_spoils_neither_its_batch_nor_its_event() -> None:
    body = rb'[{"event":"a","distinct_id":"\ud83d"},{"event":"\\ud83d \ud83d\ude00 \ude00x"}]'
    first, second = (msgspec.json.decode(item) for item in capture(body).items)
    assert first == {"event": "a", "distinct_id": "\ufffd"}
    assert second == {"event": "\\ud83d \U0001f600 \ufffdx"}


@given(st.text())
def test_a_whole_text_is_left_as_it_is(text: str) -> None:
    for plain in (msgspec.json.encode(text), json.dumps(text).encode()):
        assert mended(plain) == plain
