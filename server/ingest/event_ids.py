"""Ids of other tools' clients: which texts can be one, and by which an event that is sent again is known."""

from hashlib import blake2b

from engine.events import Origin
from engine.intake import widget_number
from server.errors import ApiError
from server.wire.decoding import INTEGER_MAX, check_id

_DIGEST_BYTES = 16
_SHORT_CHARS = 64
_WIDGET_ID_CHARS = 17


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
