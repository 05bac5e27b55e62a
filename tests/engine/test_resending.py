"""Level D3 of the engine: what was accepted and then lost with a server is taken again, at its instant, once."""

import copy
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from engine import resending as module
from engine.conversations.orders import Post
from engine.errors import StoreUnavailable
from engine.events import Event
from engine.ids import Ids
from engine.limits import ACCEPTED_AGE_MS_MAX, ACCEPTED_KEPT_MS
from engine.repeats import prepare_again
from engine.resending import Resending
from engine.runtime import Runtime
from engine.runtime_types import ClientContext, Draft, Offered, Opening
from engine.stores.accepted_log import AcceptedLog
from engine.stores.base import SessionRef
from engine.stores.codec import decode_entry
from engine.stores.memory.state import MemoryState
from engine.testing.manual_clock import ManualClock
from engine.testing.shared_store import SharedMemory, SharedView
from engine.workspace import Workspaces
from tests.engine.world import HELP, SECRET, START_MS, World, program_of

pytestmark = pytest.mark.anyio

PARTITIONS = 4
PHONE = ClientContext(user_agent="An iPhone", timezone="Europe/Vienna")


class Replicated(SharedView):
    """A store with a copy that stands still: it takes over as it was."""

    def __init__(self, shared: SharedMemory) -> None:
        super().__init__(shared)
        self.lineage = "first"
        self.is_away = False

    async def lineages(self) -> tuple[str, ...]:
        if self.is_away:
            raise StoreUnavailable("none", 1_000)
        return (self.lineage,) * PARTITIONS

    def copied(self, clock: ManualClock) -> MemoryState:
        """Copy all that is kept."""
        return copy.deepcopy(self._state, {id(clock): clock})

    def fail_over(self, to: MemoryState) -> None:
        """Let a copy take over."""
        self.lineage += "+"
        self._state, self._tables = to, to.tables


class Shop(World):
    """A world at level D3."""

    def __init__(self, shared: SharedMemory, clock: ManualClock, folder: Path) -> None:
        program, workspaces = program_of(HELP), Workspaces()
        workspaces.add_site("w", "site", "main")
        workspaces.swap("w", "main", program)
        self.replicated = Replicated(shared)
        runtime = Runtime(
            store=self.replicated,
            clock=clock,
            ids=Ids(clock),
            secret=SECRET,
            workspaces=workspaces,
        )
        self.log = AcceptedLog.open(folder, "a deployment", clock.now_ms)
        runtime.keep_accepted(self.log)
        runtime.ownership.mine = frozenset(range(PARTITIONS))
        super().__init__(runtime, self.replicated, clock, program)

    @property
    def resending(self) -> Resending:
        assert self.runtime._resending is not None
        return self.runtime._resending

    def copied(self) -> MemoryState:
        return self.replicated.copied(self.clock)

    async def fail_over(self, to: MemoryState) -> None:
        """Let a copy take over, and look as often as the runtime would."""
        self.replicated.fail_over(to)
        for _ in range(6):
            await self.resending.look()

    async def events(self, ref: SessionRef) -> list[tuple[str, int]]:
        """Return what browsers and servers sent, as the journal has it: name and instant."""
        entries = [decode_entry(entry.body).given for entry in await self.store.journal(ref)]
        given = [event for one in entries for event in getattr(one, "events", ())]
        return [(event.name, event.at_ms) for event in given if event.origin != "engine"]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    clock = ManualClock(START_MS)
    made = Shop(SharedMemory(clock.now_ms, partitions=PARTITIONS), clock, tmp_path)
    await made.resending.look()
    yield made
    await made.log.close()


async def test_events_that_a_stale_copy_lacks_are_taken_again_once_and_at_their_instants(
    shop: Shop,
) -> None:
    ref = await shop.session()
    await shop.view(ref, "/")
    stale = shop.copied()
    for seconds in (5, 20):
        shop.clock.advance(seconds * 1_000)
        await shop.track(ref, "scroll", properties={"depth": seconds})
    before = await shop.events(ref)
    session = (await shop.runtime.read(ref) or (None,))[0]
    shop.clock.advance(10_000)
    await shop.fail_over(stale)
    assert await shop.events(ref) == before
    assert shop.resending.sent_again == 2
    again = (await shop.runtime.read(ref) or (None,))[0]
    assert session is not None
    assert again is not None
    assert (again.state, again.late_events) == (session.state, 0)


