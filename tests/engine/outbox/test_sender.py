"""The sender: at least once, on schedule, and no endpoint in the way of another."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.causes import VisitorErased, WebhookFails, encode_cause
from engine.errors import StoreUnavailable
from engine.outbox import sender as sending_file
from engine.outbox.delivery_log import Wanted
from engine.outbox.lane import IN_FLIGHT_MAX
from engine.outbox.planning import plan_deliveries
from engine.position_checks import POSITION_CHECK_S
from engine.stores.base import DueDeliveries, Store, StoredCause
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from engine.testing.shared_store import SharedMemory
from tests.engine.outbox.causes import AT_MS, cause
from tests.engine.outbox.hooks import SCHEDULE, SIGNING, TERMS, endpoint, sending
from tests.faults.receiver import Received, Scripted, receiving
from tests.faults.server import Single
from tests.faults.waiting import until

pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000
NEVER_MS = 1_000 * DAY_MS


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT_MS + 1_000)


@pytest.fixture(
    params=["memory:", "sqlite:///test.db", "redis:"], ids=["memory", "sqlite", "redis"]
)
async def store(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Store]:
    url = request.param
    if url == "redis:":
        server: Single = request.getfixturevalue("valkey")
        server.flush()
        url = server.url
    # On a clock that jumps over days nobody looks every five seconds.
    monkeypatch.setattr(sending_file, "next_check_s", lambda _, now_s: now_s + NEVER_MS / 1_000)
    now_ms = clock.now_ms
    opened = await open_store(
        url, clock=now_ms, redis_clock=now_ms, base_dir=tmp_path, partitions=4
    )
    yield opened
    await opened.close()


async def test_a_delivery_arrives_signed_with_its_headers(store: Store, clock: ManualClock) -> None:
    with receiving() as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url("/hook?x=1"))) as parts:
            (made,) = await parts.happen("evt_1")
            await parts.sender.send_due()
            (came,) = receiver.received
            (logged,) = await parts.logged()
    assert came.is_signed
    assert came.path == "/hook?x=1"
    assert came.body == made.body
    assert came.headers["content-type"] == "application/json"
    assert came.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert came.headers["user-agent"].startswith("opportune/")
    assert came.headers["webhook-timestamp"] == str(clock.now_ms() // 1_000)
    assert (came.id, came.attempt) == ("evt_1", 1)
    assert came.headers["x-opportune-workspace"] == "w"
    assert "cookie" not in came.headers
    assert (logged.status, logged.http_status, logged.attempt) == ("delivered", 200, 1)


async def test_a_failed_delivery_is_tried_on_the_schedule_and_then_given_up(
    store: Store, clock: ManualClock
) -> None:
    sent_ms: list[int] = []

    def refuse(_: Received) -> Scripted:
        sent_ms.append(clock.now_ms())
        return Scripted(500, {"content-type": "text/plain"}, b"out of\norder")

    with receiving(refuse) as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url())) as parts:
            await parts.happen("evt_1")
            await parts.pass_time(DAY_MS)
            (logged,) = await parts.logged()
            assert await parts.sender.send_due() in (None, NEVER_MS)
    assert [one.attempt for one in receiver.received] == [1, 2, 3, 4, 5]
    assert len({(one.id, one.body) for one in receiver.received}) == 1
    assert all(one.is_signed for one in receiver.received)
    for wanted, before, after in zip(SCHEDULE, sent_ms, sent_ms[1:], strict=False):
        assert 0.8 * wanted <= after - before <= 1.2 * wanted
    assert (logged.status, logged.error) == ("failed", "answered 500: out of order")


async def test_a_receiver_s_own_pause_is_kept(store: Store, clock: ManualClock) -> None:
    answers = [Scripted(429, {"retry-after": "42"}), Scripted()]
    with receiving(lambda _: answers.pop(0)) as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url())) as parts:
            await parts.happen("evt_1")
            assert await parts.sender.send_due() == 42_000
            clock.advance(41_999)
            await parts.sender.send_due()
            assert len(receiver.received) == 1
            clock.advance(1)
            await parts.sender.send_due()
            (logged,) = await parts.logged()
    assert (logged.status, logged.attempt) == ("delivered", 2)


async def test_gone_disables_the_endpoint_at_once_and_what_waits_is_not_sent(
    store: Store, clock: ManualClock
) -> None:
    answers = [Scripted(500), Scripted(410)]
    with receiving(lambda _: answers.pop(0)) as receiver:
        async with sending(store, clock) as parts:
            await parts.endpoints.create(endpoint("whk_1", receiver.url()))
            for name in ("evt_1", "evt_2"):
                await parts.happen(name)
                await parts.sender.send_due()
            (cause,) = parts.told
            assert isinstance(cause.body, WebhookFails)
            assert cause.body.disabled
            known = await parts.known()
            assert (known.is_enabled, known.noted.disabled_reason) == (False, "gone")
            assert await parts.happen("evt_3") == []
            await parts.pass_time(DAY_MS)
            logged = await parts.logged()
    assert len(receiver.received) == 2
    assert {(one.status, one.error) for one in logged} == {
        ("failed", "the endpoint is disabled"),
        ("failed", "answered 410"),
    }


async def test_nothing_but_failures_for_five_days_disables_the_endpoint(
    store: Store, clock: ManualClock
) -> None:
    with receiving(lambda _: Scripted(503)) as receiver:
        async with sending(store, clock) as parts:
            await parts.endpoints.create(endpoint("whk_1", receiver.url()))
            for number in range(6):
                assert (await parts.known()).is_enabled
                await parts.happen(f"evt_{number}")
                await parts.pass_time(DAY_MS)
            known = await parts.known()
            assert (known.is_enabled, known.noted.disabled_reason) == (False, "failing")
            assert [cause.body.disabled for cause in parts.told] == [False, True]  # type: ignore[union-attr]


async def test_a_success_in_between_begins_the_five_days_anew(
    store: Store, clock: ManualClock
) -> None:
    is_up = [False]
    with receiving(lambda _: Scripted(200 if is_up[0] else 503)) as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url())) as parts:
            for number in range(8):
                is_up[0] = number == 4
                await parts.happen(f"evt_{number}")
                await parts.pass_time(DAY_MS)
            known = await parts.known()
    assert known.is_enabled
    assert known.noted.failing_since_ms > AT_MS + 4 * DAY_MS


async def test_an_endpoint_that_was_enabled_again_begins_anew(
    store: Store, clock: ManualClock
) -> None:
    answers = [Scripted(410), Scripted(500), Scripted()]
    with receiving(lambda _: answers.pop(0)) as receiver:
        async with sending(store, clock) as parts:
            made = endpoint("whk_1", receiver.url())
            await parts.endpoints.create(made)
            await parts.happen("evt_1")
            await parts.sender.send_due()
            anew = lambda one: type(one)(**{**_fields(one), "since_ms": clock.now_ms()})  # noqa: E731
            await parts.endpoints.change("w", "whk_1", anew)
            assert (await parts.known()).is_enabled
            clock.advance(1_000)
            await parts.happen("evt_2")
            await parts.pass_time(60_000)
            known = await parts.known()
    assert len(receiver.received) == 3
    assert (known.is_enabled, known.noted.failing_since_ms) == (True, 0)


async def test_a_removed_endpoint_gets_nothing_more(store: Store, clock: ManualClock) -> None:
    with receiving(lambda _: Scripted(500)) as receiver:
        async with sending(store, clock) as parts:
            await parts.endpoints.create(endpoint("whk_1", receiver.url()))
            await parts.happen("evt_1")
            await parts.sender.send_due()
            assert await parts.endpoints.remove("w", "whk_1")
            await parts.pass_time(DAY_MS)
            assert await parts.sender.send_due() in (None, NEVER_MS)
    assert len(receiver.received) == 1


async def test_four_requests_to_an_endpoint_are_under_way_at_once(
    store: Store, clock: ManualClock
) -> None:
    with receiving(lambda _: Scripted(after_s=0.03)) as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url())) as parts:
            await parts.happen(*(f"evt_{number}" for number in range(40)))
            await parts.pass_time(60_000)
            counts = dict(parts.sender.sent)
            logged = await parts.logged()
    assert receiver.at_once_max == IN_FLIGHT_MAX
    assert len({one.id for one in receiver.received}) == len(receiver.received) == 40
    assert counts["put_back"] > 0
    assert {(one.status, one.attempt) for one in logged} == {("delivered", 1)}


async def test_a_slow_endpoint_does_not_hold_up_another(store: Store, clock: ManualClock) -> None:
    def answer(came: Received) -> Scripted:
        return Scripted(after_s=0.3 if came.path == "/slow" else 0.0)

    with receiving(answer) as receiver:
        slow = endpoint("whk_slow", receiver.url("/slow"))
        fast = endpoint("whk_fast", receiver.url("/fast"))
        async with sending(store, clock, slow, fast) as parts:
            await parts.happen(*(f"evt_{number}" for number in range(30)))
            parts.sender.start()
            async with asyncio.timeout(5):
                while len(receiver.of("/fast")) < 30:
                    clock.advance(20)
                    parts.sender.note(store.partition_of("w", "vis_1"))
                    await asyncio.sleep(0.005)
            assert len(receiver.of("/slow")) < 15


async def test_a_dead_endpoint_is_probed_every_five_seconds(
    store: Store, clock: ManualClock
) -> None:
    sent_ms: list[int] = []

    def refuse(_: Received) -> Scripted:
        sent_ms.append(clock.now_ms())
        return Scripted(500)

    with receiving(refuse) as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url())) as parts:
            await parts.happen(*(f"evt_{number:03}" for number in range(60)))
            await parts.pass_time(120_000)
            waiting = [one for one in await parts.logged() if one.status == "pending"]
    probes = sent_ms[10 + IN_FLIGHT_MAX :]
    gaps = [after - before for before, after in itertools.pairwise(probes)]
    assert gaps
    assert min(gaps) >= 5_000
    assert len(waiting) == 60


async def test_an_endpoint_that_is_back_gets_all_that_waited(
    store: Store, clock: ManualClock
) -> None:
    is_up = [False]
    with receiving(lambda _: Scripted(200 if is_up[0] else 500)) as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url())) as parts:
            await parts.happen(*(f"evt_{number:03}" for number in range(60)))
            await parts.pass_time(60_000)
            is_up[0] = True
            await parts.pass_time(3_600_000)
            assert {one.status for one in await parts.logged()} == {"delivered"}


async def test_a_redirect_is_a_failure_and_is_not_followed(
    store: Store, clock: ManualClock
) -> None:
    with receiving() as other:
        location = {"location": other.url("/elsewhere")}
        with receiving(lambda _: Scripted(302, location, b"secret")) as receiver:
            async with sending(store, clock, endpoint("whk_1", receiver.url())) as parts:
                await parts.happen("evt_1")
                await parts.sender.send_due()
                (logged,) = await parts.logged()
        assert other.received == []
    assert (logged.status, logged.http_status) == ("pending", 302)
    assert logged.error == "answered 302: redirects are not followed"


async def test_a_receiver_that_hangs_fails_in_time(store: Store, clock: ManualClock) -> None:
    terms = type(TERMS)(timeout_ms=100, schedule=SCHEDULE, disable_after_ms=DAY_MS)
    with receiving(lambda _: Scripted(after_s=1.0)) as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url()), terms=terms) as parts:
            await parts.happen("evt_1")
            await parts.sender.send_due()
            (logged,) = await parts.logged()
    assert (logged.status, logged.http_status) == ("pending", 0)
    assert logged.error == "no answer within 0.1 s"


async def test_a_stop_gives_back_what_is_under_way(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_file, "STOP_S", 0.05)
    with receiving(lambda _: Scripted(after_s=0.5)) as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url())) as parts:
            await parts.happen("evt_1")
            parts.sender.start()
            await receiver.wait_for(1)
            await parts.sender.stop()
            assert parts.sender.in_hand == 0
            due = await store.claim_deliveries(store.partition_of("w", "vis_1"))
    assert [one.attempt for one in due.deliveries] == [0]


async def test_a_claim_that_was_lost_is_sent_again_with_the_same_id_and_bytes(
    store: Store, clock: ManualClock
) -> None:
    with receiving() as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url())) as parts:
            (made,) = await parts.happen("evt_1")
            await store.claim_deliveries(store.partition_of("w", "vis_1"), lease_ms=30_000)
            await parts.sender.send_due()
            assert receiver.received == []
            await parts.pass_time(30_000)
            (came,) = receiver.received
    assert (came.id, came.body) == (made.event_id, made.body)


async def test_more_deliveries_than_are_in_hand_at_once_are_all_sent(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_file, "IN_HAND_MAX", 5)
    with receiving() as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url())) as parts:
            await parts.happen(*(f"evt_{number}" for number in range(23)))
            most = 0
            parts.sender.start()
            async with asyncio.timeout(5):
                while len(receiver.received) < 23:
                    most = max(most, parts.sender.in_hand)
                    await asyncio.sleep(0.001)
    assert most <= 5
    assert len({one.id for one in receiver.received}) == 23


async def test_what_waits_again_is_sent_when_it_is_due_though_nothing_else_happens(
    store: Store, clock: ManualClock
) -> None:
    terms = type(TERMS)(timeout_ms=2_000, schedule=(50,), disable_after_ms=DAY_MS)
    with receiving(lambda came: Scripted(500 if came.attempt == 1 else 200)) as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url()), terms=terms) as parts:
            await parts.happen("evt_1")
            parts.sender.start()
            await receiver.wait_for(1)
            await until(lambda: parts.sender.in_hand == 0, 5.0)
            clock.advance(100)
            await receiver.wait_for(2)
    assert [one.attempt for one in receiver.received] == [1, 2]


async def test_idle_endpoints_are_forgotten(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_file, "WAYS_MAX", 2)
    with receiving() as receiver:
        hooks = [endpoint(f"whk_{number}", receiver.url()) for number in range(5)]
        async with sending(store, clock, *hooks) as parts:
            await parts.happen("evt_1")
            await parts.sender.send_due()
            await parts.happen("evt_2")
            await parts.sender.send_due()
            assert len(parts.sender._ways) <= 5
            assert len(receiver.received) == 10
            for name in "abcdef":
                parts.sender._way(name)
            assert len(parts.sender._ways) <= 5


async def test_an_erased_visitor_s_deliveries_are_forgotten(
    store: Store, clock: ManualClock
) -> None:
    with receiving() as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url())) as parts:
            await parts.happen("evt_1")
            await store.erase("w", "vis_1")
            await parts.sender.send_due()
            assert receiver.received == []
            assert list(await parts.logged()) == []


async def test_of_an_erasure_nothing_stays_once_it_was_told(
    store: Store, clock: ManualClock
) -> None:
    with receiving() as receiver:
        async with sending(store, clock, endpoint("whk_1", receiver.url())) as parts:
            known, erased = await parts.known(), cause("evt_1", VisitorErased(), "")
            # Of the visitor nothing is kept any more: the cause is the workspace's own.
            kept = StoredCause("evt_1", "w", "", encode_cause(erased))
            await store.put_doc("w", "erasure", "era_1", b"begun", 0, causes=(kept,))
            made = plan_deliveries(erased, [known], SIGNING)
            await store.settle_causes(store.partition_of("w"), ["evt_1"], made)
            await parts.sender.send_due()
            assert [one.json["event"] for one in receiver.received] == ["visitor.erased"]
            (told,) = await parts.logged()
            assert (told.status, told.body) == ("delivered", b"")
            assert await parts.log.again(known, told.id) is None
            assert await parts.log.all_again(known, Wanted(0, NEVER_MS), 10) == 0


async def test_a_worker_sends_what_lies_in_its_partitions_and_another_what_a_dead_one_left(
    clock: ManualClock,
) -> None:
    shared = SharedMemory(clock.now_ms, partitions=4)
    one, two = shared.view(), shared.view()
    place = one.partition_of("w", "vis_1")
    with receiving() as receiver:
        hook = endpoint("whk_1", receiver.url())
        async with sending(one, clock, hook) as mine, sending(two, clock, hook) as theirs:
            mine.sender.owned = lambda: frozenset(range(4)) - {place}
            theirs.sender.owned = lambda: frozenset({place})
            (made,) = await mine.happen("evt_1")
            pause_ms = await mine.sender.send_due()
            assert pause_ms is not None
            assert 0 < pause_ms <= POSITION_CHECK_S * 1_000
            assert receiver.received == []
            # Its owner claims it and dies before it sends: the claim ends, and the next owner sends.
            await two.claim_deliveries(place, lease_ms=sending_file.LEASE_MS)
            mine.sender.owned = lambda: frozenset(range(4))
            await mine.pass_time(sending_file.LEASE_MS)
            (came,) = receiver.received
            assert (came.id, came.body) == (made.event_id, made.body)
            assert [row.status for row in await theirs.logged()] == ["delivered"]
    await one.close()
    await two.close()


async def test_partitions_that_do_not_answer_do_not_stop_the_others(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = SharedMemory(clock.now_ms, partitions=4).view()
    place, claim = view.partition_of("w", "vis_1"), view.claim_deliveries

    async def answer_for_one(partition: int, **given: int) -> DueDeliveries:
        if partition != place:
            raise StoreUnavailable("none", 1)
        return await claim(partition, **given)

    monkeypatch.setattr(view, "claim_deliveries", answer_for_one)
    with receiving() as receiver:
        async with sending(view, clock, endpoint("whk_1", receiver.url())) as parts:
            await parts.happen("evt_1")
            with pytest.raises(StoreUnavailable):
                await parts.sender.send_due()
            await asyncio.gather(*parts.sender._in_hand.values())
            assert [came.id for came in receiver.received] == ["evt_1"]
    await view.close()


def _fields(one: object) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}  # type: ignore[attr-defined]
