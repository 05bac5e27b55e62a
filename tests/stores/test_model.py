"""Any sequence of operations, stops and deaths leaves a store as a plain dict says."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from engine.limits import ERASED_KEPT_MS
from engine.stores.base import (
    Capped,
    Commit,
    Committed,
    Conflict,
    Count,
    Delivery,
    Doc,
    DocConflict,
    Duplicate,
    Erased,
    Gone,
    SessionRef,
    Store,
    StoredCause,
)
from engine.stores.memory.store import MemoryStore
from engine.stores.sqlite.store import SqliteStore
from engine.testing.shared_store import SharedMemory
from tests.stores.steps import SteppedClock, a_delivery, message, step

REFS = [SessionRef("ws_a", f"v{n % 2}", f"chat_{n}") for n in range(4)]
PLACES = st.integers(0, len(REFS) - 1)
FEW = st.integers(0, 2)
LATER_MS = st.sampled_from([0, 1, 7, 400, 3_000, 61_000])
VISITORS = st.sampled_from(["v0", "v1", "v2"])
DAY = "2027-01-15"
T = TypeVar("T")


@dataclass
class Attempt:
    """What a drawn commit wants; times are from now."""

    stale: int
    spend: int
    give_back: int
    engages: bool
    messages: int
    wake_ms: int | None
    fires: bool
    writes_profile: bool
    tells: int


ATTEMPTS = st.builds(
    Attempt,
    stale=st.sampled_from([0, 0, 0, 0, 1]),
    spend=st.integers(0, 1),
    give_back=st.integers(0, 1),
    engages=st.booleans(),
    messages=st.integers(0, 2),
    wake_ms=st.none() | st.integers(0, 5_000),
    fires=st.booleans(),
    writes_profile=st.booleans(),
    tells=FEW,
)


@dataclass
class Kept:
    """What the dict says of a session."""

    version: int = 0
    granted: int = 0
    total: int = 0
    epoch: int = 0
    offset: int = 0
    wake_ms: int | None = None
    claimed_until_ms: int = 0
    last: Commit | None = None
    entries: list[bytes] = field(default_factory=list)


@dataclass
class KeptAside:
    """What the dict says of a workspace besides its sessions."""

    docs: dict[str, tuple[int, bytes | None]] = field(default_factory=dict)
    bookings: dict[str, set[str]] = field(default_factory=dict)
    causes: dict[int, dict[str, StoredCause]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    feed: dict[str, int] = field(default_factory=dict)

    log: dict[str, Delivery] = field(default_factory=dict)
    # Of those that wait: the partition, and the end of the claim.
    waits: dict[str, tuple[int, int]] = field(default_factory=dict)
    writes: int = 0

    def tell(self, partition: int, causes: Iterable[StoredCause]) -> None:
        kept = self.causes.setdefault(partition, {})
        for cause in causes:
            kept.setdefault(cause.id, cause)

    def forget(self, visitor: str) -> bool:
        """Forget what names a visitor, and tell whether there was any."""
        log = [name for name, delivery in self.log.items() if delivery.visitor == visitor]
        for name in log:
            del self.log[name]
            self.waits.pop(name, None)
        found = bool(log)
        for partition, kept in self.causes.items():
            left = {name: cause for name, cause in kept.items() if cause.visitor != visitor}
            found |= len(left) < len(kept)
            self.causes[partition] = left
        return found


class StoreAgainstADict(RuleBasedStateMachine):
    """The laws of `Store.commit` and `Store.claim_due`, told once more in the plainest way."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = SteppedClock()
        self.kept = [Kept() for _ in REFS]
        self.aside = KeptAside()
        self.profiles = {"v0": 0, "v1": 0}
        self.erased_until_ms = {"v0": 0, "v1": 0, "v2": 0}
        self.store = self.run(self.open())

    async def open(self) -> Store:
        return MemoryStore(self.clock)

    def run(self, coroutine: Coroutine[object, object, T]) -> T:
        return self.runner.run(coroutine)

    def is_erased(self, visitor: str) -> bool:
        return self.erased_until_ms[visitor] > self.clock.now_ms

    def partition(self, drawn: int) -> int:
        return drawn % self.store.partitions

    @rule(place=PLACES, drawn=ATTEMPTS)
    def commit(self, place: int, drawn: Attempt) -> None:
        kept, ref = self.kept[place], REFS[place]
        epoch = kept.epoch + drawn.engages
        due_ms = None if drawn.wake_ms is None else self.clock.now_ms + drawn.wake_ms
        names = [f"m{place}_{kept.offset}_{n}" for n in range(drawn.messages)]
        made = step(
            kept.version - drawn.stale,
            ref,
            op=f"op_{place}_{kept.version}_{drawn.stale}",
            spend=drawn.spend,
            engagement_epoch=epoch,
            give_back=drawn.give_back,
            messages=tuple(message(name) for name in names),
            wake_ms=due_ms,
            fired_ms=self.clock.now_ms if drawn.fires else None,
            expect_profile=self.profiles[ref.visitor],
            profile=b"profile" if drawn.writes_profile else None,
            causes=tuple(_cause(f"evt_{place}_{n}", ref.visitor) for n in range(drawn.tells)),
            counts=tuple(Count(DAY, f"r|{n}") for n in range(drawn.tells)),
        )
        answer = self.run(self.store.commit(made))
        before = 0 if drawn.engages else max(0, kept.granted - drawn.give_back)
        if self.is_erased(ref.visitor):
            assert answer == Erased()
        elif drawn.stale:
            assert isinstance(answer, Conflict)
        elif drawn.fires and kept.wake_ms is None:
            assert answer == Gone()
        elif drawn.spend and before + drawn.spend > 1:
            assert isinstance(answer, Capped)
        else:
            self.profiles[ref.visitor] += drawn.writes_profile
            self.aside.tell(self.store.partition_of("ws_a", ref.visitor), made.causes)
            for count in made.counts:
                self.aside.counts[count.name] = self.aside.counts.get(count.name, 0) + 1
            kept.version += 1
            kept.granted, kept.epoch = before + drawn.spend, epoch
            kept.total += drawn.spend
            kept.offset += drawn.messages
            kept.wake_ms, kept.claimed_until_ms = due_ms, 0
            kept.last, kept.entries = made, [*kept.entries, made.entry]
            first = kept.offset - drawn.messages + 1 if drawn.messages else 0
            found = self.profiles[ref.visitor]
            assert answer == Committed(kept.version, found, first, kept.offset)

    @rule(place=PLACES)
    def repeat(self, place: int) -> None:
        kept = self.kept[place]
        if kept.last is not None:
            answer = self.run(self.store.commit(kept.last))
            assert isinstance(answer, Duplicate)
            assert (answer.version, answer.offset) == (kept.version, kept.offset)

    @rule(later_ms=LATER_MS, limit=st.integers(1, 3), drawn=FEW)
    def claim(self, later_ms: int, limit: int, drawn: int) -> None:
        self.clock.now_ms += later_ms
        now_ms, partition = self.clock.now_ms, self.partition(drawn)
        free = {
            ref: kept.wake_ms
            for ref, kept in zip(REFS, self.kept, strict=True)
            if kept.wake_ms is not None and max(kept.wake_ms, kept.claimed_until_ms) <= now_ms
            if self.store.partition_of("ws_a", ref.visitor) == partition
        }
        claimed = self.run(self.store.claim_due(partition, limit=limit)).sessions
        assert len(claimed) == min(limit, len(free))
        for ref, due_ms in claimed:
            assert free.pop(ref) == due_ms
            self.kept[REFS.index(ref)].claimed_until_ms = now_ms + 500

    @rule(visitor=st.sampled_from(["v0", "v1"]), stale=st.booleans())
    def put_profile(self, visitor: str, *, stale: bool) -> None:
        version = self.profiles[visitor]
        answer = self.run(self.store.put_profile("ws_a", visitor, b"profile", version + stale))
        if self.is_erased(visitor):
            assert answer is None
        elif stale:
            assert version == (0 if answer is None else getattr(answer, "version", None))
        else:
            assert answer == version + 1
            self.profiles[visitor] += 1

    @rule(name=FEW, body=st.sampled_from([b"one", b"two", None]), stale=st.booleans(), tells=FEW)
    def put_doc(self, name: int, body: bytes | None, tells: int, *, stale: bool) -> None:
        key, docs = f"doc_{name}", self.aside.docs
        last, kept = docs.get(key, (0, None))
        expect = (0 if kept is None else last) + stale
        causes = tuple(_cause(f"evt_{key}_{n}", "v2") for n in range(tells))
        answer = self.run(self.store.put_doc("ws_a", "kind", key, body, expect, causes=causes))
        if stale:
            assert answer == DocConflict(None if kept is None else Doc(last, kept))
        else:
            assert answer == last + 1
            docs[key] = (last + 1, body)
            self.aside.writes += 1
            self.aside.tell(self.store.partition_of("ws_a"), causes)

    @rule(place=FEW, booking=FEW, capacity=FEW)
    def book(self, place: int, booking: int, capacity: int) -> None:
        taken = self.aside.bookings.setdefault(f"place_{place}", set())
        fits = f"apt_{booking}" in taken or len(taken) < capacity
        booked = self.store.book("ws_a", f"place_{place}", f"apt_{booking}", capacity)
        assert self.run(booked) == fits
        if fits:
            taken.add(f"apt_{booking}")

    @rule(place=FEW, booking=FEW)
    def unbook(self, place: int, booking: int) -> None:
        taken = self.aside.bookings.setdefault(f"place_{place}", set())
        given_back = self.run(self.store.unbook("ws_a", f"place_{place}", f"apt_{booking}"))
        assert given_back == (f"apt_{booking}" in taken)
        taken.discard(f"apt_{booking}")

    @rule(names=st.lists(FEW, max_size=3), visitor=VISITORS)
    def keep_causes(self, names: list[int], visitor: str) -> None:
        causes = tuple(_cause(f"evt_{visitor}_{name}", visitor) for name in names)
        self.run(self.store.keep_causes(causes))
        if not self.is_erased(visitor):
            self.aside.tell(self.store.partition_of("ws_a", visitor), causes)

    @rule(limit=st.integers(1, 4), drawn=FEW, endpoints=FEW)
    def take_and_settle(self, limit: int, drawn: int, endpoints: int) -> None:
        partition = self.partition(drawn)
        kept = self.aside.causes.get(partition, {})
        taken = self.run(self.store.take_causes(partition, limit=limit))
        assert taken == list(kept.values())[:limit]
        sent = [self.delivery(cause, n) for cause in taken for n in range(endpoints)]
        self.run(self.store.settle_causes(partition, [cause.id for cause in taken], sent))
        for cause in taken:
            del kept[cause.id]
        for delivery in sent:
            if delivery.id not in self.aside.log:
                self.aside.log[delivery.id] = delivery
                self.aside.waits[delivery.id] = (partition, 0)

    def delivery(self, cause: StoredCause, endpoint: int) -> Delivery:
        now_ms = self.clock.now_ms
        return a_delivery(
            f"dlv_{cause.id}_{endpoint}",
            cause.id,
            visitor=cause.visitor,
            endpoint=f"we_{endpoint}",
            created_ms=now_ms,
            due_ms=now_ms,
        )

    @rule(later_ms=LATER_MS, limit=st.integers(1, 3), drawn=FEW)
    def claim_deliveries(self, later_ms: int, limit: int, drawn: int) -> None:
        self.clock.now_ms += later_ms
        now_ms, partition, aside = self.clock.now_ms, self.partition(drawn), self.aside
        free = {
            name
            for name, (place, until_ms) in aside.waits.items()
            if place == partition and max(until_ms, aside.log[name].due_ms) <= now_ms
        }
        claimed = self.run(self.store.claim_deliveries(partition, limit=limit)).deliveries
        assert len(claimed) == min(limit, len(free))
        for delivery in claimed:
            free.remove(delivery.id)
            assert delivery == aside.log[delivery.id]
            aside.waits[delivery.id] = (partition, now_ms + 30_000)

    @rule(which=st.integers(0, 9), retries=st.booleans())
    def settle_delivery(self, which: int, *, retries: bool) -> None:
        aside = self.aside
        if which >= len(aside.log):
            return
        known = list(aside.log.values())[which]
        status = "pending" if retries else "delivered"
        tried = replace(known, status=status, attempt=known.attempt + 1, due_ms=self.clock.now_ms)
        waits = known.id in aside.waits
        assert self.run(self.store.settle_delivery(tried)) == waits
        if waits:
            aside.log[known.id] = tried
            partition, _ = aside.waits.pop(known.id)
            aside.waits |= {known.id: (partition, 0)} if retries else {}

    @rule(which=st.integers(0, 9))
    def send_again(self, which: int) -> None:
        aside = self.aside
        if which >= len(aside.log):
            return
        known = list(aside.log.values())[which]
        if known.id in aside.waits:
            return
        again = replace(known, status="pending", attempt=0, due_ms=self.clock.now_ms)
        self.run(self.store.send_again(again))
        aside.log[known.id] = again
        aside.waits[known.id] = (self.store.partition_of("ws_a", known.visitor), 0)

    @rule(visitor=st.sampled_from(["v0", "v1"]), comes_back=st.booleans())
    def erase(self, visitor: str, *, comes_back: bool) -> None:
        found = self.aside.forget(visitor) or self.profiles[visitor] > 0
        for place, ref in enumerate(REFS):
            if ref.visitor == visitor:
                found |= self.kept[place].version > 0
                self.kept[place] = Kept()
        self.profiles[visitor] = 0
        assert self.run(self.store.erase("ws_a", visitor)) == found
        self.erased_until_ms[visitor] = self.clock.now_ms + ERASED_KEPT_MS
        if comes_back:
            self.clock.now_ms += ERASED_KEPT_MS

    @rule(name=st.integers(0, 20))
    def feed_add(self, name: int) -> None:
        feed = self.aside.feed
        offset = feed.setdefault(f"evt_{name}", len(feed) + 1)
        assert self.run(self.store.feed_add("ws_a", f"evt_{name}", b"%d" % name)) == offset

    @invariant()
    def agrees_on_what_is_aside(self) -> None:
        docs = {name: doc for name, doc in self.aside.docs.items() if doc[1] is not None}
        listed = self.run(self.store.list_docs("ws_a", "kind"))
        assert [doc.name for doc in listed] == sorted(docs, reverse=True)
        assert {doc.name: (doc.version, doc.body) for doc in listed} == docs
        booked = {place: len(taken) for place, taken in self.aside.bookings.items() if taken}
        assert self.run(self.store.booked("ws_a", "place_", "place_~")) == booked
        for partition in range(self.store.partitions):
            causes = list(self.aside.causes.get(partition, {}).values())
            assert self.run(self.store.take_causes(partition)) == causes
        for endpoint in ("we_0", "we_1"):
            log = [one for one in self.aside.log.values() if one.endpoint == endpoint]
            log.sort(key=lambda one: (one.created_ms, one.id), reverse=True)
            assert self.run(self.store.deliveries("ws_a", endpoint)) == tuple(log)
        changes = {("ws_a", "kind"): self.aside.writes} if self.aside.writes else {}
        assert self.run(self.store.changes(["ws_a"])) == changes
        assert self.run(self.store.counts("ws_a", [DAY], "r|")) == self.aside.counts
        page = self.run(self.store.feed_after("ws_a", None, 0))
        assert [event.offset for event in page.events] == list(self.aside.feed.values())
        made = [ref for ref, kept in zip(REFS, self.kept, strict=True) if kept.version]
        assert self.run(self.store.list_sessions("ws_a", None, 9)) == tuple(reversed(made))

    @invariant()
    def agrees(self) -> None:
        for ref, kept in zip(REFS, self.kept, strict=True):
            found = self.run(self.store.load(ref))
            state = b"state %d" % kept.version if kept.version else None
            assert (found.version, found.state) == (kept.version, state)
            assert (found.granted, found.grants_total) == (kept.granted, kept.total)
            assert (found.engagement_epoch, found.offset) == (kept.epoch, kept.offset)
            assert found.profile_version == self.profiles[ref.visitor]
            assert [entry.body for entry in self.run(self.store.journal(ref))] == kept.entries
            messages = self.run(self.store.history(ref, None, 0)).messages
            assert [m.offset for m in messages] == list(range(1, kept.offset + 1))

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()