async def test_what_survived_is_left_alone(shop: Shop) -> None:
    ref = await shop.session()
    await shop.view(ref, "/")
    await shop.view(ref, "/pricing")
    before = await shop.store.journal(ref)
    await shop.fail_over(shop.copied())
    assert await shop.store.journal(ref) == before
    assert shop.resending.sent_again == 0


async def test_events_without_an_id_are_taken_again_once(shop: Shop) -> None:
    ref = await shop.session()
    await shop.view(ref, "/")
    stale = shop.copied()
    await shop.track(ref, "added_to_cart", id="")
    await shop.track(ref, "added_to_cart", id="an id of others")
    await shop.fail_over(stale)
    assert [name for name, _ in await shop.events(ref)] == ["view", *["added_to_cart"] * 2]


async def test_a_sending_that_was_broken_off_and_begun_anew_doubles_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = [await shop.session(f"browser-{number}") for number in range(3)]
    for ref in refs:
        await shop.view(ref, "/")
    stale = shop.copied()
    for ref in refs:
        await shop.track(ref, "added_to_cart", id="")
        await shop.runtime.post(ref, Post(f"msg_{ref.session}", "agent", "Hello?"))
    act, calls = shop.resending._act, 0

    async def lost_now_and_then(*given: object) -> object:
        nonlocal calls
        calls += 1
        is_lost = calls in (1, 2, 3, 5, 8, 9)
        done = await act(*given)  # type: ignore[arg-type]  # as they came
        if is_lost:
            raise StoreUnavailable("unknown", 1_000)
        return done

    monkeypatch.setattr(shop.resending, "_act", lost_now_and_then)
    shop.replicated.fail_over(stale)
    for ref in refs:
        # What came since has the numbers that the lost entries had.
        shop.runtime._stepper.drop(ref)
        await shop.track(ref, "scroll")
    for _ in range(12):
        with suppress(StoreUnavailable):
            await shop.resending.look()
    assert not shop.resending._lost
    assert calls >= 12
    for ref in refs:
        names = [name for name, _ in await shop.events(ref)]
        assert sorted(names) == ["added_to_cart", "scroll", "view"]
        assert len((await shop.runtime.pull(ref, None, 0)).messages) == 1


async def test_what_a_client_sent_again_itself_is_not_taken_twice(shop: Shop) -> None:
    ref = await shop.session()
    await shop.view(ref, "/")
    stale = shop.copied()
    event = Event("an id of others", "added_to_cart", shop.clock.now_ms())
    await shop.runtime.track(ref, "site", [event], ClientContext())
    shop.replicated.fail_over(stale)
    shop.runtime._stepper.drop(ref)
    await shop.runtime.track(ref, "site", [event], ClientContext())
    for _ in range(6):
        await shop.resending.look()
    assert [name for name, _ in await shop.events(ref)] == ["view", "added_to_cart"]


async def test_a_session_that_is_wholly_lost_begins_as_it_did(shop: Shop) -> None:
    stale = shop.copied()
    ref = await shop.session()
    await shop.runtime.track(ref, "site", [shop.event("view", url="https://shop.test/")], PHONE)
    await shop.view(ref, "/pricing")
    before = await shop.store.journal(ref)
    shop.clock.advance(20_000)
    await shop.fail_over(stale)
    after = await shop.store.journal(ref)
    assert [entry.body for entry in after] == [entry.body for entry in before]
    assert await shop.store.find_alias("w", "browser-1") == ref


