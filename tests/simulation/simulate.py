"""One run of a world from its seed, and what became of it."""

import logging
from collections.abc import Sequence

import msgspec

from tests.simulation.breaches import Broken
from tests.simulation.mutants import Weakness, applied
from tests.simulation.options import Options, drawn
from tests.simulation.steps import Step, planned
from tests.simulation.world import World

_LOG = logging.getLogger("opportune")


class Report(msgspec.Struct, frozen=True):
    """What became of a run; `broken` is "" when everything held."""

    seed: int
    options: Options
    trace: str
    broken: str = ""
    at_step: int = -1
    entries: int = 0
    answers: int = 0
    fail_overs: int = 0
    crashes: int = 0
    turns: int = 0


class _Errors(logging.Handler):
    """Takes what the engine logs as an error: its own bugs, which it survives."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._world.fail(Broken("engine", f"{record.getMessage()}: {error!r}"))


def simulate(
    seed: int,
    count: int,
    *,
    weak: Weakness = Weakness(),  # noqa: B008  # frozen
    steps: Sequence[Step] | None = None,
) -> Report:
    """Run the world of a seed for `count` steps, or with `steps` alone."""
    options = drawn(seed)
    world = World(seed, options, weak)
    handler = _Errors(world)
    _LOG.addHandler(handler)
    broken: Exception | None = None
    try:
        with applied(weak, seed):
            wanted = planned(seed, count, options) if steps is None else steps
            try:
                world.loop.run_until_complete(world.run(wanted))
            except Exception as error:  # noqa: BLE001  # whatever it was, it is what is reported
                broken = error
            world.loop.run_until_complete(world.clean_up())
    finally:
        _LOG.removeHandler(handler)
        world.loop.close()
    return _report(world, broken)


def _report(world: World, broken: Exception | None) -> Report:
    return Report(
        seed=world.seed,
        options=world.options,
        trace=world.trace_hash,
        broken="" if broken is None else f"{type(broken).__name__} {broken}",
        at_step=world.step,
        entries=world.retelling.entries,
        answers=world.ledger.answers,
        fail_overs=world.server.fail_overs,
        crashes=world.crashes,
        turns=world.loop.turns,
    )
