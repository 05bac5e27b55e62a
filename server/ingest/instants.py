"""Instants as other tools' clients write them: text, or a number of seconds or milliseconds."""

from datetime import UTC, datetime

_CHARS_MAX = 40
"""A longer text is no instant."""

_SECONDS_MAX = 100_000_000_000
"""A greater number is of milliseconds: as seconds it would lie beyond the year 5000."""


def instant_ms(value: object) -> int | None:
    """Return Unix milliseconds; None for what is no instant. A text without an offset is in UTC."""
    if isinstance(value, str):
        return _of_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 < value < _SECONDS_MAX * 1_000:
        return None
    return round(value if value > _SECONDS_MAX else value * 1_000)


def _of_text(text: str) -> int | None:
    if not text or len(text) > _CHARS_MAX:
        return None
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return instant_ms(float(text))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)
