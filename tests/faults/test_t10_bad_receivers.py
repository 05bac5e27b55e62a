"""T10: receivers that fail in every way get their deliveries on schedule, and the healthy ones notice nothing."""

import itertools
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from hashlib import blake2b
from time import monotonic

import pytest

from engine.clock import SystemClock
from engine.outbox import lane as lane_file
from engine.outbox import sender as sending_file
from engine.outbox.attempts import SendingTerms
from engine.outbox.posting import Poster, Resolver
from engine.stores.base import Delivery, Store
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from tests.engine.outbox.causes import AT_MS
from tests.engine.outbox.hooks import Sending, endpoint, sending
from tests.faults.receiver import Received, Receiver, Scripted, receiving
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(120, 400))]

HOUR_MS = 3_600_000
SCHEDULE = (5_000, 300_000, 1_800_000, *(hours * HOUR_MS for hours in (2, 5, 10, 14, 20, 24)))
ATTEMPTS = len(SCHEDULE) + 1
# So long a good answer never takes, on a busy machine either.
TIMEOUT_MS = sized(400, 600)
HANGS_S = TIMEOUT_MS / 1_000 + 0.15
TERMS = SendingTerms(timeout_ms=TIMEOUT_MS, schedule=SCHEDULE, disable_after_ms=120 * HOUR_MS)
HEALTHY = 10
# 20 % is wanted of a machine of one's own, of which a few milliseconds are more.
GROWN_MAX = 1.2
SLACK_S = 0.3
LATE_MS = 15_000
"""How much later than its delay a retry may come: its turn at a busy endpoint, and the pause of a breaker."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT_MS)


@pytest.fixture
async def store(clock: ManualClock) -> AsyncIterator[Store]:
    opened = await open_store("memory:", clock=clock.now_ms)
    yield opened
    await opened.close()


def chance(came: Received) -> float:
    """Draw a number in [0, 1) for one attempt, the same in every run of a seed."""
    digest = blake2b(f"{SEED}|{came.id}|{came.attempt}".encode(), digest_size=8).digest()
    return random.Random(digest).random()


class Town:
    """A receiver with a street for each kind of trouble; it notes on the manual clock when each attempt came."""

    def __init__(self, clock: ManualClock, elsewhere: Receiver) -> None:
        self.clock = clock
        self.elsewhere = elsewhere
        self.came: dict[tuple[str, str], list[tuple[int, Scripted]]] = defaultdict(list)

    def answer(self, came: Received) -> Scripted:
        scripted = self._answer(came)
        self.came[came.path, came.id].append((self.clock.now_ms(), scripted))
        return scripted

    def _answer(self, came: Received) -> Scripted:
        match came.path:
            case "/gone":
                return Scripted(410)
            case "/dead":
                return Scripted(503)
            case "/flaky":
                # Who refused ten times would be given up: the tenth is taken.
                return self._flaky(chance(came)) if came.attempt < ATTEMPTS else Scripted()
            case _:
                return Scripted()

    def _flaky(self, drawn: float) -> Scripted:
        if drawn < 0.30:
            return Scripted(500)
        if drawn < 0.40:
            return Scripted(after_s=HANGS_S)
        if drawn < 0.45:
            return Scripted(429, {"retry-after": "3"})
        if drawn < 0.50:
            return Scripted(302, {"location": self.elsewhere.url()})
        return Scripted()

    def of(self, street: str) -> list[list[tuple[int, Scripted]]]:
        return [came for (path, _), came in self.came.items() if path == f"/{street}"]


def check_delays(attempts: list[tuple[int, Scripted]]) -> None:
    assert len(attempts) <= ATTEMPTS
    for place, ((before_ms, answer), (at_ms, _)) in enumerate(itertools.pairwise(attempts)):
        wanted_ms = SCHEDULE[place]
        low, high = (0.8 * wanted_ms, 1.2 * wanted_ms)
        if "retry-after" in answer.headers:
            low = high = 3_000
        assert low <= at_ms - before_ms <= high + LATE_MS, (place, at_ms - before_ms)


async def test_bad_receivers_get_all_on_schedule(
    store: Store, clock: ManualClock, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half of what the flaky street answers is a failure: ten in a row are chance there, and no death.
    monkeypatch.setattr(lane_file, "FAILURES_MAX", 50)
    count = sized(100, 1_000)
    with receiving() as elsewhere:
        town = Town(clock, elsewhere)
        with receiving(town.answer) as receiver:
            async with sending(store, clock, terms=TERMS) as parts:
                for street in ("good", "flaky", "gone", "dead"):
                    await parts.endpoints.create(endpoint(street, receiver.url(f"/{street}")))
                await happen(parts, count)
                await parts.pass_time(5 * 24 * HOUR_MS)
                logs = {street: await logged(store, street) for street in ("good", "flaky")}
                spread = {street: town.of(street) for street in ("good", "flaky", "gone")}
                await parts.happen("evt_after_five_days")
                await parts.pass_time(60_000)
                gone, dead = await parts.known("gone"), await parts.known("dead")
        assert elsewhere.received == []
        assert all(one.is_signed for one in receiver.received)
    for street, log in logs.items():
        assert {one.status for one in log} == {"delivered"}, street
        assert len(log) == min(count, 1_000)
    for attempts in (*spread["flaky"], *spread["good"]):
        check_delays(attempts)
    assert all(len(attempts) <= ATTEMPTS for attempts in town.of("dead"))
    assert {len(attempts) for attempts in spread["good"]} == {1}
    assert (gone.is_enabled, gone.noted.disabled_reason) == (False, "gone")
    assert len(spread["gone"]) <= lane_file.IN_FLIGHT_MAX
    assert (dead.is_enabled, dead.noted.disabled_reason) == (False, "failing")
    outcome.acked = len(receiver.received)
    outcome.faults = sum(answer.status != 200 for came in town.came.values() for _, answer in came)


async def logged(store: Store, street: str) -> list[Delivery]:
    """Read the whole log of an endpoint."""
    found: list[Delivery] = []
    while page := await store.deliveries("w", street, before=found[-1].id if found else None):
        found += page
    return found


async def happen(parts: Sending, count: int) -> None:
    """Let causes happen in groups, a minute apart."""
    for start in range(0, count, 20):
        await parts.happen(*(f"evt_{number:05}" for number in range(start, min(start + 20, count))))
        await parts.pass_time(60_000)


async def seconds_of_the_healthy(*, beside: bool = True) -> float:
    """Let one endpoint hang beside another one that has to hear; returns how long that took in truth."""
    clock = SystemClock()

    def answer(came: Received) -> Scripted:
        return Scripted(after_s=2.0 if came.path == "/hangs" else 0.0)

    store = await open_store("memory:", clock=clock.now_ms)
    resolver = Resolver()
    poster = Poster(allow_private=True, resolve=resolver)
    with receiving(answer) as receiver:
        terms = SendingTerms(timeout_ms=1_600, schedule=SCHEDULE, disable_after_ms=HOUR_MS)
        async with sending(store, clock, terms=terms, poster=poster) as parts:  # type: ignore[arg-type]  # it only tells the time
            await parts.endpoints.create(endpoint("hangs", receiver.url("/hangs")))
            if beside:
                await parts.happen(*(f"evt_a{number:02}" for number in range(30)))
            await parts.endpoints.remove("w", "hangs")
            await parts.endpoints.create(endpoint("good", receiver.url("/good")))
            await parts.happen(*(f"evt_b{number:02}" for number in range(HEALTHY)))
            await parts.endpoints.create(endpoint("hangs", receiver.url("/hangs")))
            began = monotonic()
            parts.sender.start()
            await until(lambda: len(receiver.of("/good")) >= HEALTHY, 20)
            seconds = monotonic() - began
    resolver.close()
    await store.close()
    return seconds


async def test_an_endpoint_that_hangs_does_not_slow_down_the_others(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_file, "IN_HAND_MAX", 16)
    monkeypatch.setattr(sending_file, "STOP_S", 0.0)
    alone_s = await seconds_of_the_healthy(beside=False)
    guarded_s = await seconds_of_the_healthy()
    for file in (lane_file, sending_file):
        monkeypatch.setattr(file, "IN_FLIGHT_MAX", 1_000)
    control_s = await seconds_of_the_healthy()
    outcome.notes = f"the healthy wait {guarded_s:.2f} s, and {alone_s:.2f} s with nobody beside"
    outcome.control = f"{control_s:.2f} s"
    assert control_s > 2 * guarded_s
    assert guarded_s <= GROWN_MAX * alone_s + SLACK_S
