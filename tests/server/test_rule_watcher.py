"""Hot reload: a changed file is live at once, a broken one changes nothing and says why."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.causes import RulesPublished
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from rules.compiler import Program
from server.assembly import assemble
from server.metrics import Metrics
from server.rulebook.live_rules import BrokenRules, LiveRules, compile_folders, rules_of
from server.rulebook.rule_watcher import RuleWatcher
from tests.server.running import CONFIG, RULES, write_config

pytestmark = pytest.mark.anyio
BROKEN = 'site "dev"\n\nrule x "X" {\n  on page "/a"\n  when time_on_page >= 45\n  say "Hi"\n}\n'


class Reload:
    """A watcher over a folder, told by hand what changed."""

    def __init__(self, folder: Path, rules: LiveRules) -> None:
        self.file = folder / "rules" / "main.rules"
        self.rules = rules
        self.told: list[str] = []
        self.metrics = Metrics(dict)
        self.watcher = RuleWatcher(rules, self.told.append)

    def program(self) -> Program:
        return self.rules.workspaces.program("ws_dev", "site_dev")

    async def write(self, text: str) -> list[RulesPublished]:
        self.file.write_text(text)
        causes = await self.watcher.reload({self.file}, self.metrics)
        return [cause.body for cause in causes if isinstance(cause.body, RulesPublished)]


@pytest.fixture
async def reload(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Reload]:
    clock = ManualClock()
    config = write_config(tmp_path)
    store = await open_store("memory:", clock=clock.now_ms)
    rules = rules_of(config, store, b"secret", clock.now_ms)
    await rules.load(compile_folders(rules.folders.values()))
    yield Reload(tmp_path, rules)
    await store.close()


async def test_a_changed_file_is_published_as_a_new_version(reload: Reload) -> None:
    before = reload.program()
    (told,) = await reload.write(RULES.replace("45s", "20s"))
    assert reload.program() is not before
    assert reload.rules.live("ws_dev", "main").number == 2
    assert (told.rule_set, told.version, told.origin) == ("main", 2, "folder")
    assert reload.told == ["ws_dev/main: version 2 is live, 1 rules"]


async def test_a_broken_file_keeps_the_old_rules_and_says_why(reload: Reload) -> None:
    before = reload.program()
    assert await reload.write(BROKEN) == []
    assert reload.program() is before
    (text,) = reload.told
    assert "main.rules" in text
    assert "the rules before stay in force" in text
    assert b'opportune_reloads_total{result="refused"} 1.0' in reload.metrics.exposition()


async def test_a_mended_file_is_taken_again(reload: Reload) -> None:
    await reload.write(BROKEN)
    await reload.write(RULES.replace("45s", "44s"))
    assert reload.rules.live("ws_dev", "main").number == 2


async def test_a_file_that_is_saved_unchanged_is_no_new_version(reload: Reload) -> None:
    before = reload.program()
    assert await reload.write(RULES) == []
    assert reload.program() is before
    assert reload.told == []


async def test_a_change_elsewhere_reloads_nothing(reload: Reload, tmp_path: Path) -> None:
    await reload.watcher.reload({tmp_path / "elsewhere.rules"}, reload.metrics)
    assert reload.told == []


async def test_a_saved_file_is_noticed(tmp_path: Path) -> None:
    """The one test through the real watcher: it waits for the notice, not for a time."""
    config = write_config(tmp_path)
    noticed = asyncio.Event()
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        noticed.set()

    parts = await assemble(config, watch=True, tell=tell)
    watcher = RuleWatcher(parts.app.services.rules, tell)
    watching = asyncio.create_task(watcher.run(parts.app.services))
    file = tmp_path / "rules" / "main.rules"
    try:
        async with asyncio.timeout(20):
            while not noticed.is_set():
                # Saved again until the watcher has begun: it offers no sign that it has.
                file.write_text(file.read_text() + "# saved again\n")
                await asyncio.wait({asyncio.create_task(noticed.wait())}, timeout=0.5)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await parts.runtime.stop()
    assert "is live" in told[0]


async def test_rules_that_are_broken_at_the_start_are_refused(tmp_path: Path) -> None:
    config = write_config(tmp_path, CONFIG, BROKEN)
    with pytest.raises(BrokenRules) as broken:
        await assemble(config)
    assert "main.rules" in str(broken.value)
    assert broken.value.report.diagnostics
