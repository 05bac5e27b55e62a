"""Programs that ran once, compiled again from the files of their version, to explain what they decided."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Protocol, TypeVar

from engine.rule_library import RuleVersion
from engine.why import Programs
from rules.compiler import Program
from server.rulebook.live_rules import MAIN, BrokenRules, LiveRules, compile_files

PROGRAMS_MAX = 16
"""Compiled programs that are kept; the one used longest ago is compiled again when it is asked for."""

NUMBERS_MAX = 1_024
"""Version numbers that are remembered by program; a forgotten one is read again."""

T = TypeVar("T")
Key = tuple[str, str, int]


class Run(Protocol):
    """Runs a long computation, beside the loop or not."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Compute."""
        ...


async def at_once(work: Callable[[], T]) -> T:
    """Compute in the loop, as a `Run` where nobody else uses it."""
    return work()


class PastPrograms:
    """Finds the version that a journal entry was decided under, and compiles it, apart from what serves."""

    def __init__(self, rules: LiveRules) -> None:
        """Read versions from the library of `rules`."""
        self._rules = rules
        self._kept: OrderedDict[Key, Program] = OrderedDict()
        self._numbers: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def gather(self, workspace: str, wanted: Iterable[tuple[str, str]], run: Run) -> Programs:
        """Compile the program of each (site, version); the live one for a version that is not kept.

        What is answered is used within `run` only: a program's lookups are not made for two threads.
        """
        found: dict[tuple[str, str], Program] = {}
        live: dict[str, Program] = {}
        for source, version in set(wanted):
            # A site that is no longer configured is told under the workspace's main set.
            rule_set = self._rules.workspaces.sites.get((workspace, source), MAIN)
            if source not in live:
                now = await self._rules.library.live(workspace, rule_set)
                live[source] = await self._program(workspace, now, run)
            past = await self._rules.library.of_program(workspace, rule_set, version)
            if past is None or live[source].version == version:
                continue
            try:
                found[source, version] = await self._program(workspace, past, run)
            except BrokenRules:
                # Another release took these rules, and this one does not: the live ones are nearest.
                continue
        return lambda source, version: found.get((source, version), live[source])

    async def number(self, workspace: str, program: str) -> int | None:
        """Return the number of the first version that compiled to a program, None for an unknown one."""
        place = (workspace, program)
        number = self._numbers.get(place)
        if number is not None:
            return number
        for owner, rule_set in self._rules.folders:
            if owner != workspace:
                continue
            version = await self._rules.library.of_program(workspace, rule_set, program)
            if version is not None:
                self._numbers[place] = version.number
                if len(self._numbers) > NUMBERS_MAX:
                    self._numbers.popitem(last=False)
                return version.number
        return None

    async def _program(self, workspace: str, version: RuleVersion, run: Run) -> Program:
        key = (workspace, version.rule_set, version.number)
        program = self._kept.get(key)
        if program is None:
            files = await self._rules.library.files(workspace, version)
            folder = self._rules.folders[workspace, version.rule_set]
            program = (await run(partial(compile_files, folder, files))).program
            self._kept[key] = program
            if len(self._kept) > PROGRAMS_MAX:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return program