async def test_words_and_orders_are_carried_out_again_once(shop: Shop) -> None:
    view = await shop.runtime.open(Opening("w", "site", visitor="ann"))
    stale = shop.copied()
    said = await shop.runtime.say(view.ref, "Is anybody there?")
    posted = await shop.runtime.post(view.ref, Post("msg_1", "agent", "Yes!"))
    await shop.runtime.close_session(view.ref, "agent")
    assert said is not None
    assert posted is not None
    await shop.fail_over(stale)
    pulled = await shop.runtime.pull(view.ref, None, 0)
    texts = [message.text for message in pulled.messages]
    assert (texts.count("Is anybody there?"), texts.count("Yes!")) == (1, 1)
    assert {said.id, posted.id} <= {message.id for message in pulled.messages}
    shown = await shop.runtime.view(view.ref)
    assert shown is not None
    assert shown.status == "closed"


async def test_an_offered_message_is_offered_again_with_its_id(shop: Shop) -> None:
    ref = await shop.session()
    await shop.view(ref, "/")
    shop.clock.advance(15_000)
    await shop.view(ref, "/")
    stale = shop.copied()
    offered = await shop.runtime.offer(ref, Draft("Ten percent off"), "call 1")
    assert isinstance(offered, Offered)
    await shop.fail_over(stale)
    await shop.wait(15_000)
    pulled = await shop.runtime.pull(ref, None, 0)
    assert [message.id for message in pulled.messages] == [offered.message.id]


async def test_a_message_that_was_shown_has_the_same_id_and_what_followed_belongs_to_it(
    shop: Shop,
) -> None:
    ref = await shop.session()
    await shop.view(ref, "/pricing")
    stale = shop.copied()
    await shop.wait(45_000)
    (shown,) = (await shop.runtime.pull(ref, None, 0)).messages
    shop.clock.advance(200)
    await shop.track(ref, "message_displayed", properties={"message_id": shown.id})
    shop.clock.advance(5_000)
    await shop.fail_over(stale)
    pulled = await shop.runtime.pull(ref, None, 0)
    assert [message.id for message in pulled.messages] == [shown.id]
    assert pulled.messages[0].displayed_ms == START_MS + 45_200
    await shop.wait(120_000)
    assert len((await shop.runtime.pull(ref, None, 0)).messages) == 1


async def test_nothing_of_an_erased_visitor_is_sent_again(shop: Shop) -> None:
    ref = await shop.session()
    stale = shop.copied()
    await shop.view(ref, "/")
    await shop.store.erase("w", ref.visitor)
    shop.runtime.forget(ref)
    assert await shop.log.read(0) == []
    await shop.fail_over(stale)
    assert await shop.store.journal(ref) == []


async def test_what_was_lost_while_no_worker_ran_is_sent_again_by_the_next(tmp_path: Path) -> None:
    clock = ManualClock(START_MS)
    shared = SharedMemory(clock.now_ms, partitions=PARTITIONS)
    first = Shop(shared, clock, tmp_path)
    await first.resending.look()
    ref = await first.session()
    await first.view(ref, "/")
    stale = first.copied()
    await first.view(ref, "/pricing")
    before = await first.events(ref)
    await first.log.close()
    clock.advance(60_000)
    second = Shop(shared, clock, tmp_path)
    second.replicated.fail_over(stale)
    await second.resending.start()
    await second.resending.stop()
    await second.resending.look()
    assert await second.events(ref) == before
    await second.log.close()


async def test_what_is_half_a_day_old_is_not_sent_again(tmp_path: Path) -> None:
    clock = ManualClock(START_MS)
    shared = SharedMemory(clock.now_ms, partitions=PARTITIONS)
    first = Shop(shared, clock, tmp_path)
    ref = await first.session()
    await first.view(ref, "/")
    await first.log.close()
    clock.advance(ACCEPTED_AGE_MS_MAX + 1)
    second = Shop(shared, clock, tmp_path)
    await second.resending.start()
    await second.resending.stop()
    assert await second.log.read(0) == []
    await second.log.close()


async def test_what_is_older_than_a_minute_is_pruned(shop: Shop) -> None:
    ref = await shop.session()
    await shop.view(ref, "/")
    shop.clock.advance(ACCEPTED_KEPT_MS)
    await shop.view(ref, "/pricing")
    kept = len(await shop.log.read(0))
    shop.clock.advance(1)
    for _ in range(20):
        await shop.resending.look()
    assert len(await shop.log.read(0)) == 1 < kept


