"""JSON of clients that send anything: what does not fit its type is left out, and the rest is read."""

from typing import Generic, TypeVar

import msgspec

from server.errors import ApiError
from server.wire.decoding import check_depth
from server.wire.surrogates import mended

T = TypeVar("T", bound=msgspec.Struct)


class TolerantReader(Generic[T]):
    """Reads objects of one kind of struct, all of whose fields may be absent."""

    def __init__(self, kind: type[T]) -> None:
        """Prepare a decoder."""
        self._kind = kind
        self._decoder = msgspec.json.Decoder(kind)

    def read_part(self, part: msgspec.Raw) -> T:
        """Decode a part of a body, as `read` does; how deep its fields go is left to whoever keeps them.

        Raises ApiError: malformed_json, not_an_object.
        """
        try:
            return self._decoder.decode(part)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self.read(bytes(part))

    def read(self, body: bytes) -> T:
        """Decode an object; a field of another type than its own is absent.

        Raises ApiError: malformed_json, not_an_object.
        """
        check_depth(body)
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError:
            return self._read_what_fits(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._read_what_fits(mended(_as_utf8(body)))

    def _read_what_fits(self, body: bytes) -> T:
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ApiError("malformed_json") from None
        if not isinstance(value, dict):
            raise ApiError("not_an_object")
        return fitted(self._kind, value)


def fitted(kind: type[T], value: dict[str, object]) -> T:
    """Make a struct of those fields of an object that have its types, in inner objects too."""
    fields: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        given = value.get(field.encode_name)
        inner = _struct_of(field.type)
        if inner is not None and isinstance(given, dict):
            fields[field.name] = fitted(inner, given)
        elif given is not None:
            try:
                fields[field.name] = msgspec.convert(given, field.type)
            except msgspec.ValidationError:
                continue
    return kind(**fields)


def _struct_of(kind: object) -> type[msgspec.Struct] | None:
    """Return the struct of a type such as `Page | None`; None for other types."""
    for part in getattr(kind, "__args__", ()):
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            return part
    return None


def _as_utf8(body: bytes) -> bytes:
    """Put the replacement character in the place of bytes that are no text."""
    return body.decode("utf-8", "replace").encode()