class SharedAgainstADict(StoreAgainstADict):
    """The same, with partitions, and with another worker's look at the store now and then."""

    def __init__(self) -> None:
        self.shared: SharedMemory | None = None
        super().__init__()

    async def open(self) -> Store:
        self.shared = self.shared or SharedMemory(self.clock, partitions=4)
        return self.shared.view()

    @rule()
    def another_worker(self) -> None:
        self.store = self.run(self.open())


class SqliteAgainstADict(StoreAgainstADict):
    """The same, with few sessions in memory, and with stops and deaths in between."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="opportune-model-"))
        self.file = self.folder / "0.db"
        self.deaths = 0
        super().__init__()

    async def open(self) -> Store:
        return await SqliteStore.open(self.file, "D1", self.clock, heads_len_max=2)

    @rule()
    def stop_and_start(self) -> None:
        self.run(self.store.close())
        self.begin_again()

    @rule()
    def die_and_start(self) -> None:
        """The files as they are at this instant are what a death would leave."""
        self.deaths += 1
        copy = self.folder / f"{self.deaths}.db"
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{self.file}{suffix}", f"{copy}{suffix}")
        self.run(self.store.close())
        self.file = copy
        self.begin_again()

    def begin_again(self) -> None:
        for kept in self.kept:
            kept.claimed_until_ms = 0
        self.aside.waits = dict.fromkeys(self.aside.waits, (0, 0))
        self.aside.feed = {}
        self.store = self.run(self.open())

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


def _cause(name: str, visitor: str) -> StoredCause:
    return StoredCause(name, "ws_a", visitor, b"body of " + name.encode())


TestMemoryAgainstADict = StoreAgainstADict.TestCase
TestMemoryAgainstADict.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestSharedAgainstADict = SharedAgainstADict.TestCase
TestSharedAgainstADict.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestSqliteAgainstADict = SqliteAgainstADict.TestCase
TestSqliteAgainstADict.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
