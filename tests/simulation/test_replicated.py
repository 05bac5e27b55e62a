"""The simulated store: what is acknowledged survives a fail-over, and what is lost was never acknowledged."""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from engine.errors import StoreUnavailable
from engine.stores.base import StoredCause
from engine.testing.shared_store import SharedView
from tests.simulation.loop import VirtualLoop
from tests.simulation.mutants import Weakness
from tests.simulation.options import Options
from tests.simulation.replicated import Replicated

LINK_MS = 100.0


class Asked:
    """An operation under way: its answer, or what went wrong."""

    def __init__(self) -> None:
        self.answer: Any = None
        self.error: BaseException | None = None
        self.is_done = False

    def __call__(self, answer: object, error: BaseException | None) -> None:
        self.answer, self.error, self.is_done = answer, error, True


class Deployment:
    """A replicated store on a loop of its own."""

    def __init__(self, weak: Weakness) -> None:
        self.loop = VirtualLoop()
        options = Options(partitions=1, link_ms=LINK_MS)
        self.server = Replicated(self.loop, options, weak, lambda _: None)
        self.server.chance = Random(1)
        self.view: SharedView = self.loop.run_until_complete(self._open())

    async def _open(self) -> SharedView:
        return self.server.view()

    def keep(self, name: str) -> Asked:
        """Keep a cause; the answer comes later."""
        asked = Asked()
        cause = StoredCause(name, "w", "vis_1", b"")
        call: tuple[str, tuple[Any, ...], dict[str, Any]] = ("keep_causes", ((cause,),), {})
        self.loop.call_soon(self.server.run, self.view, call, asked)
        self.pass_time(0)
        return asked

    def pass_time(self, ms: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(ms / 1_000))

    def kept(self) -> list[str]:
        return list(self.server.primary.state.tables.causes[0])


@pytest.fixture
def store() -> Iterator[Deployment]:
    made = Deployment(Weakness())
    yield made
    made.loop.close()


def test_a_change_is_answered_when_the_replica_has_it(store: Deployment) -> None:
    asked = store.keep("c1")
    assert not asked.is_done
    assert "c1" not in store.server.caught_up().causes
    store.pass_time(LINK_MS)
    assert asked.is_done
    assert asked.error is None
    assert "c1" in store.server.caught_up().causes


def test_a_fail_over_loses_what_was_not_answered_and_says_so(store: Deployment) -> None:
    first = store.keep("c1")
    store.pass_time(LINK_MS)
    second = store.keep("c2")
    store.server.fail_over(0)
    assert store.kept() == ["c1"]
    store.pass_time(LINK_MS)
    assert first.error is None
    assert isinstance(second.error, StoreUnavailable)
    assert second.error.outcome == "unknown"


def test_nothing_is_answered_while_the_link_is_cut(store: Deployment) -> None:
    store.server.cut()
    asked = store.keep("c1")
    store.pass_time(10 * LINK_MS)
    assert not asked.is_done
    store.server.mend()
    store.pass_time(LINK_MS)
    assert asked.is_done
    assert asked.error is None


def test_a_store_that_does_not_wait_answers_what_a_fail_over_loses() -> None:
    hasty = Deployment(Weakness(ack_before_wait=True))
    assert hasty.keep("c1").is_done
    hasty.server.fail_over(0)
    assert hasty.kept() == []
    hasty.loop.close()


def test_what_follows_a_fail_over_reaches_the_next_replica(store: Deployment) -> None:
    store.keep("c1")
    store.pass_time(LINK_MS)
    store.server.fail_over(0)
    store.keep("c2")
    store.pass_time(LINK_MS)
    store.server.fail_over(0)
    assert store.kept() == ["c1", "c2"]
