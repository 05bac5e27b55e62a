"""The wheel: wake-ups come out once, in order, never early, whatever was moved meanwhile."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.wakeups import Wheel

SLOTS = st.integers(0, 9)
DELAYS = st.one_of(st.integers(0, 40), st.integers(0, 5_000), st.integers(0, 3_000_000))


def test_a_wakeup_is_not_released_before_its_millisecond() -> None:
    wheel = Wheel()
    wheel.arm(0, 1_003)
    assert wheel.pop_due(1_002, 10) == []
    assert wheel.pop_due(1_003, 10) == [(1_003, 0)]
    assert wheel.pop_due(9_999, 10) == []


def test_a_moved_wakeup_comes_once_at_its_last_instant() -> None:
    wheel = Wheel()
    for due_ms in (50_000, 50_004, 20_000, 50_004, 70_000, 50_004):
        wheel.arm(3, due_ms)
    assert len(wheel) == 1
    assert wheel.pop_due(50_003, 10) == []
    assert wheel.pop_due(80_000, 10) == [(50_004, 3)]
    assert len(wheel) == 0


def test_a_dropped_wakeup_never_comes() -> None:
    wheel = Wheel()
    wheel.arm(1, 500)
    wheel.disarm(1)
    wheel.disarm(7)
    assert wheel.next_due() is None
    assert wheel.pop_due(10_000, 10) == []


def test_the_limit_leaves_the_later_ones() -> None:
    wheel = Wheel()
    for slot in range(10):
        wheel.arm(slot, 1_000 - slot)
    assert wheel.pop_due(2_000, 4) == [(991, 9), (992, 8), (993, 7), (994, 6)]
    assert len(wheel.pop_due(2_000, 100)) == 6


def test_the_next_instant_is_exact_once_its_second_has_begun() -> None:
    wheel = Wheel()
    wheel.arm(0, 1_000_700)
    bound = wheel.next_due()
    assert bound is not None
    assert 1_000_700 - 1_024 < bound <= 1_000_700
    assert wheel.pop_due(bound, 10) == []
    assert wheel.next_due() == 1_000_700


class WheelAgainstADict(RuleBasedStateMachine):
    """Any order of arming, dropping and popping does what a dict of due times does."""

    def __init__(self) -> None:
        super().__init__()
        self.wheel = Wheel()
        self.model: dict[int, int] = {}
        self.now_ms = 1_700_000_000_000

    @rule(slot=SLOTS, delay_ms=DELAYS)
    def arm(self, slot: int, delay_ms: int) -> None:
        self.wheel.arm(slot, self.now_ms + delay_ms)
        self.model[slot] = self.now_ms + delay_ms

    @rule(slot=SLOTS, late_ms=st.integers(0, 3_000))
    def arm_in_the_past(self, slot: int, late_ms: int) -> None:
        self.wheel.arm(slot, self.now_ms - late_ms)
        self.model[slot] = self.now_ms - late_ms

    @rule(slot=SLOTS)
    def disarm(self, slot: int) -> None:
        self.wheel.disarm(slot)
        self.model.pop(slot, None)

    @rule(later_ms=DELAYS, limit=st.integers(1, 4))
    def pop(self, later_ms: int, limit: int) -> None:
        self.now_ms += later_ms
        ready = sorted((due_ms, slot) for slot, due_ms in self.model.items())
        ready = [pair for pair in ready if pair[0] <= self.now_ms]
        taken = self.wheel.pop_due(self.now_ms, limit)
        assert [due_ms for due_ms, _ in taken] == [due_ms for due_ms, _ in ready[:limit]]
        for due_ms, slot in taken:
            assert self.model.pop(slot) == due_ms

    @invariant()
    def agrees(self) -> None:
        assert len(self.wheel) == len(self.model)
        for slot, due_ms in self.model.items():
            assert self.wheel.due(slot) == due_ms
        bound = self.wheel.next_due()
        if not self.model:
            assert bound is None
        else:
            assert bound is not None
            earliest = min(self.model.values())
            assert earliest - 1_024 < bound <= earliest


TestWheelAgainstADict = WheelAgainstADict.TestCase
TestWheelAgainstADict.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
