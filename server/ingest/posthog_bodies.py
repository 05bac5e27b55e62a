"""Bodies of PostHog's clients: out of their encodings, and taken apart into key, send time and events."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Raw, Struct

from server.errors import ApiError
from server.ingest.bodies import plain_body
from server.ingest.instants import instant_ms
from server.wire.posthog import CaptureBody, CaptureItem
from server.wire.surrogates import mended

DECODED_BYTES_MAX = 20 * 1024 * 1024
"""Bytes of a body once it is decoded; a larger one is refused with 413, which lets clients send less at once.
test_a_body_that_unpacks_to_more_than_its_limit_is_refused"""

EVENTS_LEN_MAX = 2_500
"""Events of one request; more are refused with 413 alike, before any of them is taken.
test_more_events_than_one_request_may_have_are_refused_as_a_whole"""

FORM_FIELDS_MAX = 16
"""Fields of a form; one with more is no form of these clients. test_what_is_no_body_is_refused"""

_FORM = b"application/x-www-form-urlencoded"
_URL_SAFE = bytes.maketrans(b"-_ ", b"+/+")

T = TypeVar("T")
_body_decoder = msgspec.json.Decoder(CaptureBody)
_list_decoder = msgspec.json.Decoder(list[Raw])
_item_decoder = msgspec.json.Decoder(CaptureItem)


class Capture(Struct, frozen=True):
    """One request: whose it is, when its client sent it by its own clock, and its events, undecoded.

    `sent_ms` is None where the client does not say. `size_bytes` is the body's, decoded.
    """

    key: str
    sent_ms: int | None
    items: Sequence[bytes]
    size_bytes: int


def read_capture(
    headers: Mapping[bytes, bytes],
    query: Mapping[str, str],
    body: bytes,
    bytes_max: int = DECODED_BYTES_MAX,
) -> Capture:
    """Take a request apart: one event, `{"batch": [...]}` or a bare list of events.

    Raises ApiError: body_too_large, unsupported_encoding, malformed_json, invalid_type.
    """
    text = json_text(headers, query, body, bytes_max)
    if text.lstrip()[:1] == b"[":
        around, items = CaptureBody(), _parts(text)
    else:
        around = _decode(_body_decoder, text)
        items = [text] if bytes(around.batch) in (b"", b"null") else _batch(around.batch)
    if len(items) > EVENTS_LEN_MAX:
        words = f"The request has {len(items)} events; {EVENTS_LEN_MAX} are allowed in one"
        raise ApiError("body_too_large", words)
    sent = around.sent_at or query.get("sent_at") or query.get("_")
    key = _text(around.api_key) or _text(around.token) or _key_of(items)
    key = key or query.get("api_key", "") or query.get("token", "")
    return Capture(key, instant_ms(sent), items, len(text))


def read_item(raw: bytes) -> CaptureItem:
    """Decode one event.

    Raises ApiError: malformed_json, not_an_object.
    """
    return _decode(_item_decoder, raw)


def json_text(
    headers: Mapping[bytes, bytes], query: Mapping[str, str], body: bytes, bytes_max: int
) -> bytes:
    """Undo a body's encodings: gzip whatever the query says of it, a form's `data`, base64.

    Raises ApiError: body_too_large, unsupported_encoding, malformed_json.
    """
    text = plain_body(headers, body, bytes_max)
    if _is_json(text):
        return text
    is_form = headers.get(b"content-type", b"").lower().startswith(_FORM)
    if is_form or text.startswith(b"data="):
        text = _form_data(text)
    elif query.get("compression") != "base64":
        raise ApiError("malformed_json")
    if _is_json(text):
        return text
    return plain_body({}, _from_base64(text), bytes_max)


# ---- encodings


def _is_json(text: bytes) -> bool:
    return text.lstrip()[:1] in (b"{", b"[")


def _form_data(text: bytes) -> bytes:
    """Return the field `data` of a form.

    Raises ApiError: malformed_json.
    """
    try:
        fields = dict(parse_qsl(text.decode(), max_num_fields=FORM_FIELDS_MAX))
        return fields["data"].encode()
    except (ValueError, KeyError):
        raise ApiError("malformed_json", "The form has no field named data") from None


def _from_base64(text: bytes) -> bytes:
    """Decode base64 of either alphabet, with its padding or without.

    Raises ApiError: malformed_json.
    """
    # In a form that was not escaped each "+" reads as a space.
    letters = text.strip().translate(_URL_SAFE).rstrip(b"=")
    try:
        return base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
    except binascii.Error:
        raise ApiError("malformed_json", "The body is not base64") from None


def _decode(decoder: msgspec.json.Decoder[T], text: bytes) -> T:
    try:
        return decoder.decode(text)
    except msgspec.ValidationError:
        raise ApiError("not_an_object") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        whole = mended(text.decode("utf-8", "replace").encode())
        if whole == text:
            raise ApiError("malformed_json") from None
    return _decode(decoder, whole)


# ---- what stands around the events


def _batch(raw: Raw) -> list[bytes]:
    if bytes(raw)[:1] != b"[":
        raise ApiError("invalid_type", "batch is a list of events", field="batch")
    return _parts(bytes(raw))


def _parts(text: bytes) -> list[bytes]:
    return [bytes(item) for item in _decode(_list_decoder, text)]


def _key_of(items: Sequence[bytes]) -> str:
    """Return the key that the first event brings."""
    if not items:
        return ""
    try:
        first = read_item(items[0])
    except ApiError:
        return ""
    inside = first.properties.get("token") if isinstance(first.properties, dict) else None
    return _text(first.api_key) or _text(first.token) or _text(inside)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
