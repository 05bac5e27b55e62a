"""Bodies, keys and pixels of Segment's and RudderStack's clients: read, or refused with a reason."""

import base64
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ApiError
from server.ingest.segment_bodies import Parcel, key_of, read_batch, read_message, read_pixel
from server.wire.segment import EVENT_BYTES_MAX, Batch

SENT_MS = 946_684_800_000


def test_a_batch_is_taken_apart() -> None:
    body = (
        b'{"batch":[{"a":1},2],"sentAt":"2000-01-01T00:00:00Z","writeKey":"wk_1",'
        b'"context":{"locale":"de"},"integrations":{}}'
    )
    parcel = read_batch({}, body)
    assert [bytes(raw) for raw in parcel.items] == [b'{"a":1}', b"2"]
    assert (parcel.key, parcel.sent_ms, parcel.size_bytes) == ("wk_1", SENT_MS, len(body))
    assert parcel.context is not None
    assert parcel.context.locale == "de"


@pytest.mark.parametrize("odd", [b"null", b"5", b'"x"', b"[]", b"{}", b"true"])
def test_what_stands_oddly_around_a_batch_spoils_itself_alone(odd: bytes) -> None:
    around = b'"sentAt":' + odd + b',"context":' + odd + b',"writeKey":' + odd
    parcel = read_batch({}, b'{"batch":[1],' + around + b"}")
    assert len(parcel.items) == 1


def test_a_batch_s_context_is_no_larger_than_an_item_may_be() -> None:
    context = b'{"locale":"de","x":"' + b"y" * EVENT_BYTES_MAX + b'"}'
    assert read_batch({}, b'{"batch":[],"context":' + context + b"}").context is None


def test_a_message_is_one_item_with_its_own_key() -> None:
    body = b'{"type":"track","writeKey":"wk_1"}'
    parcel = read_message({}, body)
    assert ([bytes(raw) for raw in parcel.items], parcel.key) == ([body], "wk_1")


def test_a_pixel_s_fields_go_into_its_objects() -> None:
    query = {
        "properties.a": "1",
        "properties": '{"a":2,"b":3}',
        "event": "x",
        "context.page.url": "u",
    }
    (raw,) = read_pixel(query).items
    assert msgspec.json.decode(raw) == {
        "channel": "web",
        "event": "x",
        "properties": {"a": "1", "b": 3},
        "context": {"page": {"url": "u"}},
    }


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("Basic " + base64.b64encode(b"wk_1:").decode(), "wk_1"),
        ("basic " + base64.b64encode(b"wk_1").decode(), "wk_1"),
        ("Basic " + base64.b64encode(b"wk_1:secret").decode(), "wk_1"),
        ("Basic " + base64.b64encode(b"\xff:").decode(), ""),
        ("Basic", ""),
        ("Bearer wk_1", "wk_1"),
        ("bearer  wk_1 ", "wk_1"),
        ("Digest wk_1", ""),
        ("wk_1", ""),
        ("", ""),
    ],
)
def test_a_key_is_read_from_its_header(value: str, key: str) -> None:
    assert key_of({b"authorization": value.encode()}) == key


@given(st.binary(max_size=80), st.sampled_from([b"", b"gzip", b"deflate", b"br", b"identity"]))
def test_whatever_bytes_come_they_are_read_or_refused(body: bytes, encoding: bytes) -> None:
    headers = {b"content-encoding": encoding}
    for read in (read_batch, read_message):
        # Neither is ever anything but a refusal for good.
        with suppress(ApiError):
            assert isinstance(read(headers, body), Parcel)


@given(st.dictionaries(st.text("ab.", min_size=1, max_size=7) | st.just("properties"), st.text()))
def test_whatever_a_pixel_asks_it_is_one_object(query: dict[str, str]) -> None:
    (raw,) = read_pixel(query).items
    assert isinstance(msgspec.json.decode(raw), dict)


@given(st.binary(max_size=40))
def test_whatever_a_header_says_it_is_a_key_or_none(value: bytes) -> None:
    assert isinstance(key_of({b"authorization": b"Basic " + value}), str)


def test_no_field_of_a_batch_but_its_items_can_refuse_it() -> None:
    required = [field.name for field in msgspec.structs.fields(Batch) if field.required]
    assert required == ["batch"]
