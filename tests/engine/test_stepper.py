"""A step against the store: what it does with an erased visitor, a lost answer, and a store that went back."""

from collections.abc import AsyncIterator

import pytest

from engine import hot, stepper
from engine.errors import StoreUnavailable
from engine.profile import Profile
from engine.runtime_types import ClientContext, Draft, Offered, Opening, Refused
from engine.stores.base import Commit, CommitAnswer, Committed, Conflict, Loaded, SessionRef
from engine.stores.codec import decode_profile, encode_profile
from engine.stores.memory.store import MemoryStore
from tests.engine.world import HELP, START_MS, World, world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop() -> AsyncIterator[World]:
    async with world(HELP) as made:
        yield made


# ---- an erased visitor


async def erased(shop: World) -> SessionRef:
    ref = await shop.session(visitor="vis_1")
    await shop.view(ref, "/a")
    assert await shop.store.erase("w", "vis_1")
    return ref


async def test_a_step_of_an_erased_visitor_ends_quietly_and_keeps_nothing(shop: World) -> None:
    told: list[object] = []
    forgotten: list[SessionRef] = []
    ref = await erased(shop)
    shop.runtime.on_cause(told.append)
    shop.runtime.on_touch(told.append)
    shop.runtime.on_forget(forgotten.append)
    await shop.view(ref, "/b")
    assert (told, forgotten) == ([], [ref])
    assert await shop.runtime.view(ref) is None
    assert await shop.store.journal(ref) == []


async def test_words_and_offers_to_an_erased_visitor_are_no_failure(shop: World) -> None:
    ref = await erased(shop)
    assert await shop.runtime.say(ref, "hello", "c1") is None
    other = await shop.session("browser-2", "vis_2")
    await shop.view(other, "/a")
    await shop.store.erase("w", "vis_2")
    offered = await shop.runtime.offer(other, Draft("Hello"))
    assert offered == Refused("session_closed", field="session_id")


async def test_a_session_for_an_erased_visitor_is_opened_and_kept_nowhere(shop: World) -> None:
    await erased(shop)
    opening = Opening("w", "site", visitor="vis_1")
    view = await shop.runtime.open(opening)
    assert (view.created, view.ref.visitor) == (True, "vis_1")
    assert await shop.runtime.view(view.ref) is None


async def test_forgetting_a_session_leaves_nothing_of_it_in_memory(shop: World) -> None:
    ref = await shop.session(visitor="vis_1")
    await shop.view(ref, "/a")
    shop.runtime.forget(ref)
    assert shop.runtime._stepper.session_in_hand(ref) is None
    assert ref not in shop.runtime._finder._aliases.values()


# ---- a lost answer


class Losing(MemoryStore):
    """A store whose answers to commits are lost, as often as it is told, before or after they are done."""

    losses: list[str]
    commits = 0

    async def commit(self, commit: Commit) -> CommitAnswer:
        self.commits += 1
        if not self.losses:
            return await super().commit(commit)
        loss = self.losses.pop(0)
        if loss == "done":
            await super().commit(commit)
        raise StoreUnavailable("none" if loss == "refused" else "unknown", 1)


def losing(shop: World, *losses: str) -> Losing:
    store = Losing(shop.clock.now_ms)
    store.losses = list(losses)
    shop.runtime._stepper._store = store
    return store


@pytest.mark.parametrize("losses", [("done",), ("lost", "done"), ("done", "refused", "lost")])
async def test_a_lost_answer_is_asked_for_again_and_the_step_is_done_once(
    shop: World, losses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepper, "REPEAT_PAUSE_S", 0.001)
    store = losing(shop, *losses)
    ref = SessionRef("w", "vis_1", "chat_1")
    told: list[object] = []
    shop.runtime.on_touch(told.append)
    await shop.view(ref, "/a")
    assert store.commits == len(losses) + 1
    assert len(await store.journal(ref)) == 1
    assert told == [ref]


async def test_an_answer_that_stays_lost_is_told_as_unknown(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepper, "REPEAT_PAUSE_S", 0.001)
    monkeypatch.setattr(stepper, "STORE_DEADLINE_MS", 20)
    store = losing(shop, "done", *["refused"] * 1_000)
    with pytest.raises(StoreUnavailable) as raised:
        await shop.view(SessionRef("w", "vis_1", "chat_1"), "/a")
    assert raised.value.outcome == "unknown"
    assert 1 < store.commits < 1_000


async def test_a_refusal_is_not_repeated(shop: World) -> None:
    store = losing(shop, "refused")
    with pytest.raises(StoreUnavailable):
        await shop.view(SessionRef("w", "vis_1", "chat_1"), "/a")
    assert store.commits == 1


# ---- a store that went back


