"""Visitors of a shop from a seed: what each one does, in which order, and how they take a message.

For demonstrations and loads: nothing here sends anything, and the same seed makes the same visitors.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Literal, TypeVar

import msgspec

T = TypeVar("T")
Reaction = Literal["reply", "dismiss", "ignore"]
Habit = Literal["look_around", "compare", "abandon", "buy"]

HABITS: Sequence[tuple[Habit, float]] = (
    ("look_around", 0.45),
    ("compare", 0.30),
    ("abandon", 0.15),
    ("buy", 0.10),
)
"""How visitors shop, and which share of them does."""

REACTIONS: Sequence[tuple[Reaction, float]] = (("reply", 0.3), ("dismiss", 0.3), ("ignore", 0.4))
KNOWN_BY_NAME = 0.4
"""The share of visitors whose first name the shop knows."""

_FIRST_NAMES = (
    "Ada",
    "Bo",
    "Cleo",
    "Dana",
    "Eli",
    "Finn",
    "Gus",
    "Hana",
    "Ines",
    "Jo",
    "Kim",
    "Lea",
)


class Shop(msgspec.Struct, frozen=True):
    """Where visitors of a shop go: addresses of pages, and (name, price) of products."""

    home: str
    products: str
    guide: str
    cart: str
    goods: tuple[tuple[str, int], ...]


class Step(msgspec.Struct, frozen=True):
    """One event of a visit, `after_ms` milliseconds after the step before it."""

    after_ms: int
    event: str
    page: str | None = None
    properties: dict[str, str | int | bool] = {}
    attributes: dict[str, str | int] = {}


class Visit(msgspec.Struct, frozen=True):
    """One visitor's time in the shop, and what they do with a message `reacts_after_ms` after it came."""

    visitor: str
    habit: Habit
    steps: tuple[Step, ...]
    reaction: Reaction
    reacts_after_ms: int


def visits(seed: int, shop: Shop, name: str = "visitor") -> Iterator[Visit]:
    """Draw visitors without end; they are called `name` and a number, from 1."""
    number = 0
    while True:
        number += 1
        random = Random(f"{seed} {number}")  # noqa: S311  # a seed, not a secret
        habit: Habit = _drawn(random, HABITS)
        yield Visit(
            visitor=f"{name}_{number}",
            habit=habit,
            steps=tuple(_Walk(random, shop).steps(habit)),
            reaction=_drawn(random, REACTIONS),
            reacts_after_ms=random.randint(1_500, 9_000),
        )


def _drawn(random: Random, shares: Sequence[tuple[T, float]]) -> T:
    drawn = random.choices([one for one, _ in shares], [share for _, share in shares])
    return drawn[0]


class _Walk:
    """One visitor on the way through a shop; `random` is theirs alone."""

    def __init__(self, random: Random, shop: Shop) -> None:
        self._random = random
        self._shop = shop
        self._cart: list[tuple[str, int]] = []

    def steps(self, habit: Habit) -> Iterator[Step]:
        """Yield what a visitor of this habit does."""
        yield from self._come()
        match habit:
            case "look_around":
                for _ in range(self._random.randint(1, 3)):
                    yield from self._read(
                        self._random.choice((self._shop.home, self._shop.products))
                    )
            case "compare":
                yield from self._read(self._shop.products)
                yield from self._read(self._shop.guide)
                yield Step(self._ms(1, 4), "size_chart", self._shop.products)
                yield from self._read(self._shop.products)
            case "abandon":
                yield from self._fill()
                yield Step(self._ms(12, 30), "visibility", properties={"visible": False})
            case "buy":
                yield from self._fill()
                yield from self._buy()
        yield Step(self._ms(2, 8), "page_leave")

    def _come(self) -> Iterator[Step]:
        attributes: dict[str, str | int] = {}
        if self._random.random() < KNOWN_BY_NAME:
            attributes["visitor.first_name"] = self._random.choice(_FIRST_NAMES)
        yield Step(self._ms(0, 3), "page_view", self._shop.home, attributes=attributes)
        yield from self._scroll()

    def _read(self, page: str) -> Iterator[Step]:
        yield Step(self._ms(2, 9), "page_view", page)
        yield from self._scroll()

    def _scroll(self) -> Iterator[Step]:
        """Scroll down in steps, as deep as this visitor reads."""
        deepest = self._random.randrange(10, 101, 10)
        for percent in range(20, deepest + 1, 20):
            yield Step(self._ms(1, 4), "scroll", properties={"percent": percent})

    def _fill(self) -> Iterator[Step]:
        yield from self._read(self._shop.products)
        for _ in range(self._random.randint(1, 2)):
            name, price = self._random.choice(self._shop.goods)
            self._cart.append((name, price))
            held: dict[str, str | int] = {
                "cart.items": len(self._cart),
                "cart.total": sum(price for _, price in self._cart),
            }
            added: dict[str, str | int | bool] = {"product": name, "price": price}
            yield Step(self._ms(3, 9), "cart_add", properties=added, attributes=held)
        yield Step(self._ms(2, 6), "page_view", self._shop.cart)

    def _buy(self) -> Iterator[Step]:
        total = sum(price for _, price in self._cart)
        emptied: dict[str, str | int] = {"cart.items": 0, "cart.total": 0}
        yield Step(self._ms(8, 25), "purchase", properties={"total": total}, attributes=emptied)

    def _ms(self, low_s: int, high_s: int) -> int:
        return self._random.randint(low_s * 1_000, high_s * 1_000)
