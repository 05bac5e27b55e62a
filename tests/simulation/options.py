"""What kind of world a seed makes: how many workers, how bad the network is, which faults happen at all."""

from random import Random

import msgspec


class Options(msgspec.Struct, frozen=True):
    """Drawn first from the seed and printed: a run with few kinds of faults goes deeper into each.

    `shuffles`: processes take turns by chance. `refused`, `lost` and `late` are the chances that a request
    is refused, that its answer is lost, and that it arrives after its sender gave up. `dropped` is the
    chance that a hint is lost. `link_ms` is how long a change takes to the replica at most; `replica_ms`
    is how far the replica's clock is off. `kinds` are the kinds of steps that happen beside the usual ones.
    """

    workers: int = 2
    partitions: int = 2
    visitors: int = 3
    shuffles: bool = False
    delay_ms: float = 2.0
    refused: float = 0.0
    lost: float = 0.0
    late: float = 0.0
    dropped: float = 0.0
    link_ms: float = 5.0
    replica_ms: int = 0
    kinds: tuple[str, ...] = ()


KINDS = (
    "crash", "pause", "fail_over", "blackhole", "two_owners", "set_clock", "merge", "erase", "publish", "offer",
    "close",
)  # fmt: skip
"""Kinds of steps that not every world has."""


def drawn(seed: int) -> Options:
    """Draw a world from a seed."""
    random = Random(f"options {seed}")
    kinds = tuple(kind for kind in KINDS if random.random() < 0.4)
    return Options(
        workers=random.choice((1, 2, 2, 3)),
        partitions=random.choice((1, 2, 3)),
        visitors=random.choice((1, 2, 3, 4)),
        shuffles=random.random() < 0.5,
        delay_ms=random.choice((1.0, 5.0, 50.0)),
        refused=random.choice((0.0, 0.0, 0.02)),
        lost=random.choice((0.0, 0.05, 0.15)),
        late=random.choice((0.0, 0.0, 0.05)),
        dropped=random.choice((0.0, 0.1, 0.5)),
        link_ms=random.choice((1.0, 20.0, 200.0)),
        replica_ms=random.choice((0, 0, -300, 300)),
        kinds=kinds,
    )


def usual(options: Options) -> Options:
    """Return the same world with its faults off."""
    return msgspec.structs.replace(options, refused=0.0, lost=0.0, late=0.0, dropped=0.0)
