"""Shop events in the words of rules: products, totals and carts as other tools name them (API.md 8.3)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from math import isfinite

from rules.value_types import NUMBER_MAX, parse_number
from server.ingest.wording import field_name, name_order

PRODUCTS_MAX = 500
"""Products of one event that are added up; an event with more has the total that it says itself, or none.
test_the_products_that_are_added_up_are_bounded"""

_PRICES = ("unit_price", "item_price")
_OF_A_PRODUCT = (
    ("id", ("product_id", "sku", "item_id")),
    ("name", ("product_name", "item_name", "title")),
    ("category", ("product_category", "item_category")),
    ("price", _PRICES),
)
_NUMBERS = ("price", "quantity", "cart_total")
_ORDERS = ("order_id", "transaction_id", "checkout_id")
_TOTALS = ("total", "revenue", "value", "subtotal")
_CART_TOTALS = ("cart_total", "cart_value", "total", "value", "subtotal")
_CENT = Decimal("0.01")

Properties = dict[str, object]


def in_product(properties: Properties) -> None:
    """Name a product's fields; of an event that lists products, those of its only one."""
    if "products" in properties or "items" in properties:
        _as_one(properties, _take_products(properties))
    _name_fields(_OF_A_PRODUCT, _NUMBERS, properties)


def product_words(fields: Collection[str]) -> Callable[[Properties], None] | None:
    """Return what `in_product` does to an event with these fields: it has not to look for others."""
    if "products" in fields or "items" in fields:
        return in_product
    told = [(name, tuple(one for one in others if one in fields)) for name, others in _OF_A_PRODUCT]
    renames = tuple((name, others) for name, others in told if others)
    named = {*fields, *(name for name, _ in renames)}
    numbers = tuple(name for name in _NUMBERS if name in named)
    return partial(_name_fields, renames, numbers) if renames or numbers else None


def _name_fields(
    renames: Sequence[tuple[str, Sequence[str]]], numbers: Sequence[str], properties: Properties
) -> None:
    """Give fields the names that rules know, and make numbers of those written as text."""
    get = properties.get
    for name, others in renames:
        if get(name) is None:
            for other in others:
                value = get(other)
                if value is not None:
                    properties[name] = value
                    break
    for name in numbers:
        if type(get(name)) is str:
            _count(properties, name)


def _as_one(properties: Properties, products: list[Mapping[str, object]]) -> None:
    """Say of a list of products what one would say; of several, what they cost together."""
    if len(products) == 1:
        for name, value in products[0].items():
            properties.setdefault(field_name(name), value)
        return
    worth = _worth(products)
    if worth is not None:
        properties.setdefault("price", worth)
        properties.setdefault("quantity", 1)


def _in_cart(properties: Properties) -> None:
    """Say what the whole cart is worth and how much is in it."""
    products = _take_products(properties)
    worth = _worth(products)
    if worth is None:
        worth = _first_number(properties, _CART_TOTALS)
    if worth is not None:
        properties["cart_total"] = worth
    if products:
        properties.setdefault("items", len(products))


def _in_checkout(properties: Properties) -> None:
    _in_cart(properties)
    _in_total(properties)
    if "total" not in properties and "cart_total" in properties:
        properties["total"] = properties["cart_total"]


def _in_purchase(properties: Properties) -> None:
    products = _take_products(properties)
    name_order(properties)
    _in_total(properties)
    worth = _worth(products)
    if "total" not in properties and worth is not None:
        properties["total"] = worth
    if products:
        properties.setdefault("items", len(products))
    if properties.get("order") is None:
        _rename(properties, "order", _ORDERS)


SHOP_WORDS: Mapping[str, Callable[[Properties], None]] = {
    "product_view": in_product,
    "add_to_cart": in_product,
    "remove_from_cart": in_product,
    "cart_viewed": _in_cart,
    "view_cart": _in_cart,
    "checkout_start": _in_checkout,
    "purchase": _in_purchase,
}
"""What each shop event, by its name in rules, does to its properties, in place."""


# ---- products


def _take_products(properties: Properties) -> list[Mapping[str, object]]:
    """Take the list of products off; `items` is one too where it is a list."""
    found: object = None
    for name in ("products", "items"):
        if isinstance(properties.get(name), list):
            found = properties.pop(name) if found is None else found
            properties.pop(name, None)
    if not isinstance(found, list):
        return []
    return [product for product in found if isinstance(product, dict)]


def _worth(products: list[Mapping[str, object]]) -> float | None:
    """Add price x quantity up, to the cent; None unless each product has a price."""
    if not 0 < len(products) <= PRODUCTS_MAX:
        return None
    total = Decimal(0)
    for product in products:
        price = _first_number(product, ("price", *_PRICES))
        quantity = _first_number(product, ("quantity",))
        if price is None:
            return None
        total += Decimal(repr(price)) * Decimal(repr(1 if quantity is None else quantity))
    if not 0 <= total <= NUMBER_MAX:
        return None
    return float(total.quantize(_CENT, ROUND_HALF_EVEN))


# ---- fields


def _in_total(properties: Properties) -> None:
    total = _first_number(properties, _TOTALS)
    if total is not None:
        properties["total"] = total


def _rename(properties: Properties, name: str, others: Sequence[str]) -> None:
    """Give a field the name that rules know."""
    for other in others:
        value = properties.get(other)
        if value is not None:
            properties[name] = value
            return


def _count(properties: Properties, name: str) -> None:
    """Make a number of a number written as text."""
    number = _number(properties[name])
    if number is not None:
        properties[name] = number


def _first_number(properties: Mapping[str, object], names: tuple[str, ...]) -> int | float | None:
    for name in names:
        number = _number(properties.get(name))
        if number is not None:
            return number
    return None


def _number(value: object) -> int | float | None:
    """Return a number that is not negative, or one written as text; None for anything else."""
    if isinstance(value, str):
        value = parse_number(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isfinite(value) and 0 <= value <= NUMBER_MAX else None