class Mirrored(MemoryStore):
    """A store with a replica that gets the first commits only."""

    replica: MemoryStore
    copied = 2

    async def commit(self, commit: Commit) -> CommitAnswer:
        answer = await super().commit(commit)
        if isinstance(answer, Committed) and answer.version <= self.copied:
            await self.replica.commit(commit)
        return answer


async def test_after_a_rollback_the_messages_begin_another_sequence(shop: World) -> None:
    store = Mirrored(shop.clock.now_ms)
    store.replica = MemoryStore(lambda: START_MS)
    runtime, ref, hints = shop.runtime, SessionRef("w", "vis_1", "chat_1"), list[int]()
    _use(shop, store)
    await shop.view(ref, "/a")
    for number in range(3):
        await runtime.say(ref, f"word {number}", f"c{number}")
    before = await store.history(ref, None, 0)
    _use(shop, store.replica)
    await runtime.attach(ref, lambda: hints.append(1))
    await runtime.track(ref, "site", [shop.event("click")], ClientContext())
    assert hints == [1]
    after = await store.replica.history(ref, before.epoch, before.offset)
    assert (after.recovered, len(after.messages)) == (False, 1)
    assert after.epoch != before.epoch
    await runtime.say(ref, "word 4", "c4")
    again = await store.replica.history(ref, after.epoch, after.offset)
    assert (again.recovered, len(again.messages)) == (True, 1)


def _use(shop: World, store: MemoryStore) -> None:
    for part in (shop.runtime._stepper, shop.runtime._listeners, shop.runtime):
        part._store = store
    shop.runtime._transcripts._store = store


# ---- an answer that commits nothing


class Unsure(MemoryStore):
    """A store whose commits of others are confirmed when it is told so, and lost when it is told so."""

    asked = 0
    refuses = False
    left: MemoryStore | None = None

    async def load(self, ref: SessionRef) -> Loaded:
        loaded = await super().load(ref)
        if self.left is not None:
            self._tables, self._state = self.left._tables, self.left._state
        return loaded

    async def confirm(self, ref: SessionRef, version: int) -> bool:
        self.asked += 1
        if self.refuses:
            raise StoreUnavailable("none", 1)
        return await super().confirm(ref, version)


@pytest.fixture
async def elsewhere(shop: World) -> tuple[Unsure, SessionRef]:
    """Begin a session whose first event and words another worker has committed."""
    store, ref = Unsure(shop.clock.now_ms), SessionRef("w", "vis_1", "chat_1")
    _use(shop, store)
    await shop.track(ref, "view", id="pageload-1", url="https://shop.test/a")
    await shop.runtime.say(ref, "hello", "c1")
    shop.runtime._stepper.drop(ref)
    return store, ref


async def test_a_repeated_event_is_answered_when_the_commit_that_has_it_is_confirmed(
    shop: World, elsewhere: tuple[Unsure, SessionRef]
) -> None:
    store, ref = elsewhere
    store.refuses = True
    with pytest.raises(StoreUnavailable):
        await shop.track(ref, "view", id="pageload-1", url="https://shop.test/a")
    with pytest.raises(StoreUnavailable):
        await shop.runtime.say(ref, "hello", "c1")
    store.refuses = False
    await shop.track(ref, "view", id="pageload-1", url="https://shop.test/a")
    assert await shop.runtime.say(ref, "hello", "c1") is None
    assert len(await store.journal(ref)) == 2


async def test_what_is_confirmed_once_is_not_asked_for_again(
    shop: World, elsewhere: tuple[Unsure, SessionRef]
) -> None:
    store, ref = elsewhere
    for _ in range(3):
        await shop.runtime.delivered(ref, ["msg_unknown"])
    assert store.asked == 1


async def test_what_this_worker_committed_itself_needs_no_confirmation(shop: World) -> None:
    store, ref = Unsure(shop.clock.now_ms), SessionRef("w", "vis_1", "chat_1")
    _use(shop, store)
    await shop.view(ref, "/a")
    await shop.runtime.delivered(ref, ["msg_unknown"])
    assert store.asked == 0


async def test_reading_waits_for_no_confirmation(
    shop: World, elsewhere: tuple[Unsure, SessionRef]
) -> None:
    store, ref = elsewhere
    store.refuses = True
    assert await shop.runtime.view(ref) is not None
    assert store.asked == 0


async def test_a_repeated_event_whose_commit_was_lost_is_taken_as_new(
    shop: World, elsewhere: tuple[Unsure, SessionRef]
) -> None:
    store, ref = elsewhere
    store.left = MemoryStore(shop.clock.now_ms)
    await shop.track(ref, "view", id="pageload-1", url="https://shop.test/a")
    assert store.asked == 1
    assert len(await store.journal(ref)) == 1


