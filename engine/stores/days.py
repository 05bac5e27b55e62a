"""UTC dates as counters are named by them."""

from datetime import UTC, datetime


def utc_day(at_ms: int) -> str:
    """Write the UTC date of an instant, `2026-11-21`; instants before 1970 are that year's first day."""
    return datetime.fromtimestamp(max(0, at_ms) / 1_000, UTC).date().isoformat()
