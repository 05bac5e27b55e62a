"""Events on their way into a session are held by their commit alone, and are all there when it is refused."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.arriving import Arriving
from engine.events import Event
from engine.runtime_types import ClientContext
from engine.step import Arrived, events_of
from engine.stores.base import Commit, CommitAnswer, SessionRef
from engine.stores.codec import JournalEntry, decode_entry, encode_entry
from engine.stores.memory.store import MemoryStore
from tests.engine.world import HELP, World, world

REF = SessionRef("w", "vis_1", "chat_1")
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda of: st.lists(of, max_size=3) | st.dictionaries(st.text(max_size=4), of)
)
EVENTS = st.builds(
    Event,
    id=st.text(max_size=12),
    name=st.text(max_size=12),
    at_ms=st.integers(0, 2**53 - 1),
    sequence=st.integers(-(2**53) + 1, 2**53 - 1),
    url=st.none() | st.text(max_size=12),
    properties=st.dictionaries(st.text(max_size=4), VALUES, max_size=4),
    attributes=st.dictionaries(st.text(max_size=4), SCALARS, max_size=4),
    origin=st.sampled_from(["widget", "segment", "api"]),
)


@given(st.lists(EVENTS, max_size=2), st.lists(EVENTS, min_size=1, max_size=4))
def test_events_that_were_let_go_are_read_out_of_the_journal_entry(
    before: list[Event], own: list[Event]
) -> None:
    sent = list(own)
    arriving = Arriving(sent)
    assert arriving.read() == own
    arriving.let_go(encode_entry(JournalEntry("p", "s", Arrived(1, (*before, *own)))))
    assert sent == []
    assert (len(arriving), list(arriving.read())) == (len(own), own)


class Slow(MemoryStore):
    """A store that keeps commits waiting until it may go on."""

    may_go_on: asyncio.Event

    async def commit(self, commit: Commit) -> CommitAnswer:
        await self.may_go_on.wait()
        return await super().commit(commit)


def clicks(shop: World, *ids: str) -> list[Event]:
    return [shop.event("click", id=name, origin="segment") for name in ids]


async def ids_in(store: MemoryStore, ref: SessionRef) -> list[str]:
    entries = [decode_entry(kept.body) for kept in await store.journal(ref)]
    return [event.id for entry in entries for event in events_of(entry.given) if event.id]


@pytest.mark.anyio
async def test_a_request_that_waits_for_its_commit_holds_no_events() -> None:
    async with world(HELP) as shop:
        store = Slow(shop.clock.now_ms)
        store.may_go_on = asyncio.Event()
        shop.runtime._stepper._store = store
        sent = clicks(shop, "a-foreign-id-of-one", "a-foreign-id-of-two")
        waiting = asyncio.ensure_future(
            shop.runtime.track(REF, "site", sent, ClientContext(), knows_gpc=False)
        )
        await asyncio.sleep(0.01)
        assert (sent, waiting.done()) == ([], False)
        store.may_go_on.set()
        assert (await waiting).accepted == 2


@pytest.mark.anyio
async def test_events_that_were_let_go_come_into_a_session_that_another_began_meanwhile() -> None:
    async with world(HELP) as shop, world(HELP) as elsewhere:
        store = MemoryStore(shop.clock.now_ms)
        shop.runtime._stepper._store = elsewhere.runtime._stepper._store = store
        assert await shop.runtime.read(REF) is None
        await elsewhere.track(REF, "view", url="https://shop.test/a", id="theirs", origin="segment")
        sent = clicks(shop, "first-of-this-worker", "second-of-this-worker")
        tracked = await shop.runtime.track(REF, "site", sent, ClientContext(timezone="Europe/Rome"))
        assert (tracked.accepted, tracked.duplicates) == (2, 0)
        known = ["theirs", "first-of-this-worker", "second-of-this-worker"]
        assert await ids_in(store, REF) == known
        session = shop.runtime._stepper.session_in_hand(REF)
        assert session is not None
        # The start and the view of the other worker, the time zone, and two clicks.
        assert session.state.events == 5


@pytest.mark.anyio
async def test_of_events_that_were_let_go_those_seen_before_are_left_out() -> None:
    async with world(HELP) as shop:
        store = shop.store
        assert isinstance(store, MemoryStore)
        client, other = ClientContext(), SessionRef("w", "vis_1", "chat_2")
        names = [f"an-id-of-a-foreign-client-{number}" for number in range(4)]
        await shop.runtime.track(REF, "site", clicks(shop, names[1]), client)
        tracked = await shop.runtime.track(other, "site", clicks(shop, *names), client)
        assert (tracked.accepted, tracked.duplicates) == (3, 1)
        assert await ids_in(store, other) == [names[0], names[2], names[3]]
        again = await shop.runtime.track(other, "site", clicks(shop, *names), client)
        assert (again.accepted, again.duplicates) == (0, 4)
