"""A changed rule file -> checked and compiled beside the loop -> published, or the old rules stay."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from watchfiles import Change, awatch

from engine.causes import Cause
from rules import ParseCache
from server.metrics import Metrics
from server.rulebook.live_rules import BrokenRules, LiveRules, RuleFolder, compile_folder
from server.services import Services
from server.side_work import kept

DEBOUNCE_MS = 100
RULE_SUFFIX = ".rules"

Tell = Callable[[str], None]


class RuleWatcher:
    """Publishes what changes in the folders; a broken folder keeps its old rules and says why."""

    def __init__(self, rules: LiveRules, tell: Tell) -> None:
        """Watch the folders of `rules`; `tell` takes lines for the operator."""
        self._rules = rules
        self._folders = tuple(each for each in rules.folders.values() if each.path is not None)
        self._tell = tell
        self._cache = ParseCache()

    async def run(self, services: Services) -> None:
        """Watch until cancelled; a `create_app` background."""
        paths = {folder.path for folder in self._folders if folder.path is not None}
        if not paths:
            return
        changes = awatch(
            *paths, watch_filter=_is_rule_file, debounce=DEBOUNCE_MS, ignore_permission_denied=True
        )
        async for changed in changes:
            causes = await self.reload({Path(path) for _, path in changed}, services.metrics)
            if causes:
                await services.runtime.tell(causes)

    async def reload(self, changed: set[Path], metrics: Metrics) -> list[Cause]:
        """Compile the rule sets that hold a changed file, and publish each that has no errors.

        Answers what others are to be told.
        """
        causes = []
        for folder in self._folders:
            assert folder.path is not None
            if any(_is_below(path, folder.path) for path in changed):
                cause = await self._reload(folder, metrics)
                causes += [] if cause is None else [cause]
        return causes

    async def _reload(self, folder: RuleFolder, metrics: Metrics) -> Cause | None:
        where = f"{folder.workspace}/{folder.name}"
        try:
            with kept():
                compiled = await asyncio.to_thread(compile_folder, folder, self._cache)
        except BrokenRules as broken:
            metrics.count_reload(swapped=False)
            self._tell(f"{broken}\n\n{where}: not loaded, the rules before stay in force")
            return None
        except OSError as error:
            metrics.count_reload(swapped=False)
            self._tell(f"{where}: {error.strerror or error}; the rules before stay in force")
            return None
        made = await self._rules.publish_folder(folder, compiled)
        if made is None:
            return None
        metrics.count_reload(swapped=True)
        version = made.version
        self._tell(f"{where}: version {version.number} is live, {len(version.names)} rules")
        return made.cause


def _is_rule_file(_: Change, path: str) -> bool:
    return path.endswith(RULE_SUFFIX)


def _is_below(path: Path, folder: Path) -> bool:
    return path == folder or folder.resolve() in path.resolve().parents
