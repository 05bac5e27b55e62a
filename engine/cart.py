"""The running total of a visitor's cart, from the shop events of other tools' clients. Pure.

Our own tracker says the total itself; Segment's, RudderStack's and PostHog's clients say what went in and
out. What is kept is whole hundredths, so that no sum is rounded twice.
"""

from decimal import ROUND_HALF_EVEN, Decimal

from engine.events import FOREIGN_ORIGINS, Event
from rules.checked import Value, ValueKind, ValueType
from rules.value_types import NUMBER_MAX, convert

NO_CART = -1
"""Stands for a total of which nothing was told yet."""

CART_TOTAL = "cart.total"
"""The attribute that rules read."""

CART_EVENTS = frozenset(
    {"add_to_cart", "remove_from_cart", "cart_viewed", "view_cart", "checkout_start", "purchase"}
)
CART_FIELDS = ("cart_total", "price", "quantity")
"""What is read of them: the whole cart in money, or what one line of it costs and how often."""

_HUNDRED = Decimal(100)
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
    if not is_of_cart(event):
        return total
    if event.name == "purchase":
        return 0
    whole = _money(event.properties.get("cart_total"))
    if whole is not None:
        return whole
    line = _line(event)
    if line is not None and event.name == "add_to_cart":
        grown = max(total, 0) + line
        return grown if grown <= NUMBER_MAX else total
    if line is not None and event.name == "remove_from_cart" and total > 0:
        return max(0, total - line)
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


def _line(event: Event) -> int | None:
    """Return what the line of a cart costs, price times quantity; None where that cannot be told."""
    price = _number(event.properties.get("price"))
    given = event.properties.get("quantity")
    quantity = Decimal(1) if given is None else _number(given)
    if price is None or quantity is None:
        return None
    return int((price * quantity * _HUNDRED).to_integral_value(ROUND_HALF_EVEN))


def _number(raw: object) -> Decimal | None:
    """Read a number >= 0 exactly as it was written."""
    number = convert(_NUMBER, raw)
    if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
        return None
    return Decimal(repr(number))


def _money(raw: object) -> int | None:
    money = convert(_MONEY, raw)
    return money if isinstance(money, int) and money >= 0 else None
