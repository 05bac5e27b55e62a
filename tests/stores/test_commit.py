"""What every store promises of a commit: all of it or nothing, and the first check that speaks."""

import asyncio

import pytest
from msgspec.structs import replace

from engine.errors import LimitExceeded, StoreUnavailable
from engine.limits import ENTRY_BYTES_MAX, MESSAGE_BYTES_MAX, PROFILE_BYTES_MAX, STATE_BYTES_MAX
from engine.stores.base import (
    Capped,
    Committed,
    Conflict,
    Duplicate,
    Gone,
    Loaded,
    NewMessage,
    Seen,
    SessionRef,
    Store,
)
from tests.stores.steps import OTHER, REF, START_MS, commit_all, message, step

pytestmark = pytest.mark.anyio


async def test_a_session_that_was_never_committed_has_version_0(store: Store) -> None:
    assert await store.load(REF) == Loaded()


async def test_what_was_committed_is_loaded(store: Store) -> None:
    answer = await store.commit(
        step(0, messages=(message("m1"), message("m2")), spend=1, engagement_epoch=2)
    )
    assert answer == Committed(version=1, profile_version=0, first_offset=1, offset=2)
    found = await store.load(REF)
    assert found.version == 1
    assert found.state == b"state 1"
    assert (found.granted, found.grants_total, found.engagement_epoch) == (1, 1, 2)
    assert found.offset == 2
    assert found.epoch != ""


async def test_a_repeated_op_gets_its_first_answer_and_changes_nothing(store: Store) -> None:
    first = step(0, messages=(message("m1"),), expect_profile=0, profile=b"p")
    answer = await store.commit(first)
    assert isinstance(answer, Committed)
    again = await store.commit(first)
    assert again == Duplicate(1, 1, 1, 1)
    assert len(await store.journal(REF)) == 1
    assert len((await store.history(REF, None, 0)).messages) == 1


async def test_an_older_op_is_a_conflict_not_a_duplicate(store: Store) -> None:
    await commit_all(store, 2)
    assert isinstance(await store.commit(step(0)), Conflict)


@pytest.mark.parametrize("expect", [0, 2])
async def test_a_stale_or_future_version_conflicts_and_carries_what_there_is(
    store: Store, expect: int
) -> None:
    await store.commit(step(0, expect_profile=0, profile=b"p1"))
    answer = await store.commit(step(expect, op="op_late"))
    assert answer == Conflict(await store.load(REF))
    assert answer.loaded.state == b"state 1"
    assert answer.loaded.profile == b"p1"
    assert len(await store.journal(REF)) == 1


async def test_a_changed_profile_conflicts(store: Store) -> None:
    other = SessionRef(REF.workspace, REF.visitor, "chat_9")
    await store.commit(step(0, expect_profile=0, profile=b"p1"))
    answer = await store.commit(step(0, other, expect_profile=0, profile=b"p2"))
    assert isinstance(answer, Conflict)
    assert (answer.loaded.version, answer.loaded.profile_version) == (0, 1)
    done = await store.commit(step(0, other, expect_profile=1, profile=b"p2"))
    assert done == Committed(1, 2, 0, 0)
    found = await store.visitor(REF.workspace, REF.visitor)
    assert found is not None
    assert (found.version, found.profile) == (2, b"p2")


async def test_a_profile_that_is_only_read_keeps_its_version(store: Store) -> None:
    await store.commit(step(0, expect_profile=0, profile=b"p1"))
    assert await store.commit(step(1, expect_profile=1)) == Committed(2, 1, 0, 0)


async def test_an_event_id_is_seen_once_a_visitor(store: Store) -> None:
    other = SessionRef(REF.workspace, REF.visitor, "chat_9")
    stranger = SessionRef("ws_b", REF.visitor, "chat_9")
    await store.commit(step(0, seen=(7, 2**62)))
    assert await store.commit(step(1, seen=(7, 8))) == Seen((7,))
    assert await store.commit(step(0, other, seen=(2**62,))) == Seen((2**62,))
    assert isinstance(await store.commit(step(0, stranger, seen=(7,))), Committed)
    assert isinstance(await store.commit(step(1, seen=(8,))), Committed)


async def test_a_wakeup_that_is_no_longer_wanted_is_gone(store: Store) -> None:
    await store.commit(step(0, wake_ms=START_MS + 5))
    await store.commit(step(1))
    assert await store.commit(step(2, fired_ms=START_MS + 5)) == Gone()
    await store.commit(step(2, wake_ms=START_MS + 9))
    assert isinstance(await store.commit(step(3, fired_ms=START_MS + 9)), Committed)


async def test_the_cap_of_an_engagement_epoch_holds(store: Store) -> None:
    await store.commit(step(0, spend=1))
    refused = await store.commit(step(1, spend=1))
    assert refused == Capped(await store.load(REF))
    assert isinstance(await store.commit(step(1, spend=1, cap=2)), Committed)
    assert isinstance(await store.commit(step(2, spend=1, engagement_epoch=1)), Committed)
    assert isinstance(await store.commit(step(3, spend=1, engagement_epoch=1)), Capped)
    found = await store.load(REF)
    assert (found.granted, found.grants_total) == (1, 3)


async def test_a_grant_that_is_given_back_can_be_spent_once_more(store: Store) -> None:
    await store.commit(step(0, spend=1))
    assert isinstance(await store.commit(step(1, give_back=1)), Committed)
    assert isinstance(await store.commit(step(2, spend=1)), Committed)
    assert isinstance(await store.commit(step(3, spend=1)), Capped)
    assert isinstance(await store.commit(step(3, give_back=1, spend=1)), Committed)
    found = await store.load(REF)
    assert (found.granted, found.grants_total) == (1, 3)


