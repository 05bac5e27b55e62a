"""A process that dies loses nothing that it was told is committed (STORES.md R2, D2)."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.stores.base import Replayed, SessionRef, VisitorRecord
from engine.stores.sqlite.store import SqliteStore
from tests.stores import keeper
from tests.stores.committer import DUE_MS, SESSIONS
from tests.stores.steps import START_MS

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("lines", [1, 700, 5_000])
async def test_every_acknowledged_commit_and_wakeup_survives_sigkill(
    tmp_path: Path, lines: int
) -> None:
    acked = _commit_until_killed(tmp_path / "a.db", lines)
    assert len(acked) > 0
    assert await _lost(tmp_path / "a.db", acked) == []


async def test_the_control_that_acknowledges_first_loses_commits(tmp_path: Path) -> None:
    # Now and then the kill comes just after a batch; it cannot do so five times.
    for attempt in range(5):
        path = tmp_path / f"{attempt}.db"
        if await _lost(path, _commit_until_killed(path, 700, "ack_first")):
            return
    pytest.fail("acknowledging before the commit lost nothing: this suite proves nothing")


async def test_after_sigkill_the_store_is_whole_and_goes_on(tmp_path: Path) -> None:
    acked = _commit_until_killed(tmp_path / "a.db", 2_000)
    store = await SqliteStore.open(tmp_path / "a.db", "D2", lambda: DUE_MS * 2)
    claimed: list[tuple[SessionRef, int]] = []
    while due := (await store.claim_due(lease_ms=10**9)).sessions:
        claimed += due
    assert sorted(ref.session for ref, _ in claimed) == sorted({name for name, _, _ in acked})
    for ref, due_ms in claimed:
        found = await store.load(ref)
        entries = await store.journal(ref, limit=1_000)
        assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
        assert found.state == b"state %d" % found.version
        assert due_ms == DUE_MS + (found.version - 1) * SESSIONS + int(ref.session[5:])
        history = await store.history(ref, found.epoch, 0)
        assert [m.offset for m in history.messages] == list(range(1, found.offset + 1))
        assert found.offset == len([n for n in range(found.version) if n % 10 == 3])
    integrity = await store._read(lambda w: w.db.execute("PRAGMA integrity_check").fetchone())
    assert integrity == ("ok",)
    await store.close()


async def test_what_was_answered_beside_sessions_survives_sigkill(tmp_path: Path) -> None:
    said = _said_until_killed(60, "tests.stores.keeper", str(tmp_path / "a.db"))
    told = len(said)
    store = await SqliteStore.open(tmp_path / "a.db", "D2", lambda: START_MS)
    # A round that was not told may have been done in part: what is there is from its beginning.
    causes = [cause.id for cause in await store.take_causes(limit=1_000)]
    assert causes == keeper.causes_of(len(causes))
    assert len(causes) >= 2 * told
    assert [doc.name for doc in await store.list_docs("ws_a", "kind", limit=500)][-told:] == [
        keeper.name(number) for number in reversed(range(told))
    ]
    booked = await store.booked("ws_a", "", "~")
    counted = (await store.counts("ws_a", [keeper.DAY], "sent"))["sent"]
    assert {keeper.name(number) for number in range(told)} <= set(booked)
    assert counted in (told, told + 1)
    for number in range(told):
        replayed = await store.idem_begin(keeper.name(number).encode(), b"hash")
        assert replayed == Replayed(200, b"answer %d" % number)
        found = await store.visitor("ws_a", keeper.name(number))
        assert found == VisitorRecord(1, b"profile")
    await store.close()


def _commit_until_killed(path: Path, lines: int, *mode: str) -> list[tuple[str, int, int]]:
    """Let a process commit, kill it after it has said this many lines, and return all it said."""
    said = _said_until_killed(lines, "tests.stores.committer", str(path), *mode)
    return [
        (name.decode(), int(version), int(due_ms))
        for name, version, due_ms in (line.split() for line in said)
    ]


def _said_until_killed(lines: int, *module: str) -> list[bytes]:
    """Run a module, kill it after it has said this many lines, and return all whole lines."""
    process = subprocess.Popen([sys.executable, "-m", *module], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        said = [process.stdout.readline() for _ in range(lines)]
    finally:
        process.kill()
        said += process.stdout.readlines()
        process.stdout.close()
        process.wait()
    return [line for line in said if line.endswith(b"\n")]


async def _lost(path: Path, acked: list[tuple[str, int, int]]) -> list[tuple[str, int]]:
    """Name the acknowledged commits whose entry or wake-up is not in the file."""
    store = await SqliteStore.open(path, "D2", lambda: START_MS)
    newest = {name: (version, due_ms) for name, version, due_ms in acked}
    wakeups = await store._read(
        lambda w: dict(w.db.execute("SELECT id, due FROM session").fetchall())
    )
    lost = []
    for name, (version, due_ms) in newest.items():
        place = name.removeprefix("chat_")
        ref = SessionRef("ws_a", f"visitor_{place}", name)
        found = await store.load(ref)
        entries = await store.journal(ref, after=version - 1)
        kept = bool(entries) and entries[0].body == b"entry %d" % version
        # A commit that was made but not yet told may have moved the wake-up on.
        if not kept or found.version < version or wakeups[name] < due_ms:
            lost.append((name, version))
    await store.close()
    return lost
