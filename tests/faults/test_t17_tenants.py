"""T17: two workspaces with the same odd ids over one Redis: nothing is read across, and no key is misplaced.

Every route and frame with another workspace's ids is in `tests/api/test_tenants.py`.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.stores.base import Commit, Committed, SessionRef
from engine.stores.redis import keys as redis_keys
from engine.stores.redis.store import RedisStore
from tests.faults.runs import IS_FULL, Outcome, sized
from tests.faults.server import Single
from tests.server.running import PLATFORM, TestServer, in_process, write_config
from tests.stores.steps import message

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 300))]
EXAMPLES = sized(40, 1_000)
SAMPLES = sized(100, 2_000)
DIFFERENCE_MAX = 0.05
# Found in no key: it is in every id.
MARK = "c4n4ry"
ODD = st.text("{}:*\x00|/%s \n\u202e\U0001f600abc", max_size=40).map(MARK.__add__) | st.just(
    MARK + "x" * 250
)


@asynccontextmanager
async def opened(redis: Single) -> AsyncIterator[RedisStore]:
    store = await RedisStore.open(redis.url, durability="D1", partitions=16)
    try:
        yield store
    finally:
        await store.close()


def commit_for(workspace: str, visitor: str, session: str) -> Commit:
    """Make a session whose every part says whose it is."""
    own = f"of {workspace}".encode()
    return Commit(
        ref=SessionRef(workspace, visitor, session),
        op=f"op {workspace}",
        expect=0,
        state=own,
        entry=own,
        expect_profile=0,
        profile=own,
        seen=(7,),
        messages=(message(f"msg {workspace} {session}"),),
        ids=(f"name {session}",),
    )


async def crossings(store: RedisStore, redis: Single, visitor: str, session: str) -> list[str]:
    """Let two workspaces use the same ids; says what one sees or holds of the other."""
    redis.flush()
    found = []
    keys: dict[str, set[bytes]] = {}
    for workspace in ("ws_a", "ws_b"):
        before = scanned(redis)
        answer = await store.commit(commit_for(workspace, visitor, session))
        if not isinstance(answer, Committed):
            found.append(f"{workspace} was answered {answer}")
        keys[workspace] = scanned(redis) - before
    for workspace in ("ws_a", "ws_b"):
        ref, own = SessionRef(workspace, visitor, session), f"of {workspace}".encode()
        loaded = await store.load(ref)
        history = await store.history(ref, None, 0)
        named = await store.find(workspace, f"name {session}")
        if (loaded.state, loaded.profile) != (own, own) or len(history.messages) != 1:
            found.append(f"{workspace} sees {loaded.state!r}, {loaded.profile!r}")
        if named != ref:
            found.append(f"{workspace} finds {named}")
    other = {"ws_a": "ws_b", "ws_b": "ws_a"}
    for workspace, made in keys.items():
        foreign = redis_keys.workspace_key(other[workspace]).encode()
        found += [f"{key!r} is misplaced" for key in made if foreign in key]
    found += [f"{key!r} holds an id" for key in scanned(redis) if MARK.encode() in key]
    return found


def scanned(redis: Single) -> set[bytes]:
    """Read all keys."""
    keys = redis.node.ask("KEYS", "*")
    assert isinstance(keys, list)
    return {key for key in keys if isinstance(key, bytes)}


async def test_the_same_ids_in_two_workspaces_are_two_of_everything(
    redis: Single, outcome: Outcome
) -> None:
    async with opened(redis) as store:
        for visitor, session in pairs(EXAMPLES):
            found = await crossings(store, redis, visitor, session)
            assert found == [], (visitor, session)
            outcome.acked += 2


def pairs(count: int) -> list[tuple[str, str]]:
    """Draw ids, always the same."""
    drawn: list[tuple[str, str]] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.tuples(ODD, ODD))
    def draw(pair: tuple[str, str]) -> None:
        drawn.append(pair)

    draw()
    return drawn


async def test_the_control_without_the_workspace_in_the_key_is_found(
    redis: Single, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_place = redis_keys.Keys._find_place
    monkeypatch.setattr(redis_keys, "workspace_key", lambda _: "same")
    monkeypatch.setattr(
        redis_keys.Keys, "_find_place", lambda keys, _, name: find_place(keys, "same", name)
    )
    async with opened(redis) as store:
        found = await crossings(store, redis, MARK, f"chat_{MARK}")
    outcome.control = f"one key for all workspaces: {len(found)} crossings"
    assert found


async def test_a_foreign_session_takes_as_long_as_one_that_is_not_there(
    tmp_path: Path, outcome: Outcome
) -> None:
    async with in_process(write_config(tmp_path)) as server:
        other = {
            "authorization": "Bearer dev_key_other_012345678",
            "x-workspace-id": "ws_other",
        }
        body = {"source_id": "site_other", "visitor": {}}
        opening = await server.send("POST", "/v1/live-chat/sessions", body, other)
        foreign = opening.json["data"]["session_id"]
        absent = foreign[:-6] + ("000000" if foreign[-6:] != "000000" else "000001")
        took: dict[str, list[float]] = {foreign: [], absent: []}
        for _ in range(SAMPLES):
            for session, times in took.items():
                times.append(await asked(server, session))
    medians = [median(times) for times in took.values()]
    difference = abs(medians[0] - medians[1]) / min(medians)
    outcome.notes = f"medians differ by {difference:.1%}"
    assert difference < DIFFERENCE_MAX or not IS_FULL


async def asked(server: TestServer, session: str) -> float:
    """Ask for a session that one may not see; answers the seconds."""
    # The budget of a minute is not what is measured.
    server.clock.advance(100)
    began = time.perf_counter()
    answer = await server.send("GET", f"/v1/live-chat/sessions/{session}", headers=PLATFORM)
    ended = time.perf_counter()
    assert answer.status == 404
    return ended - began