async def test_a_repeated_offer_is_answered_when_the_first_is_confirmed(
    shop: World, elsewhere: tuple[Unsure, SessionRef]
) -> None:
    store, ref = elsewhere
    shop.clock.advance(60_000)
    first = await shop.runtime.offer(ref, Draft("Hello"), "call_1")
    assert isinstance(first, Offered)
    shop.runtime._stepper.drop(ref)
    store.refuses = True
    with pytest.raises(StoreUnavailable):
        await shop.runtime.offer(ref, Draft("Hello"), "call_1")
    store.refuses = False
    again = await shop.runtime.offer(ref, Draft("Hello"), "call_1")
    assert isinstance(again, Offered)
    assert again.message.id == first.message.id


async def test_a_conflict_brings_what_won_and_nothing_is_read_once_more(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/a")
    store, hot = Rival(shop.clock.now_ms), shop.runtime._stepper._hot.get(ref)
    assert hot is not None
    store.loaded = await shop.store.load(ref)
    shop.runtime._stepper._store = store
    await shop.view(ref, "/b")
    assert (store.loads, shop.runtime._stepper.conflicts) == (0, 1)


class Rival(MemoryStore):
    """A store in which somebody committed first, once."""

    loaded: Loaded | None = None
    loads = 0

    async def load(self, ref: SessionRef) -> Loaded:
        self.loads += 1
        return await super().load(ref)

    async def commit(self, commit: Commit) -> CommitAnswer:
        if self.loaded is not None:
            loaded, self.loaded = self.loaded, None
            return Conflict(loaded)
        return Committed(commit.expect + 1, 0, 0, 0)


# ---- a session that does not exist yet


class Asked(MemoryStore):
    """A store that counts what is read of sessions."""

    loads = 0

    async def load(self, ref: SessionRef) -> Loaded:
        self.loads += 1
        return await super().load(ref)


def asked(shop: World) -> Asked:
    store = Asked(shop.clock.now_ms)
    shop.runtime._stepper._store = store
    return store


async def test_the_store_is_asked_once_for_a_session_that_is_about_to_begin(shop: World) -> None:
    store = asked(shop)
    ref = SessionRef("w", "vis_1", "chat_1")
    assert await shop.runtime.read(ref) is None
    await shop.view(ref, "/a")
    await shop.view(ref, "/b")
    assert store.loads == 1
    assert (await store.load(ref)).version == 2


async def test_a_session_that_begins_on_an_outdated_profile_begins_anew(shop: World) -> None:
    store = asked(shop)
    ref = SessionRef("w", "vis_1", "chat_1")
    assert await shop.runtime.read(ref) is None
    written = Profile("vis_1", attrs={"visitor.plan": "pro"})
    assert await store.put_profile("w", "vis_1", encode_profile(written), 0) == 1
    await shop.view(ref, "/a")
    loaded = await store.load(ref)
    assert loaded.profile is not None
    profile = decode_profile(loaded.profile)
    assert (profile.attrs, profile.sessions) == ({"visitor.plan": "pro"}, ["chat_1"])
    assert (loaded.version, loaded.profile_version) == (1, 2)


async def test_a_session_that_another_has_begun_meanwhile_goes_on(shop: World) -> None:
    store = asked(shop)
    ref = SessionRef("w", "vis_1", "chat_1")
    assert await shop.runtime.read(ref) is None
    async with world(HELP) as elsewhere:
        elsewhere.runtime._stepper._store = store
        await elsewhere.view(ref, "/a")
        await shop.track(ref, "view", url="https://shop.test/b", id="another-1")
    assert (await store.load(ref)).version == 2


async def test_the_session_looked_for_longest_ago_in_vain_is_looked_for_again(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hot, "VACANCIES_MAX", 2)
    store = asked(shop)
    refs = [SessionRef("w", "vis_1", f"chat_{number}") for number in range(3)]
    for ref in refs:
        assert await shop.runtime.read(ref) is None
    store.loads = 0
    for ref in reversed(refs):
        assert await shop.runtime._stepper.peek(ref) is None
    assert store.loads == 1


async def test_a_session_that_is_not_there_is_looked_for_once(shop: World) -> None:
    store = asked(shop)
    ref = SessionRef("w", "vis_1", "chat_never")
    for _ in range(2):
        assert await shop.runtime.read(ref) is None
        assert await shop.runtime._stepper.peek(ref) is None
    assert store.loads == 1


async def test_what_the_store_said_of_an_erased_visitor_is_forgotten(shop: World) -> None:
    store = asked(shop)
    erased_ref, other = SessionRef("w", "vis_1", "chat_1"), SessionRef("w", "vis_2", "chat_2")
    for ref in (erased_ref, other):
        assert await shop.runtime.read(ref) is None
    shop.runtime.forget(SessionRef("w", "vis_1", "chat_0"))
    store.loads = 0
    await shop.runtime._stepper.peek(other)
    assert store.loads == 0
    await shop.runtime._stepper.peek(erased_ref)
    assert store.loads == 1
