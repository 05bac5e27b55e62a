"""JSON bodies to typed values; whatever does not fit is one ApiError that names the field."""

import re
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from server.errors import ApiError

DEPTH_MAX = 32
"""Deeper JSON is malformed."""

INTEGER_MAX = 2**63 - 1
"""A whole number beyond is out of range: no store keeps it exactly."""

T = TypeVar("T", bound=msgspec.Struct)

_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_MARKS = bytes(set(range(256)) - set(b'{}[]"'))
_SHORT_BYTES = 1_024
"""Bytes of a body of which counting the brackets takes less time than leaving all else out."""

_ALIKE = bytes.maketrans(b"{}", b"[]")
_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Reader(Generic[T]):
    """Reads bodies of one kind of struct."""

    def __init__(self, kind: type[T]) -> None:
        """Prepare a decoder; fields that the struct does not know are ignored."""
        self.kind = kind
        self._decoder = msgspec.json.Decoder(kind)

    def read(self, body: bytes) -> T:
        """Decode a body.

        Raises ApiError: malformed_json, not_an_object, or a field's reason with the field's dotted path.
        """
        check_depth(body)
        return self.read_part(body)

    def read_part(self, part: bytes | msgspec.Raw) -> T:
        """Decode a part of a body that was read: how deep it goes was looked at there.

        Raises ApiError: as `read`.
        """
        try:
            return self._decoder.decode(part)
        except msgspec.ValidationError as error:
            raise field_error(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ApiError("malformed_json") from None


def check_depth(body: bytes) -> None:
    """Refuse JSON nested deeper than DEPTH_MAX, before a decoder recurses into it."""
    if len(body) < _SHORT_BYTES and body.count(b"{") + body.count(b"[") <= DEPTH_MAX:
        return
    if b"\\" in body:
        body = _STRINGS.sub(b"", body)
    # Of a string without brackets its two quotes are left; taking pairs out leaves the others' order as it is.
    brackets = body.translate(_ALIKE, _NO_MARKS).replace(b'""', b"")
    if b'"' in brackets:
        brackets = b"".join(brackets.split(b'"')[::2])
    for _ in range(DEPTH_MAX):
        # Each pass removes the innermost level; a "[" that a "}" closes is left to the decoder.
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return
    raise ApiError("malformed_json")


def field_error(text: str) -> ApiError:
    """Turn msgspec's words, "Expected `str`, got `int` - at `$.page.url`", into reason and field."""
    found = _AT.search(text)
    field = found[1].replace("[...]", "") if found else ""
    if missing := _MISSING.search(text):
        name = f"{field}.{missing[1]}" if field else missing[1]
        return ApiError("required", f"{name} is required", field=name)
    if not field and text.startswith("Expected `object`"):
        return ApiError("not_an_object")
    return ApiError(_reason(text), _words(text, field), field=field or None)


def _reason(text: str) -> str:
    if "RFC3339" in text or "timezone component" in text:
        return "invalid_timestamp"
    if "Number out of range" in text or "Integer value out of range" in text:
        return "out_of_range"
    if "of length >=" in text:
        return "too_short"
    if "`array` of length <=" in text or "`object` of length <=" in text:
        return "too_many"
    if "of length <=" in text:
        return "too_long"
    if "Invalid enum value" in text or "matching regex" in text:
        return "invalid_value"
    if re.search(r"Expected `(int|float)` [<>]=? ", text):
        return "out_of_range"
    return "invalid_type"


def _words(text: str, field: str) -> str:
    message = _AT.sub("", text).replace("`", "")
    return f"{field}: {message[:1].lower()}{message[1:]}" if field else message


# ---- what a type cannot say


def check_id(value: str, field: str) -> str:
    """Return an id of a client unchanged, or refuse one that is empty, too long or has control characters."""
    if not 1 <= len(value) <= 256:
        reason = "too_long" if value else "required"
        raise ApiError(reason, f"{field} has 1 to 256 characters", field=field)
    if not value.isprintable() and _CONTROL.search(value):
        raise ApiError("invalid_id", f"{field} has control characters", field=field)
    return value


def check_web_url(value: str, field: str) -> str:
    """Return an absolute http or https address unchanged, or refuse it."""
    scheme, separator, rest = value.partition("://")
    host = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    if scheme.lower() not in ("http", "https") or not separator or not host.strip():
        raise ApiError("invalid_url", f"{field} is not an absolute http or https URL", field=field)
    if _CONTROL.search(value):
        raise ApiError("invalid_url", f"{field} has control characters", field=field)
    return value


def check_numbers(value: object, field: str) -> None:
    """Refuse whole numbers that no store keeps exactly, at any depth of a decoded value."""
    if type(value) is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise ApiError("out_of_range", f"{field} holds a number out of range", field=field)
    elif isinstance(value, dict):
        for name, item in value.items():
            if type(item) not in (str, float, bool):
                check_numbers(item, f"{field}.{name}")
    elif isinstance(value, list):
        for item in value:
            if type(item) not in (str, float, bool):
                check_numbers(item, field)


def unknown_fields(kind: type[msgspec.Struct], body: bytes) -> Iterator[str]:
    """Name the fields of a body that its struct does not know, with their dotted paths."""
    yield from _unknown(kind, msgspec.json.decode(body), "")


def _unknown(kind: type[msgspec.Struct], value: object, prefix: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, item in value.items():
        field = fields.get(name)
        if field is None:
            yield prefix + name
            continue
        inner = _inner_struct(field.type)
        items = item if isinstance(item, list) else [item]
        for index, part in enumerate(items if inner else ()):
            place = f"{prefix}{name}[{index}]." if isinstance(item, list) else f"{prefix}{name}."
            assert inner is not None
            yield from _unknown(inner, part, place)


def _inner_struct(kind: object) -> type[msgspec.Struct] | None:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    for part in getattr(kind, "__args__", ()):
        inner = _inner_struct(part)
        if inner is not None:
            return inner
    return None
