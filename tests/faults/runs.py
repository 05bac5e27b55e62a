"""How large a fault test is, from which seed it runs, and what it counted: a row of the table at the end.

`make test` runs the small sizes, `make faults` the full ones; `SEED` and `T` of the environment choose.
"""

import os
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")
IS_FULL = os.environ.get("OPPORTUNE_FAULTS") == "full"
SEED = int(os.environ.get("SEED") or 1)
# A seed that once failed now and then: `T12 7` a line. Both sizes run it first.
_KEPT = Path(__file__).with_name("seeds.txt")


def sized(small: T, full: T) -> T:
    """Choose by the size of this run."""
    return full if IS_FULL else small


def seeds(test: str) -> list[int]:
    """List the seeds of a test: those that are kept because they failed once, then this run's."""
    lines = _KEPT.read_text("ascii").splitlines() if _KEPT.exists() else []
    kept = [int(line.split()[1]) for line in lines if line.split()[:1] == [test]]
    return list(dict.fromkeys([*kept, SEED]))


class Outcome(msgspec.Struct):
    """What one test counted.

    `acked` were answered with success; `lost` of them are gone, `doubled` took effect twice, `early` came
    before their time. `faults` were made on purpose. `control` is what the control counted, safety off.
    """

    test: str
    seed: int = SEED
    acked: int = 0
    lost: int = 0
    doubled: int = 0
    early: int = 0
    faults: int = 0
    control: str = "-"
    seconds: float = 0.0
    notes: str = ""


COLUMNS = ("test", "seed", "acked", "lost", "doubled", "early", "faults", "control", "seconds")


def table(outcomes: list[Outcome]) -> list[str]:
    """Write the outcomes below each other, with a line of names on top."""
    rows = [COLUMNS, *(_cells(outcome) for outcome in outcomes)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    notes = ["", *(outcome.notes for outcome in outcomes)]
    return [f"{line}  {note}".rstrip() for line, note in zip(lines, notes, strict=True)]


def _cells(outcome: Outcome) -> tuple[str, ...]:
    return (
        outcome.test,
        *(str(getattr(outcome, name)) for name in COLUMNS[1:-1]),
        f"{outcome.seconds:.1f}",
    )
