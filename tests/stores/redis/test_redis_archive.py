"""The archive beside Redis: what ended leaves the servers and is read as before, once, whoever reads."""

import gzip
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from engine.errors import StoreRefused, StoreUnavailable
from engine.limits import ARCHIVED_KEPT_MS
from engine.stores.archive import HOUR_MS, Archive
from engine.stores.archive_file import Draft, mark_of
from engine.stores.base import Committed, Entry, Kept, Retention, SessionRef
from engine.stores.redis import archiving
from engine.stores.redis.store import RedisStore
from tests.faults.server import Cluster, Single
from tests.stores.redis.everything import all_keys
from tests.stores.steps import START_MS, SteppedClock, step

pytestmark = pytest.mark.anyio
KEPT = Retention()
HOUR_TEXT = "2027-01-15T08"
GONE, STAYS = SessionRef("ws_a", "visitor_1", "chat_1"), SessionRef("ws_a", "visitor_2", "chat_2")
FOREIGN = SessionRef("ws_b", "visitor_1", "chat_3")


def describe(ref: SessionRef, body: bytes) -> Sequence[bytes]:
    """Say one event a step, as the engine says those of its entries."""
    event = {"kind": "event", "name": body.decode(), "session_id": ref.session}
    return (json.dumps({**event, "visitor_id": ref.visitor, "at_ms": 1}).encode(),)


@pytest.fixture(params=["valkey", "valkey_cluster"])
def servers(request: pytest.FixtureRequest) -> Single | Cluster:
    found: Single | Cluster = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive", describe)


@pytest.fixture
async def store(
    servers: Single | Cluster, clock: SteppedClock, archive: Archive
) -> AsyncIterator[RedisStore]:
    servers.flush()
    opened = await RedisStore.open(servers.url, clock=clock, partitions=4, archive=archive)
    yield opened
    await opened.close()


async def visit(store: RedisStore, ref: SessionRef, entries: int = 3) -> None:
    """Make a session of some entries that has ended."""
    for expect in range(entries):
        done = await store.commit(step(expect, ref, closed=expect == entries - 1))
        assert isinstance(done, Committed)


async def sweep(store: RedisStore, clock: SteppedClock, by_ms: int = 2 * HOUR_MS) -> int:
    """Let time pass and sweep until nothing is left to do; answers how many sessions went."""
    clock.now_ms += by_ms
    count, more = 0, True
    while more:
        swept = await store.sweep(clock.now_ms)
        count, more = count + swept.sessions, swept.more
    return count


async def scanned(store: RedisStore, workspace: str = "ws_a") -> dict[SessionRef, list[Entry]]:
    """Read a workspace's journal from its first entry; each session comes once."""
    shown = [pair async for pair in store.scan(workspace, 0, 2**53)]
    assert len({ref for ref, _ in shown}) == len(shown)
    return dict(shown)


def journals_left(servers: Single | Cluster) -> int:
    return len([key for key in all_keys(servers) if key.split(b":")[2] == b"j"])


def drop_journals(servers: Single | Cluster) -> None:
    """Do what their expiry does an hour after they were archived."""
    for node in servers.primaries():
        for key in node.ask("KEYS", "op:{*}:j:*"):
            if node.ask("PTTL", key) > 0:
                node.ask("DEL", key)


def files(archive: Archive) -> list[Path]:
    return sorted(path for path in archive.folder.rglob("*") if path.is_file())


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


async def test_what_ended_is_in_a_file_of_its_hour_in_the_format_of_an_export(
    store: RedisStore, archive: Archive, clock: SteppedClock
) -> None:
    await visit(store, GONE)
    await visit(store, STAYS, 1)
    await store.commit(step(0, SessionRef("ws_a", "visitor_3", "chat_lives")))
    assert await sweep(store, clock) == 2
    paths = files(archive)
    place = store.partition_of(GONE.workspace, GONE.visitor)
    assert archive.folder / "ws_a" / f"{place:04d}" in {path.parent for path in paths}
    assert {path.name.partition(".")[0] for path in paths} == {HOUR_TEXT}
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    kinds, marks = list[str](), list[str]()
    for *lines, end in map(lines_of, paths):
        assert (end["end"], end["count"]) == (True, len(lines))
        kinds += [line["kind"] for line in lines]
        marks += end["visitors"]
    assert sorted(kinds) == ["entry"] * 4 + ["event"] * 4
    assert sorted(marks) == sorted(mark_of("ws_a", ref.visitor) for ref in (GONE, STAYS))


