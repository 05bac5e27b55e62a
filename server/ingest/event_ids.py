"""Ids of other tools' clients: which texts can be one, and by which an event that is sent again is known."""

from collections.abc import Sequence
from hashlib import blake2b

from engine.events import Origin
from engine.intake import widget_number
from server.errors import ApiError
from server.wire.decoding import INTEGER_MAX, check_id

_DIGEST_BYTES = 16
_SHORT_CHARS = 64
_WIDGET_ID_CHARS = 17
_PRINTABLE = bytes(range(0x20, 0x7F))


def id_text(value: object) -> str:
    """Return an id as text, a whole number as its digits; "" for what is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if -INTEGER_MAX <= value <= INTEGER_MAX else ""
    return ""


def can_be_id(text: str) -> bool:
    """Tell whether a text can be an id (API.md 1)."""
    if 0 < len(text) <= _SHORT_CHARS and text.isprintable():
        return True
    try:
        check_id(text, "id")
    except ApiError:
        return False
    return True


def event_id(value: object, origin: Origin) -> str:
    """Return the id of an event, the same for the same value; "" for none."""
    text = value if isinstance(value, str) else id_text(value)
    if _WIDGET_ID_CHARS < len(text) <= _SHORT_CHARS and text.isprintable():
        return text
    if not text:
        return ""
    if not can_be_id(text):
        return blake2b(text.encode("utf-8", "replace"), digest_size=_DIGEST_BYTES).hexdigest()
    if len(text) <= _WIDGET_ID_CHARS and widget_number(text)[0]:
        # Ids of our own widget look like this, and are told apart by their numbers.
        return f"{origin}:{text}"
    return text


def event_ids(values: Sequence[object], origins: Sequence[Origin]) -> list[str]:
    """Return `event_id` of each; of UUIDs and the like, which are ids as they are, with one look at all."""
    texts = [value for value in values if type(value) is str]
    if len(texts) == len(values) and _are_ids(texts):
        return texts
    return [event_id(value, origin) for value, origin in zip(values, origins, strict=True)]


def _are_ids(texts: Sequence[str]) -> bool:
    """Tell whether all texts are printable ASCII, too long for ids of our widget and not long ones."""
    sizes = list(map(len, texts))
    if not sizes or min(sizes) <= _WIDGET_ID_CHARS or max(sizes) > _SHORT_CHARS:
        return False
    joined = "".join(texts)
    return joined.isascii() and not joined.encode().translate(None, _PRINTABLE)
