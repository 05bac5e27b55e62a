"""The running total of a visitor's cart, from the shop events of other tools' clients. Pure.

Our own tracker says the total itself; Segment's, RudderStack's and PostHog's clients say what went in and
out. What is kept is whole hundredths, so that no sum is rounded twice.
"""

from decimal import ROUND_HALF_EVEN, Decimal

from engine.events import FOREIGN_ORIGINS, Event
from rules.checked import Value, ValueKind, ValueType
from rules.value_types import NUMBER_MAX, convert, exact_hundredths

NO_CART = -1
"""Stands for a total of which nothing was told yet."""

CART_TOTAL = "cart.total"
"""The attribute that rules read."""

CART_EVENTS = frozenset(
    {"add_to_cart", "remove_from_cart", "cart_viewed", "view_cart", "checkout_start", "purchase"}
)
CART_FIELDS = ("cart_total", "price", "quantity")
"""What is read of them: the whole cart in money, or what one line of it costs and how often."""

_ONE, _HUNDRED = Decimal(1), Decimal(100)
_PIECES_MAX = 10**12
"""So many of a plain price are counted with whole numbers: as exact as Decimal's 28 digits are."""

_MONEY, _NUMBER = ValueType("money"), ValueType("number")


def is_of_cart(event: Event) -> bool:
    """Tell whether an event changes the cart, its attributes apart."""
    return event.name in CART_EVENTS and event.origin in FOREIGN_ORIGINS


def stated_total(event: Event) -> int | None:
    """Return what an event's own attribute says the total is; None: it says nothing that fits.

    A `null` makes the total unknown.
    """
    if CART_TOTAL not in event.attributes:
        return None
    raw = event.attributes[CART_TOTAL]
    return NO_CART if raw is None else _money(raw)


def total_after(total: int, event: Event) -> int:
    """Return the total after an event: hundredths, NO_CART while nothing is known of the cart.

    An event that tells the whole cart sets it, also when what went in or out is told with it. A line that
    is priced with anything but a number >= 0, and a sum above NUMBER_MAX, change nothing.
    """
    name, properties = event.name, event.properties
    if name not in CART_EVENTS or event.origin not in FOREIGN_ORIGINS:
        return total
    if name == "purchase":
        return 0
    whole = properties.get("cart_total")
    told = None if whole is None else _money(whole)
    if told is not None:
        return told
    if name == "add_to_cart":
        line = line_of(properties.get("price"), properties.get("quantity"))
        if line is None:
            return total
        grown = line if total < 0 else total + line
        return grown if grown <= NUMBER_MAX else total
    if name == "remove_from_cart" and total > 0:
        line = line_of(properties.get("price"), properties.get("quantity"))
        return total if line is None else max(0, total - line)
    return total


def in_units(kind: ValueKind, total: int) -> Value | None:
    """Return a total as an attribute of a kind holds it; None: it cannot hold one."""
    match kind:
        case "money":
            return total
        case "number":
            return total // 100 if total % 100 == 0 else total / 100
        case _:
            return None


def line_of(price: object, quantity: object) -> int | None:
    """Return what a line of the cart costs in hundredths; None where that cannot be told."""
    plain = exact_hundredths(price)
    if plain is not None:
        if quantity is None:
            return plain
        if type(quantity) is int and 0 <= quantity <= _PIECES_MAX:
            return plain * quantity
    return exact_line(price, quantity)


def exact_line(price: object, quantity: object) -> int | None:
    """Return price times quantity, both as they were written, in hundredths."""
    one = _number(price)
    pieces = _ONE if quantity is None else _number(quantity)
    if one is None or pieces is None:
        return None
    return int((one * pieces * _HUNDRED).to_integral_value(ROUND_HALF_EVEN))


def _number(raw: object) -> Decimal | None:
    """Read a number >= 0 exactly as it was written."""
    number = convert(_NUMBER, raw)
    if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
        return None
    return Decimal(repr(number))


def _money(raw: object) -> int | None:
    money = convert(_MONEY, raw)
    return money if isinstance(money, int) and money >= 0 else None