async def test_an_archived_journal_leaves_the_store_an_hour_later_and_is_read_as_before(
    store: RedisStore, servers: Single | Cluster, clock: SteppedClock
) -> None:
    for ref in (GONE, STAYS, FOREIGN):
        await visit(store, ref)
    before, journal = await scanned(store), await store.journal(GONE)
    assert (len(before), len(journal)) == (2, 3)
    assert await sweep(store, clock) == 3
    ends = [
        node.ask("PTTL", key)
        for node in servers.primaries()
        for key in node.ask("KEYS", "op:{*}:j:*")
    ]
    assert all(0 < end <= ARCHIVED_KEPT_MS for end in ends)
    assert len(ends) == 3
    for _ in range(2):
        assert await scanned(store) == before
        assert await store.journal(GONE) == journal
        assert await store.journal(GONE, 1, 1) == journal[1:2]
        assert set(await scanned(store, "ws_b")) == {FOREIGN}
        assert set(await store.list_sessions("ws_a", None, 10)) == {GONE, STAYS}
        drop_journals(servers)
    assert journals_left(servers) == 0


async def test_only_entries_of_the_time_that_is_asked_for_come_from_the_archive(
    store: RedisStore, servers: Single | Cluster, clock: SteppedClock
) -> None:
    await store.commit(step(0, GONE))
    clock.now_ms += 10
    await store.commit(step(1, GONE, closed=True))
    await sweep(store, clock)
    drop_journals(servers)
    spans = ((0, START_MS), (START_MS + 1, START_MS + 11), (START_MS + 2 * HOUR_MS, 2**53))
    shown = [[entry async for _, entry in store.scan("ws_a", *span)] for span in spans]
    assert [[entry.number for entry in of_one] for each in shown for of_one in each] == [[2]]


async def test_sessions_of_the_running_hour_and_live_ones_stay(
    store: RedisStore, archive: Archive, clock: SteppedClock
) -> None:
    await visit(store, GONE)
    assert await sweep(store, clock, KEPT.ended_ms) == 0
    assert files(archive) == []
    assert (await store.load(GONE)).version == 3


