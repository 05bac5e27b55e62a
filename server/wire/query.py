"""Query strings to typed values; what does not fit is one ApiError that names the parameter."""

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec

from server.errors import ApiError
from server.wire.decoding import field_error

PARAMETERS_MAX = 50
"""Parameters of one query string; more are refused."""

T = TypeVar("T", bound=msgspec.Struct)


def read_query(kind: type[T], text: str) -> tuple[T, list[str]]:
    """Decode a query string into a struct; the names that it does not know come beside it.

    A parameter without a value counts as absent.

    Raises ApiError: too_many, invalid_value, out_of_range and others, with the parameter as field.
    """
    known = _names(kind)
    values: dict[str, str] = {}
    unknown: list[str] = []
    for name, value in _pairs(text):
        if name not in known:
            unknown.append(name)
        elif name in values:
            raise ApiError("invalid_value", f"{name} is given more than once", field=name)
        elif value:
            values[name] = value
    try:
        return msgspec.convert(values, kind, strict=False), unknown
    except msgspec.ValidationError as error:
        raise _refusal(error) from None


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    try:
        yield from parse_qsl(
            text, keep_blank_values=True, max_num_fields=PARAMETERS_MAX, errors="strict"
        )
    except UnicodeDecodeError:
        raise ApiError("invalid_value", "The query string is not UTF-8") from None
    except ValueError:
        words = f"The query string has more than {PARAMETERS_MAX} parameters"
        raise ApiError("too_many", words) from None


def _refusal(error: msgspec.ValidationError) -> ApiError:
    """Say what a parameter may be; text where a number belongs is a value that is not allowed."""
    found = field_error(str(error))
    if found.reason != "invalid_type":
        return found
    # API.md 10.3 has one reason for every limit that is not 1 to 100.
    reason = "out_of_range" if found.field == "limit" else "invalid_value"
    words = found.message.replace(", got str", ", got something else")
    return ApiError(reason, words, field=found.field)


@lru_cache(maxsize=256)
def _names(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind))
