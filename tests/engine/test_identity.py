"""Joining an anonymous visitor with the known one: never more room than either had."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.identity import (
    anonymous_after,
    carry_spend,
    join_visitors,
    known_visitor,
    link_user,
    may_be_merged,
    merge_profiles,
    proven_user,
)
from engine.limits import (
    ATTRIBUTES_MAX,
    GRANTS_MAX,
    IDENTITIES_MAX,
    PROFILE_BYTES_MAX,
    PROFILE_SESSIONS_MAX,
)
from engine.profile import Grant, Profile
from engine.stores.base import Store
from engine.stores.codec import decode_profile, encode_profile
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock

START_MS = 1_750_000_000_000
SECRET = b"a secret of thirty-two bytes or so"

times = st.integers(-1, 10_000)
grants = st.builds(
    Grant,
    at_ms=st.integers(0, 10_000),
    rule=st.sampled_from(["help", "hurry"]),
    session=st.sampled_from(["chat_1", "chat_2", "chat_3"]),
    message=st.sampled_from([f"msg_{n}" for n in range(8)]),
)


def grant_lists() -> st.SearchStrategy[list[Grant]]:
    unique = st.lists(grants, max_size=6, unique_by=lambda grant: grant.message)
    return unique.map(lambda found: sorted(found, key=lambda grant: grant.at_ms))


def profiles(visitor: str) -> st.SearchStrategy[Profile]:
    return st.builds(
        Profile,
        visitor=st.just(visitor),
        attrs=st.dictionaries(st.sampled_from(["visitor.a", "visitor.b"]), st.integers(0, 3)),
        visits=st.integers(0, 5),
        consent=st.sampled_from(["", "granted", "pending", "denied"]),
        grants=grant_lists(),
        spent=grant_lists(),
        dismissed_ms=times,
        chat_ms=times,
        arms=st.dictionaries(st.sampled_from(["seed1", "seed2"]), st.sampled_from(["x", "y"])),
        sessions=st.lists(st.sampled_from(["chat_1", "chat_2", "chat_3"]), unique=True),
    )


def messages(found: list[Grant]) -> set[str]:
    return {grant.message for grant in found}


@given(profiles("known"), profiles("browser"))
def test_the_known_visitor_never_has_more_room_than_either_had(
    known: Profile, browser: Profile
) -> None:
    merged = merge_profiles(known, browser)
    for profile in (known, browser):
        assert messages(profile.grants) <= messages(merged.grants)
        assert messages(profile.spent) <= messages(merged.spent)
        assert profile.dismissed_ms <= merged.dismissed_ms
        assert profile.chat_ms <= merged.chat_ms
        assert set(profile.sessions) <= set(merged.sessions)
        if profile.consent == "denied":
            assert merged.consent == "denied"
    assert merged.grants == sorted(merged.grants, key=lambda grant: grant.at_ms)
    assert len(messages(merged.grants)) == len(merged.grants)


@given(profiles("known"), profiles("browser"))
def test_a_running_session_goes_on_under_the_merged_caps(known: Profile, browser: Profile) -> None:
    merged = merge_profiles(known, browser)
    after = anonymous_after(browser, merged)
    assert (after.grants, after.spent) == (merged.grants, merged.spent)
    assert (after.dismissed_ms, after.chat_ms) == (merged.dismissed_ms, merged.chat_ms)
    assert (after.merged_into, after.sessions) == ("known", browser.sessions)


@given(profiles("known"), profiles("browser"))
def test_merging_again_changes_nothing(known: Profile, browser: Profile) -> None:
    merged = merge_profiles(known, browser)
    assert merge_profiles(merged, anonymous_after(browser, merged)) == merged


@given(profiles("known"), profiles("browser"))
def test_what_the_known_visitor_has_wins(known: Profile, browser: Profile) -> None:
    merged = merge_profiles(known, browser)
    assert merged.attrs == {**browser.attrs, **known.attrs}
    assert merged.arms == {**browser.arms, **known.arms}
    assert merged.visits == known.visits + browser.visits


def test_a_place_that_came_back_in_the_running_session_comes_back_for_the_known_visitor() -> None:
    grant = Grant(5, "help", "chat_1", "msg_1")
    browser = Profile("browser", grants=[grant], spent=[grant], sessions=["chat_1"])
    merged = merge_profiles(Profile("known"), browser)
    after = msgspec.structs.replace(anonymous_after(browser, merged), grants=[])
    assert merge_profiles(merged, after).grants == []
    other = Grant(9, "help", "chat_1", "msg_2")
    after = msgspec.structs.replace(after, grants=[other])
    assert merge_profiles(merged, after).grants == [other]
    assert merge_profiles(merged, after).spent == [grant]


def test_sessions_of_a_merge_keep_their_place_when_newer_ones_follow() -> None:
    browser = Profile("browser", sessions=["chat_2"])
    merged = merge_profiles(Profile("known", sessions=["chat_1"]), browser)
    assert merged.sessions == ["chat_1", "chat_2"]
    later = msgspec.structs.replace(merged, sessions=[*merged.sessions, "chat_3"])
    assert merge_profiles(later, browser).sessions == ["chat_1", "chat_2", "chat_3"]


def test_a_merged_profile_keeps_its_limits() -> None:
    def profile(visitor: str) -> Profile:
        return Profile(
            visitor,
            attrs={f"visitor.{visitor}_{n}": n for n in range(ATTRIBUTES_MAX)},
            grants=[Grant(n, "r", "s", f"{visitor}{n}") for n in range(GRANTS_MAX)],
            sessions=[f"{visitor}{n}" for n in range(PROFILE_SESSIONS_MAX)],
        )

    merged = merge_profiles(profile("a"), profile("b"))
    assert len(merged.attrs) <= ATTRIBUTES_MAX
    assert len(merged.grants) == GRANTS_MAX
    assert len(merged.sessions) == PROFILE_SESSIONS_MAX
    assert len(encode_profile(merged)) <= PROFILE_BYTES_MAX


def test_a_profile_over_its_bytes_leaves_out_attributes_first_and_the_oldest_grants_last() -> None:
    long = "r" * 60
    grants_of = [Grant(n, long, "s" * 31, f"msg_{n:026}") for n in range(GRANTS_MAX)]
    browser = Profile(
        "browser", attrs={"visitor.note": "x" * 7_000}, grants=grants_of, spent=grants_of
    )
    merged = merge_profiles(Profile("known"), browser)
    assert len(encode_profile(merged)) <= PROFILE_BYTES_MAX
    assert merged.attrs == {}
    assert merged.grants == grants_of
    assert merged.spent == grants_of[-len(merged.spent) :]


def test_a_profile_names_its_newest_identities() -> None:
    known = Profile("known")
    for number in range(IDENTITIES_MAX + 1):
        known = merge_profiles(known, Profile(f"browser-{number}"))
    assert len(known.identities) == IDENTITIES_MAX
    assert known.identities[-1] == f"browser-{IDENTITIES_MAX}"


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (Profile("browser"), True),
        (Profile("browser", merged_into="known"), True),
        (Profile("browser", merged_into="somebody"), False),
        (Profile("somebody", user="u2"), False),
        (Profile("known"), False),
    ],
)
def test_only_nobody_s_profile_becomes_part_of_a_known_one(
    profile: Profile, expected: bool
) -> None:
    assert may_be_merged(profile, "known") is expected


# ---- through the store


@pytest.fixture(params=["memory:", "sqlite"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Store]:
    url = "memory:" if request.param == "memory:" else f"sqlite:///{tmp_path}/opportune.db"
    opened = await open_store(url, clock=ManualClock(START_MS).now_ms)
    yield opened
    await opened.close()


async def put(store: Store, profile: Profile) -> None:
    record = await store.visitor("w", profile.visitor)
    expect = 0 if record is None else record.version
    written = await store.put_profile("w", profile.visitor, encode_profile(profile), expect)
    assert isinstance(written, int)


async def read(store: Store, visitor: str) -> Profile:
    record = await store.visitor("w", visitor)
    assert record is not None
    return decode_profile(record.profile)


@pytest.mark.anyio
async def test_a_user_is_the_same_visitor_on_every_device(store: Store) -> None:
    known = known_visitor(SECRET, "w", "u1")
    assert known == known_visitor(SECRET, "w", "u1") != known_visitor(SECRET, "w2", "u1")
    for browser in ("phone", "desk"):
        await put(store, Profile(browser, grants=[Grant(1, "help", browser, browser)]))
        assert await link_user(store, "w", "u1", known, browser)
    profile = await read(store, known)
    assert (profile.user, profile.identities) == ("u1", ["phone", "desk"])
    assert messages(profile.grants) == {"phone", "desk"}
    assert (await read(store, "desk")).grants == profile.grants
    assert (await read(store, "phone")).merged_into == known


@pytest.mark.anyio
async def test_browsers_that_are_joined_at_once_lose_no_grant(store: Store) -> None:
    browsers = [f"browser-{number}" for number in range(4)]
    for browser in browsers:
        await put(store, Profile(browser, grants=[Grant(1, "help", browser, browser)]))
    await asyncio.gather(*(link_user(store, "w", "u1", "known", name) for name in browsers))
    assert messages((await read(store, "known")).grants) == set(browsers)


@pytest.mark.anyio
async def test_linking_again_writes_nothing(store: Store) -> None:
    await put(store, Profile("browser", visits=2))
    await link_user(store, "w", "u1", "known", "browser")
    before = [await store.visitor("w", name) for name in ("known", "browser")]
    assert await link_user(store, "w", "u1", "known", "browser")
    assert [await store.visitor("w", name) for name in ("known", "browser")] == before


@pytest.mark.anyio
async def test_a_user_without_a_browser_of_before_is_known_too(store: Store) -> None:
    assert not await link_user(store, "w", "u1", "known", "")
    assert (await read(store, "known")).user == "u1"


@pytest.mark.anyio
async def test_another_user_s_browser_is_left_alone(store: Store) -> None:
    await link_user(store, "w", "u1", "known-1", "browser")
    assert not await link_user(store, "w", "u2", "known-2", "browser")
    assert (await read(store, "browser")).merged_into == "known-1"
    assert (await read(store, "known-2")).identities == []


@pytest.mark.anyio
async def test_a_spend_after_the_merge_is_carried_to_the_known_visitor_once(store: Store) -> None:
    await link_user(store, "w", "u1", "known", "browser")
    running = await read(store, "browser")
    running.grants = [Grant(7, "help", "chat_1", "msg_1")]
    running.dismissed_ms = 8
    await put(store, running)
    for _ in range(2):
        await carry_spend(store, "w", "browser")
        profile = await read(store, "known")
        assert messages(profile.grants) == {"msg_1"}
        assert profile.dismissed_ms == 8
        version = await store.visitor("w", "known")
    assert await store.visitor("w", "known") == version


@pytest.mark.anyio
async def test_nothing_is_carried_for_a_visitor_who_is_nobody_else(store: Store) -> None:
    await put(store, Profile("browser", visits=1))
    await carry_spend(store, "w", "browser")
    await carry_spend(store, "w", "nobody")
    assert await read(store, "browser") == Profile("browser", visits=1)


# ---- ids that clients call one person's


@pytest.mark.anyio
async def test_two_ids_that_a_client_calls_one_share_their_caps_and_prove_nothing(
    store: Store,
) -> None:
    await put(store, Profile("anon", grants=[Grant(1, "help", "chat_1", "msg_1")]))
    await put(store, Profile("u1", grants=[Grant(2, "help", "chat_2", "msg_2")]))
    assert await join_visitors(store, "w", "u1", "anon")
    for visitor in ("anon", "u1"):
        assert messages((await read(store, visitor)).grants) == {"msg_1", "msg_2"}
    joined = await read(store, "u1")
    assert (joined.user, joined.identities) == ("", ["anon"])
    assert await proven_user(store, "w", await read(store, "anon")) == ""


@pytest.mark.anyio
async def test_joining_twice_is_joining_once(store: Store) -> None:
    await put(store, Profile("anon", visits=2))
    await put(store, Profile("u1", visits=1))
    for _ in range(2):
        assert await join_visitors(store, "w", "u1", "anon")
    assert (await read(store, "u1")).visits == 3


@pytest.mark.anyio
async def test_a_visitor_cannot_be_joined_with_itself_nor_in_a_circle(store: Store) -> None:
    assert not await join_visitors(store, "w", "a", "a")
    await join_visitors(store, "w", "b", "a")
    assert not await join_visitors(store, "w", "a", "b")
    assert (await read(store, "b")).merged_into == ""


@pytest.mark.anyio
async def test_whoever_was_joined_before_follows_into_the_next_join(store: Store) -> None:
    for one, former in (("b", "a"), ("c", "b"), ("d", "c")):
        assert await join_visitors(store, "w", one, former)
    assert [(await read(store, name)).merged_into for name in "abc"] == ["d", "d", "d"]


@pytest.mark.anyio
async def test_no_client_s_word_touches_a_proven_visitor(store: Store) -> None:
    await link_user(store, "w", "u1", "known", "browser")
    await put(store, Profile("eve"))
    before = [await store.visitor("w", name) for name in ("known", "browser", "eve")]
    for one, former in (("known", "eve"), ("eve", "known"), ("eve", "browser"), ("browser", "eve")):
        assert not await join_visitors(store, "w", one, former)
    assert [await store.visitor("w", name) for name in ("known", "browser", "eve")] == before


@pytest.mark.anyio
async def test_who_proves_a_user_brings_along_whom_clients_joined_before(store: Store) -> None:
    await put(store, Profile("anon", grants=[Grant(1, "help", "chat_1", "msg_1")]))
    await join_visitors(store, "w", "u1", "anon")
    assert await link_user(store, "w", "u1", "known", "anon")
    known = await read(store, "known")
    assert (known.user, messages(known.grants)) == ("u1", {"msg_1"})
    assert [(await read(store, name)).merged_into for name in ("anon", "u1")] == ["known"] * 2
    assert await proven_user(store, "w", await read(store, "anon")) == "u1"
