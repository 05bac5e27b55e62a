"""`opportune why`: the same answer from a running server and from its store."""

import asyncio
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.explain import Record
from engine.testing.manual_clock import ManualClock
from server.access.operator_token import left_for_operators, token_path
from server.cli.command import Exit
from server.cli.main import main
from server.cli.session_desk import ask_why
from server.cli.why import record_text
from server.config import Config
from server.rulebook.session_why import Question
from tests.server.running import AC_PAGE, CONFIG, TestServer, in_process, listening, write_config

ON_DISK = CONFIG.replace('url = "memory:"', 'url = "sqlite:///data/opportune.db"')
ONE = ON_DISK[: ON_DISK.index('[[workspaces]]\nid = "ws_other"')]
BEGAN_MS = 1_750_000_000_000
"""2025-06-15 10:06:40 in Chicago, the site's zone."""


async def visit(server: TestServer) -> None:
    view = {"sessionId": "s1", "event": "page_view", "page": {"url": AC_PAGE}}
    assert (await server.track(view)).status == 200
    await server.pass_time(45_000)
    await server.pass_time(5_000)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Leave a store with one visit, and no server."""
    config = write_config(tmp_path, ONE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPPORTUNE_CONFIG", raising=False)

    async def run() -> None:
        async with in_process(config, ManualClock(BEGAN_MS)) as server:
            await visit(server)

    asyncio.run(run())
    return config


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    code = main(["why", *arguments])
    written = capsys.readouterr()
    return code, written.out.splitlines(), written.err


def test_a_silent_rule_is_explained_in_words(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines, _ = said(capsys, "ac_help", "--session", "s1", "--at", "10:07:20")
    assert code == Exit.CLEAN
    assert lines[0].startswith("ac_help stayed silent at 10:07:20")
    assert lines[1].startswith("  ✓ on page ac_repair")
    assert lines[2].startswith("  ✗ time_on_page >= 45s")
    assert "40 s" in lines[2]
    assert lines[2].endswith("can change at 10:07:25")
    assert lines[3] == "  ✓ gates                               all open"
    assert lines[4] == "It could have spoken at 10:07:25."


def test_the_instant_of_the_message_shows_why_it_spoke(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    _, lines, _ = said(capsys, "ac_help", "--session", "s1", "--at", "2025-06-15T15:07:25Z")
    assert lines[0].startswith("ac_help spoke at 10:07:25 on /services/ac-repair")
    assert all(line.startswith("  ✓") for line in lines[1:])


def test_a_closed_gate_has_its_own_line(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    _, lines, _ = said(capsys, "--session", "s1", "--at", "10:07:30")
    assert lines[0].startswith("ac_help was held back at 10:07:30")
    assert any(line.startswith("  ✗ gate cooldown") and "10:08:25" in line for line in lines)
    assert any(line.startswith("  ✗ gate cap") for line in lines)
    assert lines[-1].startswith("By itself it could not have spoken later")


def test_a_program_reads_the_record(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    _, lines, _ = said(capsys, "ac_help", "--session", "s1", "--at", "10:07:20", "--format", "json")
    record = json.loads("\n".join(lines))
    assert list(record) == [name for name in Record.__struct_fields__ if name != "estimated"]
    assert (record["rule"], record["at_ms"]) == ("ac_help", BEGAN_MS + 40_000)
    _, lines, _ = said(capsys, "--session", "s1", "--format", "json")
    assert isinstance(json.loads("\n".join(lines)), list)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--session", "s2"), "no session s2"),
        (("nobody", "--session", "s1"), "no rule nobody"),
        (("--session", "s1", "--at", "09:00"), "not within the session"),
        (("--session", "s1", "--at", "soon"), "like 14:01:10"),
        (("--session", "s1", "--at", "2025-06-15T15:07:25"), "--at 14:01:10"),
        ((), "--session"),
    ],
)
def test_what_cannot_be_explained_is_one_line(
    config: Config, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    code, lines, err = said(capsys, *arguments)
    assert (code, lines) == (Exit.USAGE, [])
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.anyio
async def test_a_running_server_gives_the_same_answer_as_its_store(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = write_config(tmp_path, ONE)
    clock = ManualClock(BEGAN_MS)
    questions = [
        Question(),
        Question("ac_help", BEGAN_MS + 40_000),
        Question("ac_help", None, "10:07:25"),
    ]

    async def ask_all() -> list[object]:
        return [
            await asyncio.to_thread(ask_why, config, "ws_dev", "s1", each) for each in questions[1:]
        ]

    async with listening(config, clock) as running:
        server = TestServer(running.server.parts, clock, running.server.http)
        await visit(server)
        services = running.server.parts.app.services
        address = f"http://127.0.0.1:{running.port}"
        with left_for_operators(token_path(config), address, bytes) as token:
            services.operator_token = token
            from_server = await ask_all()
    assert await ask_all() == from_server


def test_a_session_that_ended_long_ago_is_explained_by_its_own_id(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    found: list[str] = []

    async def end() -> None:
        async with in_process(config, ManualClock(BEGAN_MS + 60_000)) as server:
            for _ in range(3):
                await server.pass_time(12 * 3_600_000)
                await server.parts.store.sweep(server.clock.now_ms())
            (ref,) = await server.parts.store.list_sessions("ws_dev", None, 10)
            assert await server.parts.store.find("ws_dev", ref.session) is None
            found.append(ref.session)

    asyncio.run(end())
    code, lines, err = said(capsys, "ac_help", "--session", found[0], "--at", "10:07:25")
    assert code == Exit.CLEAN, err
    assert lines[0].startswith("ac_help spoke at 10:07:25")
    code, _, err = said(capsys, "--session", found[0][:-1])
    assert (code, "There is no session" in err) == (Exit.USAGE, True)


@pytest.mark.parametrize(("estimated", "says"), [(True, True), (msgspec.UNSET, False)])
def test_time_that_nobody_measured_is_called_estimated(
    estimated: bool | msgspec.UnsetType, says: bool
) -> None:
    words = "help stayed silent by `when time_on_page >= 45s`"
    record = Record("help", BEGAN_MS, "none", "when", words, (), (), None, estimated)
    text = record_text(record, ZoneInfo("UTC"))
    assert ("Its visible time is estimated" in text) is says
