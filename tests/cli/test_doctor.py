"""`opportune doctor`: each finding with what to try, and an exit code that a script can use."""

import asyncio
import json
import socket
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.ids import Ids
from engine.stores.base import SessionRef
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from server.cli.command import Exit
from server.cli.main import main
from tests.cli.running import serving
from tests.faults.server import Servers, Single
from tests.stores.steps import step


def doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["doctor", *arguments])
    said = capsys.readouterr()
    return code, said.out + said.err


def set_store(folder: Path, lines: str) -> None:
    path = folder / "opportune.toml"
    path.write_text(f"[store]\n{lines}\n" + path.read_text(encoding="utf-8"), encoding="utf-8")


def test_a_sound_installation_has_no_failures(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = doctor(capsys)
    assert code == Exit.CLEAN, text
    assert "ok    store    sqlite, durability D2" in text
    assert text.splitlines()[-1].startswith("0 failures")


def test_a_running_server_is_told_apart_from_a_taken_port(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(folder):
        code, text = doctor(capsys)
        assert code == Exit.CLEAN, text
        assert "in use by the running server" in text
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        path = folder / "opportune.toml"
        port = taken.getsockname()[1]
        text = path.read_text(encoding="utf-8").replace("port = 0", f"port = {port}")
        path.write_text(text, encoding="utf-8")
        code, text = doctor(capsys)
    assert code == Exit.FINDINGS
    assert f"try: opportune serve --port {port + 1}" in text


def test_every_journal_is_folded_when_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = doctor(capsys, "--verify")
    assert code == Exit.CLEAN
    assert "0 sessions are as their journals say" in text


def test_findings_can_be_read_by_a_program(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["doctor", "--format", "json"])
    findings = json.loads(capsys.readouterr().out)
    assert {finding["subject"] for finding in findings} >= {"python", "rules", "port", "store"}


def test_settings_are_shown_with_their_origin_and_without_secrets(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_store(folder, 'url = "redis://ops:hunter2@127.0.0.1:9"')
    monkeypatch.setenv("OPPORTUNE_SECRET", "a secret of tests that is long enough")
    monkeypatch.setenv("OPPORTUNE_LIMITS__KEY_PER_MINUTE", "5")
    _, text = doctor(capsys, "--settings")
    assert "hunter2" not in text
    assert "a secret of tests" not in text
    rows = [line.split() for line in text.splitlines()]
    assert ["limits.key_per_minute", "5", "environment"] in rows
    assert ["store.session_idle", "30m", "default"] in rows


def test_a_redis_that_is_away_is_a_failure_without_its_password(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_store(folder, 'url = "redis://ops:hunter2@127.0.0.1:9"')
    code, text = doctor(capsys)
    assert code == Exit.FINDINGS
    assert "fail  store" in text
    assert "hunter2" not in text


def test_each_setting_of_redis_is_shown_with_what_to_change(
    folder: Path, capsys: pytest.CaptureFixture[str], valkey: Servers
) -> None:
    valkey.flush()
    set_store(folder, f'url = "{valkey.url}"\ndurability = "D1"')
    code, text = doctor(capsys)
    assert code == Exit.CLEAN, text
    assert "ok    redis    maxmemory-policy is noeviction" in text
    assert "set maxmemory, so that it refuses before the system does" in text


def test_the_folders_beside_a_shared_store_are_tried(
    folder: Path, capsys: pytest.CaptureFixture[str], valkey: Servers
) -> None:
    valkey.flush()
    set_store(folder, f'url = "{valkey.url}"\ndurability = "D3"\narchive = "kept"')
    (folder / "kept").write_text("a file, not a folder", encoding="utf-8")
    _, text = doctor(capsys)
    assert "fail  archive " in text
    assert f"{folder / 'kept'} cannot be written" in text
    assert f"ok    accepted {folder / 'data'} can be written" in text
    (folder / "kept").unlink()
    (folder / "data").rmdir()
    (folder / "data").write_text("a file, not a folder", encoding="utf-8")
    _, text = doctor(capsys)
    assert f"ok    archive  {folder / 'kept'} can be written; every worker needs" in text
    assert "fail  accepted" in text


def test_journals_that_come_to_fill_the_servers_want_an_archive(
    folder: Path, capsys: pytest.CaptureFixture[str], valkey: Single
) -> None:
    valkey.flush()
    store_lines = f'url = "{valkey.url}"\ndurability = "D1"\n'
    set_store(folder, store_lines + 'retention_events = "300d"')
    asyncio.run(keep_a_day(valkey.url))
    (node,) = valkey.primaries()
    try:
        node.ask("CONFIG", "SET", "maxmemory", 256 * 1024 * 1024)
        _, text = doctor(capsys)
        assert "of the servers' maxmemory" not in text
        node.ask("CONFIG", "SET", "maxmemory", 32 * 1024 * 1024)
        code, text = doctor(capsys)
    finally:
        node.ask("CONFIG", "SET", "maxmemory", 0)
    assert code == Exit.CLEAN, text
    assert "warn  journal  40 sessions a day, kept 300 days, come to " in text
    assert 'try: archive = "data/archive" under [store]' in text


async def keep_a_day(url: str) -> None:
    """Keep forty sessions of a kilobyte that began now, and one of the day before yesterday."""
    store = await open_store(url, durability="D1", clock=SystemClock().now_ms, partitions=16)
    now_ms = await store.now()
    for clock in [ManualClock(now_ms)] * 40 + [ManualClock(now_ms - 2 * 86_400_000)]:
        ref = SessionRef("ws_dev", "visitor", Ids(clock).make("chat"))
        await store.commit(step(0, ref, op=ref.session, entry=b"e" * 1_024))
    await store.close()