async def test_what_cannot_be_written_stays_in_the_store(
    store: RedisStore, archive: Archive, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    await visit(store, GONE)
    archive.folder.write_text("a file, not a folder")
    assert await sweep(store, clock) == 0
    assert await sweep(store, clock, 0) == 0
    assert len(await store.journal(GONE)) == 3
    assert [record.message for record in caplog.records if "cannot be archived" in record.message]
    archive.folder.unlink()
    assert await sweep(store, clock, 0) == 1


async def test_a_session_that_begins_again_keeps_its_new_journal(
    store: RedisStore, servers: Single | Cluster, clock: SteppedClock
) -> None:
    await visit(store, GONE)
    await sweep(store, clock)
    assert isinstance(await store.commit(step(0, GONE, op="again")), Committed)
    drop_journals(servers)
    assert [entry.number for entry in await store.journal(GONE)] == [1]
    assert [len(entries) for entries in (await scanned(store)).values()] == [1]


async def test_one_that_went_on_or_was_erased_while_its_file_was_written_is_not_in_it(
    store: RedisStore,
    servers: Single | Cluster,
    archive: Archive,
    clock: SteppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refs = [SessionRef("ws_a", "visitor_1", f"chat_{number}") for number in range(3)]
    for ref in refs:
        await visit(store, ref)
    finish = archive.finish

    async def go_on(draft: Draft) -> bool:
        done = await finish(draft)
        await store.commit(step(3, refs[0]))
        return done

    monkeypatch.setattr(archive, "finish", go_on)
    assert await sweep(store, clock) == 2
    drop_journals(servers)
    assert {ref: len(entries) for ref, entries in (await scanned(store)).items()} == {
        refs[0]: 4,
        refs[1]: 3,
        refs[2]: 3,
    }
    assert b"chat_0" not in b"".join(gzip.decompress(path.read_bytes()) for path in files(archive))
    place = store.partition_of("ws_a", "visitor_1")
    assert await archive.holds("ws_a", place, "visitor_1")


async def test_an_archiving_that_is_cut_off_is_done_again_and_nothing_comes_twice(
    store: RedisStore,
    servers: Single | Cluster,
    archive: Archive,
    clock: SteppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refs = [SessionRef("ws_a", "visitor_1", f"chat_{number}") for number in range(3)]
    for ref in refs:
        await visit(store, ref)
    before = await scanned(store)

    async def cut_off(*_: object) -> int:
        raise StoreUnavailable("none", 1, "cut off")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_let_session_go", cut_off)
        with pytest.raises(StoreUnavailable, match="cut off"):
            await sweep(store, clock)
    assert len(files(archive)) == 1
    assert await scanned(store) == before
    assert await sweep(store, clock, 0) == 3
    drop_journals(servers)
    assert len(files(archive)) == 2
    assert await scanned(store) == before


async def test_a_file_holds_a_bounded_number_of_sessions(
    store: RedisStore, archive: Archive, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "ARCHIVE_SESSIONS_MAX", 2)
    for number in range(5):
        await visit(store, SessionRef("ws_a", "visitor_1", f"chat_{number}"), 1)
    assert await sweep(store, clock) == 5
    assert len(files(archive)) == 3
    assert len(await scanned(store)) == 5


async def test_an_erasure_of_the_archive_leaves_the_visitor_in_no_file(
    store: RedisStore, servers: Single | Cluster, archive: Archive, clock: SteppedClock
) -> None:
    place = store.partition_of("ws_a", GONE.visitor)
    beside = next(
        ref
        for ref in (SessionRef("ws_a", f"visitor_1.{each}", "chat_1.b") for each in range(100))
        if store.partition_of("ws_a", ref.visitor) == place
    )
    for ref in (GONE, beside):
        await visit(store, ref)
    await sweep(store, clock)
    drop_journals(servers)
    (archive.folder / "ws_a" / f"{place:04d}" / "left.part").write_text("half written")
    assert await archive.holds("ws_a", place, GONE.visitor)
    assert await archive.forget("ws_a", place, GONE.visitor) == 1
    assert await archive.forget("ws_a", place, GONE.visitor) == 0
    assert not await archive.holds("ws_a", place, GONE.visitor)
    assert (await store.journal(GONE), set(await scanned(store))) == ([], {beside})
    assert all(b'chat_1"' not in gzip.decompress(path.read_bytes()) for path in files(archive))
    assert len(files(archive)) == 1
    assert await archive.forget("ws_a", place, beside.visitor) == 1
    assert files(archive) == []


async def test_an_export_of_a_visitor_has_what_is_in_the_archive(
    store: RedisStore, servers: Single | Cluster, clock: SteppedClock
) -> None:
    await visit(store, GONE)
    await sweep(store, clock)
    drop_journals(servers)
    shown: list[Kept] = [kept async for kept in store.export("ws_a", GONE.visitor)]
    assert [kept.name for kept in shown if kept.kind == "entry"] == ["1", "2", "3"]


async def test_a_file_that_is_not_whole_is_named_and_hides_nothing(
    store: RedisStore, servers: Single | Cluster, archive: Archive, clock: SteppedClock
) -> None:
    await visit(store, GONE)
    await sweep(store, clock)
    drop_journals(servers)
    (path,) = files(archive)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(StoreUnavailable, match=path.name):
        await store.journal(GONE)


async def test_what_a_dead_writer_left_goes_with_the_next_file(
    store: RedisStore, archive: Archive, clock: SteppedClock
) -> None:
    place = archive.folder / "ws_a" / f"{store.partition_of('ws_a', GONE.visitor):04d}"
    make_old(place / "old.part")
    await visit(store, GONE)
    await sweep(store, clock)
    assert [path.suffix for path in files(archive)] == [".gz"]


def make_old(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("half written")
    os.utime(path, (0, 0))


def test_a_folder_that_cannot_be_made_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreRefused, match=r"store\.archive: .* cannot be written"):
        Archive(tmp_path / "file" / "archive", describe).check()
    archive = Archive(tmp_path / "made", describe)
    archive.check()
    assert files(archive) == []
