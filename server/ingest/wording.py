"""The rows of LANGUAGE.md 5.4 that depend on what an event holds, the same in every dialect."""

from functools import lru_cache

from engine.signals import snake_name

FIELD_NAMES_MAX = 4_096
"""Names of fields kept in snake case; beyond it the longest unused is converted again."""

_TOTALS = ("revenue", "value")

field_name = lru_cache(maxsize=FIELD_NAMES_MAX)(snake_name)


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
