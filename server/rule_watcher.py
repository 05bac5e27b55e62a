"""A changed rule file -> checked and compiled beside the loop -> swapped in, or the old rules stay."""

import asyncio
import gc
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import Change, awatch

from engine.workspace import Workspaces
from rules import ParseCache
from rules.compiler import Program
from server.live_rules import BrokenRules, RuleFolder, compile_folder
from server.metrics import Metrics
from server.services import Services

DEBOUNCE_MS = 100
RULE_SUFFIX = ".rules"

Tell = Callable[[str], None]


class RuleWatcher:
    """Keeps the live programs equal to the folders; a broken folder keeps its old rules and says why."""

    def __init__(self, folders: Iterable[RuleFolder], workspaces: Workspaces, tell: Tell) -> None:
        """Watch `folders` and swap in `workspaces`; `tell` takes lines for the operator."""
        self._folders = tuple(folder for folder in folders if folder.path is not None)
        self._workspaces = workspaces
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
            await self.reload({Path(path) for _, path in changed}, services.metrics)

    async def reload(self, changed: set[Path], metrics: Metrics) -> None:
        """Compile the rule sets that hold a changed file, and swap each that has no errors."""
        for folder in self._folders:
            assert folder.path is not None
            if any(_is_below(path, folder.path) for path in changed):
                await self._reload(folder, metrics)

    async def _reload(self, folder: RuleFolder, metrics: Metrics) -> None:
        where = f"{folder.workspace}/{folder.name}"
        try:
            program = await _compiled(folder, self._cache)
        except BrokenRules as broken:
            metrics.count_reload(swapped=False)
            self._tell(f"{broken}\n\n{where}: not loaded, the rules before stay in force")
            return
        except OSError as error:
            metrics.count_reload(swapped=False)
            self._tell(f"{where}: {error.strerror or error}; the rules before stay in force")
            return
        live = self._workspaces.swap(folder.workspace, folder.name, program)
        metrics.count_reload(swapped=True)
        self._tell(f"{where}: version {live.version} is live, {len(program.rules)} rules")


async def _compiled(folder: RuleFolder, cache: ParseCache) -> Program:
    """Compile beside the loop, without a full collection of garbage in between.

    One collection over a large set that is half built stops the loop for a fifth of a second. What is
    new stays for long, so it is frozen before collections go on.
    """
    gc.disable()
    try:
        program, _ = await asyncio.to_thread(compile_folder, folder, cache)
        return program
    finally:
        gc.freeze()
        gc.enable()


def _is_rule_file(_: Change, path: str) -> bool:
    return path.endswith(RULE_SUFFIX)


def _is_below(path: Path, folder: Path) -> bool:
    return path == folder or folder.resolve() in path.resolve().parents