async def test_a_lowered_cap_does_not_refuse_a_commit_that_grants_nothing(store: Store) -> None:
    await store.commit(step(0, spend=1))
    assert isinstance(await store.commit(step(1, cap=0)), Committed)


async def test_the_checks_speak_in_their_order(store: Store) -> None:
    first = step(0, seen=(1,), spend=1, expect_profile=0, profile=b"p")
    await store.commit(first)
    assert isinstance(await store.commit(first), Duplicate)
    wrong = step(0, op="op_x", seen=(1,), spend=1, fired_ms=1, expect_profile=0)
    assert isinstance(await store.commit(wrong), Conflict)
    wrong = replace(wrong, expect=1)
    assert isinstance(await store.commit(wrong), Conflict)
    wrong = replace(wrong, expect_profile=1)
    assert isinstance(await store.commit(wrong), Seen)
    wrong = replace(wrong, seen=())
    assert isinstance(await store.commit(wrong), Gone)
    assert isinstance(await store.commit(replace(wrong, fired_ms=None)), Capped)


async def test_of_two_racing_commits_one_wins(store: Store) -> None:
    racers = [store.commit(step(0, op=f"op_{name}")) for name in range(8)]
    answers = await asyncio.gather(*racers)
    assert sorted(type(answer).__name__ for answer in answers) == ["Committed"] + ["Conflict"] * 7


async def test_racing_commits_of_one_visitor_share_ids_and_profile(store: Store) -> None:
    refs = [SessionRef("ws_a", "visitor_1", f"chat_{name}") for name in range(4)]
    seen = await asyncio.gather(*[store.commit(step(0, ref, seen=(5,))) for ref in refs[:2]])
    assert {type(answer) for answer in seen} == {Committed, Seen}
    profiles = [store.commit(step(0, ref, expect_profile=0, profile=b"p")) for ref in refs[2:]]
    assert {type(answer) for answer in await asyncio.gather(*profiles)} == {Committed, Conflict}


async def test_more_commits_than_a_batch_are_all_kept(store: Store) -> None:
    refs = [SessionRef("ws_a", f"v{name}", f"chat_{name}") for name in range(200)]
    for expect in range(3):
        answers = await asyncio.gather(*[store.commit(step(expect, ref)) for ref in refs])
        assert all(isinstance(answer, Committed) for answer in answers)
    for ref in refs:
        assert [entry.number for entry in await store.journal(ref)] == [1, 2, 3]


async def test_workspaces_do_not_share_sessions_or_profiles(store: Store) -> None:
    twin = SessionRef("ws_b", REF.visitor, REF.session)
    await store.commit(step(0, expect_profile=0, profile=b"p", ids=("msg_1",)))
    assert await store.load(twin) == Loaded()
    assert await store.find("ws_b", "msg_1") is None
    assert await store.find("ws_b", REF.session) is None


async def test_a_body_over_its_limit_is_refused(store: Store) -> None:
    for changes in (
        {"state": bytes(STATE_BYTES_MAX + 1)},
        {"entry": bytes(ENTRY_BYTES_MAX + 1)},
        {"expect_profile": 0, "profile": bytes(PROFILE_BYTES_MAX + 1)},
        {"messages": (NewMessage("m", bytes(MESSAGE_BYTES_MAX + 1)),)},
    ):
        with pytest.raises(LimitExceeded):
            await store.commit(step(0, **changes))
    assert (await store.load(REF)).version == 0
    fits = step(0, state=bytes(STATE_BYTES_MAX), entry=bytes(ENTRY_BYTES_MAX))
    assert isinstance(await store.commit(fits), Committed)
    assert (await store.load(REF)).state == bytes(STATE_BYTES_MAX)


async def test_the_engagement_epoch_never_falls(store: Store) -> None:
    await store.commit(step(0, engagement_epoch=3))
    with pytest.raises(AssertionError):
        await store.commit(step(1, engagement_epoch=2))
    assert isinstance(await store.commit(step(1, engagement_epoch=3)), Committed)


async def test_a_faulty_commit_leaves_its_neighbours_alone(store: Store) -> None:
    third = SessionRef("ws_a", "visitor_3", "chat_3")
    await store.commit(step(0, engagement_epoch=3))
    answers = await asyncio.gather(
        store.commit(step(0, OTHER)),
        store.commit(step(1, engagement_epoch=2)),
        store.commit(step(0, third)),
        return_exceptions=True,
    )
    kinds = [type(answer) for answer in answers]
    assert kinds == [Committed, AssertionError, Committed]


async def test_a_new_epoch_renames_the_messages(store: Store) -> None:
    await store.commit(step(0, messages=(message("m1"),)))
    await store.commit(step(1, new_epoch="fresh"))
    assert (await store.load(REF)).epoch == "fresh"
    await store.commit(step(2))
    assert (await store.load(REF)).epoch == "fresh"


async def test_a_closed_session_says_so_until_it_goes_on(store: Store) -> None:
    await store.commit(step(0, closed=True))
    assert (await store.load(REF)).closed
    await store.commit(step(1))
    assert not (await store.load(REF)).closed


async def test_a_closed_store_refuses(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable) as caught:
        await store.commit(step(0))
    assert caught.value.outcome == "none"
    assert not (await store.health()).ok
