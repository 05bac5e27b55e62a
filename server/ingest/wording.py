"""The rows of LANGUAGE.md 5.4 that depend on what an event holds, the same in every dialect."""

from functools import lru_cache

from engine.signals import snake_name

FIELD_NAMES_MAX = 4_096
"""Names of fields kept in snake case; beyond it the longest unused is converted again."""

FIELD_CHARS_MAX = 64
"""Characters of such a name; a longer one is converted each time. test_long_names_are_not_remembered"""

_TOTALS = ("revenue", "value")

_remembered = lru_cache(maxsize=FIELD_NAMES_MAX)(snake_name)


def field_name(name: str) -> str:
    """Return a field's name in snake case."""
    return _remembered(name) if len(name) <= FIELD_CHARS_MAX else snake_name(name)


def name_depth(properties: dict[str, object]) -> None:
    """Call the percentage of a `scroll` its depth."""
    if "percent" in properties:
        properties.setdefault("depth", properties.pop("percent"))


def name_order(properties: dict[str, object]) -> None:
    """Call what a `purchase` was worth its total, and say of how many items it was."""
    for other in _TOTALS:
        if other in properties:
            properties.setdefault("total", properties[other])
    products = properties.pop("products", None)
    if isinstance(products, list):
        properties.setdefault("items", len(products))