async def test_nothing_is_pruned_while_the_store_does_not_answer(shop: Shop) -> None:
    ref = await shop.session()
    await shop.view(ref, "/")
    stale = shop.copied()
    await shop.view(ref, "/pricing")
    before = await shop.events(ref)
    shop.replicated.is_away = True
    shop.clock.advance(10 * ACCEPTED_KEPT_MS)
    for _ in range(20):
        with pytest.raises(StoreUnavailable):
            await shop.resending.look()
    shop.replicated.is_away = False
    await shop.fail_over(stale)
    assert await shop.events(ref) == before


async def test_while_the_store_does_not_answer_what_is_old_leaves_when_room_is_short(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = await shop.session()
    await shop.view(ref, "/")
    shop.clock.advance(ACCEPTED_KEPT_MS + 1)
    await shop.view(ref, "/pricing")
    shop.replicated.is_away = True
    monkeypatch.setattr("engine.stores.accepted_log.ACCEPTED_LOG_BYTES_MAX", 0)
    with pytest.raises(StoreUnavailable):
        await shop.resending.look()
    assert len(await shop.log.read(0)) == 1


async def test_wake_ups_are_not_kept_and_are_taken_with_a_full_log(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = await shop.session()
    await shop.view(ref, "/pricing")
    kept = len(await shop.log.read(0))
    monkeypatch.setattr("engine.stores.accepted_log.ACCEPTED_LOG_BYTES_MAX", 0)
    with pytest.raises(StoreUnavailable) as refused:
        await shop.view(ref, "/pricing")
    assert refused.value.outcome == "none"
    await shop.wait(45_000)
    assert await shop.messages(ref) == ["Questions about pricing plans?"]
    assert len(await shop.log.read(0)) == kept


async def test_one_that_cannot_be_taken_again_keeps_back_no_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ref = await shop.session()
    await shop.view(ref, "/")
    stale = shop.copied()
    await shop.view(ref, "/broken")
    await shop.view(ref, "/pricing")

    def broken(kept: object, given: object) -> object:
        if "/broken" in str(given):
            raise ValueError("of whatever reason")
        return prepare_again(kept, given)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(module, "prepare_again", broken)
    await shop.fail_over(stale)
    assert len(await shop.events(ref)) == 2
    assert "could not be sent again" in caplog.text


@pytest.mark.parametrize("is_kept", [True, False])
async def test_an_erasure_that_a_stale_copy_lacks_is_done_again_when_it_was_kept(
    shop: Shop, is_kept: bool
) -> None:
    async def erase_again(workspace: str, visitors: tuple[str, ...]) -> None:
        for visitor in visitors:
            await shop.store.erase(workspace, visitor)

    shop.resending.erase_again = erase_again
    ref = await shop.session()
    await shop.view(ref, "/")
    stale = shop.copied()
    await shop.store.erase(ref.workspace, ref.visitor)
    shop.runtime.forget(ref)
    if is_kept:
        await shop.runtime.keep_erasure(ref.workspace, (ref.visitor,))
    # A worker with a socket of the session hears of the erasure, and forgets, later.
    shop.runtime.forget(ref)
    await shop.fail_over(stale)
    assert (await shop.events(ref) == []) is is_kept
    assert (await shop.store.visitor(ref.workspace, ref.visitor) is None) is is_kept


async def test_an_erasure_is_kept_as_long_as_all_that_is_accepted(shop: Shop) -> None:
    repeated = list[str]()

    async def erase_again(_: str, visitors: tuple[str, ...]) -> None:
        repeated.extend(visitors)

    shop.resending.erase_again = erase_again
    await shop.runtime.keep_erasure("w", ("vis_old",))
    shop.clock.advance(ACCEPTED_KEPT_MS + 1)
    await shop.runtime.keep_erasure("w", ("vis_new",))
    for _ in range(module.PRUNE_EVERY_LOOKS + 5):
        await shop.resending.look()
    repeated.clear()
    await shop.fail_over(shop.copied())
    assert set(repeated) == {"vis_new"}
