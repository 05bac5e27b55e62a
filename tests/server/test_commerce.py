"""Shop events of other tools in the words of rules: products, totals, carts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ingest.commerce import PRODUCTS_MAX, SHOP_WORDS

BOOT = {"product_id": "b-1", "name": "Boot", "price": 49.9, "quantity": 2}
SOCK = {"sku": "s-1", "name": "Sock", "price": 5}
UNPRICED = {"product_id": "x-1"}


def in_words(name: str, **properties: object) -> dict[str, object]:
    SHOP_WORDS[name](properties)
    return properties


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"product_id": "b-1", "sku": "s"}, {"id": "b-1"}),
        ({"sku": "s-1"}, {"id": "s-1"}),
        ({"item_id": "i-1", "item_name": "Boot"}, {"id": "i-1", "name": "Boot"}),
        ({"id": "own", "product_id": "b-1"}, {"id": "own"}),
        ({"id": None, "product_id": "b-1"}, {"id": "b-1"}),
        ({"item_category": "Shoes"}, {"category": "Shoes"}),
        ({"price": "49.90", "quantity": "2"}, {"price": 49.9, "quantity": 2}),
        ({"price": "dear"}, {"price": "dear"}),
        ({"unit_price": 7}, {"price": 7}),
        ({"products": [BOOT]}, {"id": "b-1", "name": "Boot", "price": 49.9, "quantity": 2}),
        ({"items": [{"item_id": "i", "price": 3}]}, {"id": "i", "price": 3}),
        ({"products": [{"productId": "b-1", "unitPrice": 3}]}, {"id": "b-1", "price": 3}),
        ({"products": [BOOT, SOCK]}, {"price": 104.8, "quantity": 1}),
        ({"cart_total": "75"}, {"cart_total": 75}),
    ],
)
@pytest.mark.parametrize("name", ["product_view", "add_to_cart", "remove_from_cart"])
def test_a_product_has_the_fields_that_rules_know(
    name: str, properties: dict[str, object], words: dict[str, object]
) -> None:
    told = in_words(name, **properties)
    assert {field: told.get(field) for field in words} == words
    assert "products" not in told
    assert not isinstance(told.get("items"), list)


@pytest.mark.parametrize(
    ("properties", "cart_total"),
    [
        ({"products": [BOOT, SOCK]}, 104.8),
        ({"products": [BOOT, SOCK], "value": 1}, 104.8),
        ({"products": [BOOT, UNPRICED], "value": 60}, 60),
        ({"value": "75.50"}, 75.5),
        ({"cart_total": 10, "value": 75}, 10),
        ({"total": -1, "value": 75}, 75),
        ({"total": True, "value": 75}, 75),
        ({"products": [], "cart_id": "c"}, None),
        ({"products": "many"}, None),
        ({"products": [3, None, BOOT]}, 99.8),
        ({"value": 1e300}, None),
        ({"products": [{"price": 9e15, "quantity": 9e15}]}, None),
    ],
)
@pytest.mark.parametrize("name", ["cart_viewed", "view_cart", "checkout_start"])
def test_a_look_at_the_cart_tells_what_it_is_worth(
    name: str, properties: dict[str, object], cart_total: float | None
) -> None:
    assert in_words(name, **properties).get("cart_total") == cart_total


def test_a_checkout_has_its_own_total_and_counts_its_products() -> None:
    told = in_words("checkout_start", revenue=120, products=[BOOT, SOCK])
    assert (told["total"], told["items"], told["cart_total"]) == (120, 2, 104.8)
    assert in_words("checkout_start", products=[BOOT])["total"] == 99.8


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"total": 27.5, "revenue": 25}, {"total": 27.5}),
        ({"revenue": 25, "value": 24}, {"total": 25}),
        ({"value": "24.00"}, {"total": 24}),
        ({"subtotal": 22}, {"total": 22}),
        ({"products": [BOOT, SOCK]}, {"total": 104.8, "items": 2}),
        ({"products": [BOOT], "items": 5}, {"items": 5}),
        ({"items": [BOOT, SOCK]}, {"items": 2}),
        ({"order_id": "o-1"}, {"order": "o-1"}),
        ({"transaction_id": "t-1"}, {"order": "t-1"}),
        ({"order": "own", "order_id": "o-1"}, {"order": "own"}),
    ],
)
def test_a_purchase_has_total_items_and_order(
    properties: dict[str, object], words: dict[str, object]
) -> None:
    told = in_words("purchase", **properties)
    assert {field: told.get(field) for field in words} == words


def test_the_products_that_are_added_up_are_bounded() -> None:
    most = [{"price": 1}] * PRODUCTS_MAX
    assert in_words("cart_viewed", products=most)["cart_total"] == PRODUCTS_MAX
    assert "cart_total" not in in_words("cart_viewed", products=[*most, {"price": 1}])


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 50)), min_size=1, max_size=30))
def test_a_cart_is_added_up_to_the_cent(cart: list[tuple[int, int]]) -> None:
    products = [{"price": cents / 100, "quantity": quantity} for cents, quantity in cart]
    exact_cents = sum(cents * quantity for cents, quantity in cart)
    told = in_words("cart_viewed", products=products)["cart_total"]
    assert isinstance(told, float)
    assert round(told * 100) == exact_cents


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["id", "product_id", "price", "quantity", "total", "value", "products", "items", "cart_total"]
)


@given(st.sampled_from(sorted(SHOP_WORDS)), st.dictionaries(FIELDS, JSON))
def test_whatever_a_shop_event_holds_it_is_read(name: str, properties: dict[str, object]) -> None:
    told = in_words(name, **properties)
    assert not isinstance(told.get("items"), list)
