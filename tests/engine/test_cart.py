"""The cart's total: kept from what other tools' clients say went in and out, exactly, whoever reads it."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cart import NO_CART, exact_line, in_units, is_of_cart, line_of, total_after
from engine.events import FOREIGN_ORIGINS, Event
from engine.migrate import move_session
from engine.rehearsal import Rehearsal
from engine.replay import replay_journal
from engine.stores.codec import decode_state, encode_state, row_digest
from rules.value_types import NUMBER_MAX
from tests.engine.test_runtime import journal
from tests.engine.world import HELP, SECRET, program_of, visit, world

CART = "attribute cart.total: money default $0\n" + HELP.replace(
    "time_on_page >= 45s", "cart.total >= $75"
)
NUMBERS = CART.replace("money default $0", "number default 0").replace("$75", "75")


def shopping(
    text: str, *events: tuple[str, dict[str, object]], origin: str = "segment"
) -> Rehearsal:
    """Let a visitor shop past the policy's first 30 s, one event a second."""
    made = visit(text)
    made.happen(0, made.event("view", 0, url="https://site.test/pricing"))
    for number, (name, properties) in enumerate(events, 31):
        at_ms = 1_000 * number
        made.happen(at_ms, made.event(name, at_ms, origin=origin, properties=properties))
    return made


def total_of(made: Rehearsal) -> object:
    return made.session.state.attrs.get("cart.total")


def event(name: str, origin: str = "segment", **properties: object) -> Event:
    return Event("e_1", name, 0, properties=properties, origin=origin)  # type: ignore[arg-type]


# ---- what one event does


@pytest.mark.parametrize(
    ("total", "happened", "after"),
    [
        (NO_CART, event("add_to_cart", price=19.99), 19_99),
        (500, event("add_to_cart", price=19.99, quantity=3), 64_97),
        (500, event("add_to_cart", price="19.99", quantity="2"), 44_98),
        (500, event("add_to_cart", price=0.333, quantity=3), 6_00),
        (500, event("add_to_cart", price=3, quantity=0.5), 6_50),
        (500, event("add_to_cart", price=3, quantity=None), 8_00),
        (NO_CART, event("add_to_cart", price=0), 0),
        (500, event("add_to_cart", price=3, quantity=2, cart_total=80), 80_00),
        (500, event("remove_from_cart", price=2), 3_00),
        (500, event("remove_from_cart", price=2, quantity=9), 0),
        (NO_CART, event("remove_from_cart", price=2), NO_CART),
        (500, event("remove_from_cart", cart_total=1), 1_00),
        (500, event("cart_viewed", cart_total="59.98"), 59_98),
        (500, event("view_cart", cart_total=7), 7_00),
        (500, event("checkout_start", cart_total=0), 0),
        (500, event("purchase", cart_total=80), 0),
        (NO_CART, event("purchase"), 0),
    ],
)
def test_an_event_changes_the_total(total: int, happened: Event, after: int) -> None:
    assert total_after(total, happened) == after


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"price": None},
        {"price": "much"},
        {"price": True},
        {"price": float("nan")},
        {"price": float("inf")},
        {"price": -1},
        {"price": 1, "quantity": -1},
        {"price": 1, "quantity": "a few"},
        {"price": 1, "quantity": {}},
        {"price": NUMBER_MAX, "quantity": NUMBER_MAX},
        {"price": NUMBER_MAX // 100 + 1},
        {"quantity": 2},
    ],
)
@pytest.mark.parametrize("total", [NO_CART, 500])
def test_a_line_that_cannot_be_priced_changes_nothing(
    total: int, properties: dict[str, object]
) -> None:
    happened = Event("e_1", "add_to_cart", 0, properties=properties, origin="rudder")
    assert total_after(total, happened) == total


@pytest.mark.parametrize("whole", [None, "much", -1, True, float("nan"), [], 1e30])
def test_a_whole_that_is_no_amount_says_nothing_of_the_cart(whole: object) -> None:
    assert total_after(500, event("cart_viewed", cart_total=whole)) == 500
    assert total_after(500, event("add_to_cart", price=1, cart_total=whole)) == 600


@pytest.mark.parametrize("name", ["product_view", "view", "cart_total", "set"])
def test_other_events_leave_the_cart_alone(name: str) -> None:
    assert total_after(500, event(name, price=1, cart_total=9)) == 500


@pytest.mark.parametrize("origin", ["widget", "api", "engine"])
def test_only_other_tools_clients_are_summed_up(origin: str) -> None:
    assert not is_of_cart(event("add_to_cart", origin))
    assert total_after(500, event("purchase", origin)) == 500
    assert all(is_of_cart(event("add_to_cart", foreign)) for foreign in FOREIGN_ORIGINS)


@given(
    st.lists(
        st.tuples(st.decimals("0", "500", places=2), st.integers(0, 20), st.booleans()), max_size=30
    )
)
def test_the_total_is_the_exact_sum(lines: list[tuple[Decimal, int, bool]]) -> None:
    total, exact = 0, Decimal(0)
    for price, quantity, is_float in lines:
        sent = float(price) if is_float else str(price)
        total = total_after(total, event("add_to_cart", price=sent, quantity=quantity))
        exact += price * quantity
    assert Decimal(total) / 100 == exact


AMOUNTS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**18),
    st.floats(),
    st.decimals("0", "99999999999999", places=2).map(float),
    st.decimals("0", "1000", places=4).map(float),
    st.decimals("0", "1000", places=3).map(str),
    st.sampled_from([0.0, -0.0, 0.005, 0.015, 1.005, 2.675, 10.0**13, 9_999_999_999_999.99, "x"]),
)


