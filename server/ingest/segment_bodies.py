"""Bodies and pixels of Segment's and RudderStack's clients, taken apart: whose, when sent, which items."""

import base64
import binascii
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from server.errors import ApiError
from server.ingest.bodies import plain_body
from server.ingest.segment_items import GoodItems, good_body
from server.ingest.segment_times import sent_ms_of
from server.wire.decoding import field_error
from server.wire.segment import BODY_BYTES_MAX, EVENT_BYTES_MAX, Batch, Context, Keyed
from server.wire.surrogates import mended
from server.wire.tolerant import TolerantReader

_PIXEL_LEVELS = 3
_OBJECTS = frozenset({"context", "properties", "traits"})
_BASIC = "basic "
_BEARER = "bearer "

_batch_decoder = msgspec.json.Decoder(Batch)
_text_decoder = msgspec.json.Decoder(str)
_context_reader = TolerantReader(Context)
_keyed_reader = TolerantReader(Keyed)


class Parcel(msgspec.Struct, frozen=True):
    """What a request holds: its items, and what stands around them.

    `key` is the body's, "" for none; `sent_ms` None where that is not told. `size_bytes` is the body's,
    decompressed.
    """

    items: GoodItems | list[Raw]
    key: str
    size_bytes: int
    sent_ms: int | None = None
    context: Context | None = None


def read_batch(headers: Mapping[bytes, bytes], body: bytes) -> Parcel:
    """Take a batch apart.

    Raises ApiError: body_too_large, unsupported_encoding, malformed_json, not_an_object; required or
    invalid_type where there is no list of items.
    """
    plain = plain_body(headers, body, BODY_BYTES_MAX)
    items, around = good_body(plain) or _batch_of(plain)
    return Parcel(
        items=items,
        key=_text_of(around.write_key),
        size_bytes=len(plain),
        sent_ms=sent_ms_of(around.sent_at),
        context=_context_of(around.context),
    )


def read_message(headers: Mapping[bytes, bytes], body: bytes) -> Parcel:
    """Take one message.

    Raises ApiError: body_too_large, unsupported_encoding, malformed_json, not_an_object.
    """
    plain = plain_body(headers, body, BODY_BYTES_MAX)
    keyed = _keyed_reader.read(plain)
    return Parcel([Raw(plain)], keyed.write_key or "", len(plain))


def read_pixel(query: Mapping[str, str]) -> Parcel:
    """Make a message of a pixel's query: `properties.plan=pro`, or whole objects as JSON."""
    message: dict[str, object] = {"channel": "web"}
    for name, value in sorted(query.items(), key=_whole_first):
        _put(message, name.split(".", _PIXEL_LEVELS), value)
    plain = msgspec.json.encode(message)
    return Parcel([Raw(plain)], query.get("writeKey", ""), len(plain))


def key_of(headers: Mapping[bytes, bytes]) -> str:
    """Return the write key of `Authorization`, Basic (its colon may be missing) or Bearer; "" for none."""
    value = headers.get(b"authorization", b"").decode("latin-1").strip()
    scheme = value[: len(_BASIC)].lower()
    if scheme == _BASIC:
        return base64_text(value[len(_BASIC) :]).partition(":")[0].strip()
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else ""


def base64_text(value: str) -> str:
    """Decode base64, with or without its padding; "" for what is none."""
    text = value.strip()
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


# ---- parts


def _batch_of(plain: bytes) -> tuple[list[Raw], Batch]:
    batch = _any_batch(plain)
    return batch.batch, batch


def _any_batch(plain: bytes) -> Batch:
    try:
        return _batch_decoder.decode(plain)
    except msgspec.ValidationError as error:
        raise field_error(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError:
        raise ApiError("malformed_json") from None
    try:
        return _batch_decoder.decode(mended(plain.decode("utf-8", "replace").encode()))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ApiError("malformed_json") from None


def _text_of(raw: Raw) -> str:
    try:
        return _text_decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _context_of(raw: Raw) -> Context | None:
    """Return the context of a batch; None for one that is none, or larger than an item may be."""
    plain = bytes(raw)
    if not plain or len(plain) > EVENT_BYTES_MAX:
        return None
    try:
        return _context_reader.read(plain)
    except ApiError:
        return None


def _whole_first(pair: tuple[str, str]) -> bool:
    """Sort whole objects before the fields that are put into them."""
    return "." in pair[0]


def _put(message: dict[str, object], names: list[str], value: str) -> None:
    """Put a value into an object within objects."""
    inner = message
    for name in names[:-1]:
        found = inner.get(name)
        if not isinstance(found, dict):
            found = inner[name] = {}
        inner = found
    inner[names[-1]] = _object_of(value) if names[-1] in _OBJECTS else value


def _object_of(value: str) -> object:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
