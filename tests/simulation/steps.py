"""What happens in a simulated world, step by step: each draws its own chance, so that others may be left out."""

from collections.abc import Sequence
from random import Random

import msgspec

from tests.simulation.options import Options

USUAL = {
    "view": 5, "cart": 3, "scroll": 2, "send": 5, "hold": 2, "attach": 7, "drop": 2, "words": 1,
    "click": 5, "wait": 8, "device": 1,
}  # fmt: skip
"""Kinds of steps of every world, and how often each happens."""

RARE = {
    "crash": 2, "pause": 2, "fail_over": 3, "blackhole": 1, "two_owners": 2, "set_clock": 2, "merge": 1,
    "erase": 1, "publish": 2, "offer": 3, "close": 1,
}  # fmt: skip
"""Kinds of steps that only some worlds have."""


class Step(msgspec.Struct, frozen=True):
    """One thing that happens; its number names its chance."""

    number: int
    kind: str


def planned(seed: int, count: int, options: Options) -> tuple[Step, ...]:
    """Draw the steps of a world."""
    weights = {**USUAL, **{kind: RARE[kind] for kind in options.kinds}}
    kinds = Random(f"steps {seed}").choices(list(weights), list(weights.values()), k=count)
    return tuple(Step(number, kind) for number, kind in enumerate(kinds))


def chance_of(seed: int, step: Step) -> Random:
    """Return the chance of one step, the same whichever others happen."""
    return Random(f"step {seed} {step.number}")


def without(steps: Sequence[Step], begin: int, end: int) -> tuple[Step, ...]:
    """Leave out the steps from `begin` up to `end`."""
    return (*steps[:begin], *steps[end:])