@given(AMOUNTS, AMOUNTS)
def test_a_line_costs_what_its_numbers_say_as_they_were_written(
    price: object, quantity: object
) -> None:
    assert line_of(price, quantity) == exact_line(price, quantity)


def test_a_total_is_written_in_the_units_of_the_declared_type() -> None:
    assert (in_units("money", 59_98), in_units("number", 59_98)) == (59_98, 59.98)
    assert in_units("number", 60_00) == 60
    assert in_units("text", 60_00) is None


# ---- in a session


def test_the_second_product_added_turns_the_rule_true_by_itself() -> None:
    first = ("add_to_cart", {"price": 40})
    assert shopping(CART, first).sent == []
    made = shopping(CART, first, ("add_to_cart", {"price": 17.5, "quantity": 2}))
    assert [sent.at_ms - made.start_ms for sent in made.sent] == [32_000]
    assert total_of(made) == 75_00


@pytest.mark.parametrize("origin", sorted(FOREIGN_ORIGINS))
def test_a_purchase_empties_the_cart(origin: str) -> None:
    lines = [("add_to_cart", {"price": 40}), ("purchase", {"total": 40})]
    made = shopping(CART, *lines, ("add_to_cart", {"price": 74.99}), origin=origin)
    assert total_of(made) == 74_99
    assert made.sent == []


def test_our_own_tracker_says_the_total_itself() -> None:
    made = shopping(CART, ("add_to_cart", {"price": 80}), origin="widget")
    assert "cart.total" not in made.session.state.attrs


def test_a_total_that_an_event_brings_wins_and_is_counted_on_from() -> None:
    made = shopping(CART, ("add_to_cart", {"price": 40}))
    at_ms = 40_000
    own = made.event(
        "add_to_cart",
        at_ms,
        origin="segment",
        properties={"price": 10},
        attributes={"cart.total": 20},
    )
    made.happen(at_ms, own)
    assert total_of(made) == 20_00
    made.happen(
        41_000, made.event("add_to_cart", 41_000, origin="segment", properties={"price": 5})
    )
    assert total_of(made) == 25_00
    made.happen(42_000, made.event("set", 42_000, attributes={"cart.total": None}))
    assert total_of(made) is None
    made.happen(
        43_000, made.event("add_to_cart", 43_000, origin="segment", properties={"price": 5})
    )
    assert total_of(made) == 5_00


def test_a_total_that_does_not_fit_does_not_win() -> None:
    made = shopping(CART, ("add_to_cart", {"price": 40}))
    own = made.event(
        "add_to_cart",
        40_000,
        origin="segment",
        properties={"price": 1},
        attributes={"cart.total": "x"},
    )
    made.happen(40_000, own)
    assert total_of(made) == 41_00


def test_a_total_declared_as_a_number_is_one() -> None:
    made = shopping(NUMBERS, ("add_to_cart", {"price": 59.98}), ("add_to_cart", {"price": 15.02}))
    assert total_of(made) == 75
    assert len(made.sent) == 1


def test_what_came_before_the_declaration_counts_after_it() -> None:
    made = shopping(HELP, ("add_to_cart", {"price": 40}))
    assert total_of(made) is None
    keys = [register.key for register in made.program.registers]
    for text, total in ((CART, 40_00), (NUMBERS, 40), (CART, 40_00)):
        program = program_of(text)
        move_session(program, made.session, keys)
        made.program, keys = program, [register.key for register in program.registers]
        assert total_of(made) == total
    made.happen(
        45_000, made.event("add_to_cart", 45_000, origin="segment", properties={"price": 35})
    )
    assert len(made.sent) == 1


@pytest.mark.parametrize("late_ms", [0, 5_000, 9_000, 20_000])
@pytest.mark.parametrize("text", [CART, HELP])
def test_a_late_line_is_in_the_total(text: str, late_ms: int) -> None:
    lines = [("add_to_cart", {"price": 10}) for _ in range(8)]
    made = shopping(text, *lines)
    late = made.event("add_to_cart", 40_000, late_ms, origin="segment", properties={"price": 7})
    made.happen(40_000, late)
    assert made.session.state.cart == 87_00


def test_a_late_purchase_empties_what_came_before_it_alone() -> None:
    made = shopping(CART, ("add_to_cart", {"price": 10}), ("add_to_cart", {"price": 20}))
    order = made.event("purchase", 32_900, 1_400, origin="segment")
    made.happen(32_900, order)
    assert total_of(made) == 20_00


@pytest.mark.anyio
async def test_the_replay_of_a_journal_comes_to_the_same_total() -> None:
    async with world(CART) as place:
        ref = await place.session()
        await place.track(ref, "view", url="https://shop.test/pricing", origin="segment")
        for price in (10, 40, 35):
            await place.wait(31_000)
            line: dict[str, object] = {"price": price}
            await place.track(ref, "add_to_cart", properties=line, origin="segment")
        entries = await journal(place)
        repeated = list(replay_journal(place.program, entries, SECRET))
    assert all(tuple(map(row_digest, rows)) == entry.digests for entry, rows in repeated)
    assert [row.outcome for _, rows in repeated for row in rows] == ["sent"]


def test_a_state_that_was_stored_before_there_were_carts_is_read() -> None:
    state = shopping(CART).session.state
    former = msgspec.msgpack.decode(encode_state(state))
    assert former.pop() == state.cart == NO_CART
    assert decode_state(msgspec.msgpack.encode(former)) == state
