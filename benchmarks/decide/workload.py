"""P1: which of N rules of five conditions hold for a visitor's state, 2 to 5 rules a page.

Equal work: take a state as the contender's host would hold it and return the numbers of all rules that
hold, in order. Reading rules and preparing them is not measured; nothing may be remembered of a state.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

from benchmarks.outcome import Figure, Metric, Outcome, Target, digest

SIZES = {"tiny": 20, "100": 100, "1000": 1_000, "10000": 10_000}
REFERENCE = "compiled"
METRICS = (Metric("rate", "states/s"),)
STATES = 200
TINY_STATES = 20
ANSWERS_S_MAX = 1.5
"""A slow contender answers fewer states: its answers are compared as far as they go."""
TIMED_S_A_STATE = 0.002
MARKS = (2, 10, 50, STATES)


def _times_faster(other: str, size: str, bound: float) -> Target:
    text = f"compiled program, times {other} at {size} rules"
    return Target(text, Figure("compiled", size), "least", bound, Figure(other, size))


TARGETS = (
    _times_faster("zen_table", "100", 50),
    _times_faster("zen_table", "1000", 500),
    _times_faster("zen_expression", "100", 50),
    _times_faster("zen_expression", "1000", 500),
    *(
        Target(
            f"hand-written, times the compiled program at {size} rules",
            Figure("handwritten", size),
            "most",
            1.5,
            Figure("compiled", size),
        )
        for size in ("100", "1000", "10000")
    ),
    Target(
        "what 10,000 rules cost, times 100 rules",
        Figure("compiled", "100"),
        "most",
        3,
        Figure("compiled", "10000"),
    ),
)


@dataclass(frozen=True, slots=True)
class PlainRule:
    """One rule: it holds where all five conditions do; `needs_flag` False asks nothing of the flag."""

    number: int
    area: str
    time_s: int
    score: int
    scroll: int
    needs_flag: bool

    @property
    def prefix(self) -> str:
        """Return what the path starts with."""
        return f"/{self.area}/"


@dataclass(frozen=True, slots=True)
class PlainState:
    """One visitor: seconds on the page, a score and a scroll depth of 0 to 100, a flag."""

    path: str
    time_s: int
    score: int
    scroll: int
    flag: bool


@dataclass(frozen=True, slots=True)
class Workload:
    """Rules and states."""

    rules: tuple[PlainRule, ...]
    states: tuple[PlainState, ...]


def make(size: str, seed: int) -> Workload:
    """Draw rules and states from a seed."""
    random_source = random.Random(seed)
    areas = _areas(SIZES[size], random_source)
    rules = tuple(_rule(number, area, random_source) for number, area in enumerate(areas))
    known = sorted(set(areas))
    count = TINY_STATES if size == "tiny" else STATES
    states = tuple(_state(random_source.choice(known), random_source) for _ in range(count))
    return Workload(rules, states)


def _areas(count: int, random_source: random.Random) -> list[str]:
    """Give each of some areas two to five rules, in no order."""
    areas: list[str] = []
    while len(areas) < count:
        name = f"area{len(areas)}"
        areas.extend([name] * min(random_source.randint(2, 5), count - len(areas)))
    random_source.shuffle(areas)
    return areas


def _rule(number: int, area: str, random_source: random.Random) -> PlainRule:
    return PlainRule(
        number=number,
        area=area,
        time_s=random_source.choice((5, 10, 20, 30, 45, 60)),
        score=random_source.randrange(0, 80, 5),
        scroll=random_source.choice((0, 10, 25, 50, 75)),
        needs_flag=random_source.random() < 0.5,
    )


def _state(area: str, random_source: random.Random) -> PlainState:
    return PlainState(
        path=f"/{area}/page{random_source.randrange(9)}",
        time_s=random_source.randrange(90),
        score=random_source.randrange(101),
        scroll=random_source.randrange(101),
        flag=random_source.random() < 0.5,
    )


def as_document(state: PlainState) -> dict[str, object]:
    """Return a state as the mapping that rule engines of others take."""
    return asdict(state)


T = TypeVar("T")


def answer_all(states: Sequence[T], matching: Callable[[T], Sequence[int]]) -> Outcome:
    """Ask for all states and compare; then ask over and over for a while and measure."""
    answers: list[tuple[int, ...]] = []
    began = time.perf_counter()
    for state in states:
        answers.append(tuple(matching(state)))
        if time.perf_counter() - began > ANSWERS_S_MAX and len(answers) >= MARKS[0]:
            break
    first_s = time.perf_counter() - began
    digests = {f"{mark} states": digest(answers[:mark]) for mark in MARKS if mark <= len(answers)}
    timed_s = TIMED_S_A_STATE * len(states)
    if first_s > timed_s:
        return Outcome(len(answers), first_s, digests)
    rounds, began = 0, time.perf_counter()
    while (passed_s := time.perf_counter() - began) < timed_s:
        for state in states:
            matching(state)
        rounds += 1
    return Outcome(rounds * len(states), passed_s, digests)
