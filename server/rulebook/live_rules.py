"""Rule sets of the configuration and of the library -> the live programs of every workspace and site."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from engine.causes import Cause, RulesPublished, encode_cause
from engine.effect import Terms
from engine.ids import derived_id
from engine.rule_library import Origin, RuleLibrary, RuleVersion, Stale, files_digest
from engine.signals import SCHEMA
from engine.stores.base import Store, StoredCause
from engine.workspace import Workspaces
from rules import CheckOptions, ParseCache, Report, check_parsed, check_path, check_texts
from rules.compiler import Program, compile_program
from rules.diagnostic_text import render_text
from server.config import Config
from server.side_work import kept

_log = logging.getLogger("opportune.rules")

MAIN = "main"
FOLDER_ATTEMPTS_MAX = 8
"""Publications of one folder while others publish the same set; then the next change tries again."""


@dataclass(frozen=True, slots=True)
class RuleFolder:
    """One rule set: `main` of a workspace, or a site's own, named by its source; no path is no rules."""

    workspace: str
    name: str
    path: Path | None
    allow_regex: bool


class BrokenRules(Exception):
    """A rule set has errors; `report` holds them, the message is their text for a terminal."""

    def __init__(self, folder: RuleFolder, report: Report) -> None:
        """Write what was found, one diagnostic after the other."""
        self.folder = folder
        self.report = report
        super().__init__("\n\n".join(diagnostic_texts(report)))


class Compiled(Struct, frozen=True):
    """Rule files as a program that is ready to serve, and what the check found in them."""

    program: Program
    report: Report

    @property
    def files(self) -> dict[str, str]:
        """Return the files by name, as they were read."""
        return {name: source.text for name, source in self.report.sources.items()}


class Published(Struct, frozen=True):
    """A version that went live, and what others are to be told of it.

    The cause is kept with the version, so it is told once, however often it is given to be told.
    """

    version: RuleVersion
    cause: Cause


class Byline(Struct, frozen=True):
    """Who publishes, from where, and why; `publication` names the request, the same when it is repeated."""

    origin: Origin
    author: str
    note: str
    publication: str


def rule_folders(config: Config) -> tuple[RuleFolder, ...]:
    """List every rule set of a configuration."""
    folders = []
    for workspace in config.workspaces:
        path = Path(workspace.rules) if workspace.rules else None
        folders.append(RuleFolder(workspace.id, MAIN, path, workspace.allow_regex))
        folders.extend(
            RuleFolder(workspace.id, site.source_id, Path(site.rules), workspace.allow_regex)
            for site in workspace.sites
            if site.rules
        )
    return tuple(folders)


def compile_folder(folder: RuleFolder, cache: ParseCache | None = None) -> Compiled:
    """Read, check and compile the files of one rule set's folder, every function of it written ahead.

    Raises:
        BrokenRules: it has errors.
        OSError: a file cannot be read.
    """
    options = CheckOptions(allow_regex=folder.allow_regex)
    if folder.path is None:
        report = check_parsed((), SCHEMA, options)
    else:
        report = check_path(folder.path, SCHEMA, options, cache)
    return _compiled(folder, report)


def compile_folders(folders: Iterable[RuleFolder]) -> dict[RuleFolder, Compiled]:
    """Compile what every folder holds now.

    Raises:
        BrokenRules: the first rule set with errors.
        OSError: a file cannot be read.
    """
    return {folder: compile_folder(folder) for folder in folders}


def compile_files(folder: RuleFolder, files: Mapping[str, str]) -> Compiled:
    """Check and compile files that are not in the folder; they are read in the order of their names.

    Raises:
        BrokenRules: they have errors.
    """
    options = CheckOptions(allow_regex=folder.allow_regex)
    return _compiled(folder, check_texts(dict(sorted(files.items())), SCHEMA, options))


def _compiled(folder: RuleFolder, report: Report) -> Compiled:
    if report.checked is None:
        raise BrokenRules(folder, report)
    program = compile_program(report.checked, report.sources)
    for _ in program.warm():
        pass
    return Compiled(program, report)


def diagnostic_texts(report: Report) -> Sequence[str]:
    """Lay out each finding for a terminal."""
    return [
        render_text(item, report.sources[item.span.source], report.sources)
        for item in report.diagnostics
    ]


class LiveRules:
    """What every rule set runs now, and the one way in which that changes."""

    def __init__(
        self,
        folders: Sequence[RuleFolder],
        store: Store,
        secret: bytes,
        now_ms: Callable[[], int],
    ) -> None:
        """Serve the sets of `folders`; versions are kept in `store`, `secret` signs what is told of them."""
        self.library = RuleLibrary(store)
        self.workspaces = Workspaces()
        self.folders = {(folder.workspace, folder.name): folder for folder in folders}
        self._secret = secret
        self._now_ms = now_ms
        self._live: dict[tuple[str, str], RuleVersion] = {}

    def live(self, workspace: str, rule_set: str) -> RuleVersion:
        """Return the version that a set runs; KeyError for an unknown set."""
        return self._live[workspace, rule_set]

    def sources(self, workspace: str, rule_set: str) -> tuple[str, ...]:
        """List the sites that use a set."""
        return tuple(
            source
            for (owner, source), used in self.workspaces.sites.items()
            if (owner, used) == (workspace, rule_set)
        )

    async def load(self, found: Mapping[RuleFolder, Compiled]) -> None:
        """Bring every set up: its folder when that changed, else the version that was live last.

        Args:
            found: what `compile_folders` made of the folders.

        Raises:
            BrokenRules: a version that is kept has errors in this release.
        """
        for folder, compiled in found.items():
            if await self.publish_folder(folder, compiled) is not None:
                continue
            version = await self.library.live(folder.workspace, folder.name)
            program = compiled.program
            if version.number and version.digest != files_digest(compiled.files):
                files = await self.library.files(folder.workspace, version)
                program = compile_files(folder, files).program
            self._swap(folder, version, program)

    async def follow(self, workspace: str) -> None:
        """Swap in what another process made live in a workspace; what runs already is left alone.

        What the store says counts, also when it says less than before: a fail-over may have lost a version.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        for place, folder in self.folders.items():
            if place[0] != workspace:
                continue
            version = await self.library.live(*place)
            if version != self._live.get(place):
                await self._follow(folder, version)

    async def _follow(self, folder: RuleFolder, version: RuleVersion) -> None:
        files = await self.library.files(folder.workspace, version)

        def build() -> Compiled:
            with kept():
                return compile_files(folder, files)

        try:
            compiled = await asyncio.to_thread(build)
        except BrokenRules:
            # A process of another release published them: this one keeps serving what it understands.
            _log.exception(
                "%s/%s: version %d has errors in this release; the rules before stay in force here",
                folder.workspace,
                folder.name,
                version.number,
            )
            return
        place = (folder.workspace, folder.name)
        # Compiling takes a while; of what went live meanwhile the next look tells.
        if version == await self.library.live(*place):
            self._put(place, version, compiled.program)

    async def publish_folder(self, folder: RuleFolder, compiled: Compiled) -> Published | None:
        """Publish what a folder holds now; None when it holds what it held when last published."""
        digest = folder_digest(compiled)
        for _ in range(FOLDER_ATTEMPTS_MAX):
            before = await self.library.live(folder.workspace, folder.name)
            if before.folder == digest:
                return None
            byline = Byline("folder", "folder", "", f"folder-{before.number + 1}-{digest}")
            made = await self.publish(folder, compiled, before, byline)
            if isinstance(made, Published):
                return made
        return None

    async def publish(
        self, folder: RuleFolder, compiled: Compiled, before: RuleVersion, byline: Byline
    ) -> Published | Stale:
        """Make files the live version after `before`: durable, then swapped in."""
        version = _successor(before, compiled, byline, self._now_ms())
        cause = self._cause(folder.workspace, version)
        stored = StoredCause(cause.id, folder.workspace, "", encode_cause(cause))
        made = await self.library.publish(folder.workspace, version, compiled.files, stored)
        if isinstance(made, Stale):
            return made
        self._swap(folder, made, compiled.program)
        return Published(made, self._cause(folder.workspace, made))

    def _swap(self, folder: RuleFolder, version: RuleVersion, program: Program) -> None:
        place = (folder.workspace, folder.name)
        known = self._live.get(place)
        if known is not None and known.number >= version.number:
            # A later publication was quicker to come here.
            return
        self._put(place, version, program)

    def _put(self, place: tuple[str, str], version: RuleVersion, program: Program) -> None:
        self._live[place] = version
        self.workspaces.swap(*place, program)

    def _cause(self, workspace: str, version: RuleVersion) -> Cause:
        parts = (workspace, "rules_published", version.rule_set, version.number)
        return Cause(
            id=derived_id("evt", self._secret, *parts),
            at_ms=version.published_ms,
            workspace=workspace,
            body=RulesPublished(
                rule_set=version.rule_set,
                version=version.number,
                etag=version.etag,
                origin=version.origin,
                author=version.author,
                note=version.note,
            ),
        )


def rules_of(config: Config, store: Store, secret: bytes, now_ms: Callable[[], int]) -> LiveRules:
    """Connect the rule sets of a configuration with its sites; `load` brings them up."""
    rules = LiveRules(rule_folders(config), store, secret, now_ms)
    for workspace in config.workspaces:
        rules.workspaces.agreed[workspace.id] = Terms(workspace.qualify_score)
        for site in workspace.sites:
            rule_set = site.source_id if site.rules else MAIN
            rules.workspaces.add_site(workspace.id, site.source_id, rule_set)
    return rules


def folder_digest(compiled: Compiled) -> str:
    """Return the hash of a folder's files, "" for none: an empty folder is like no folder."""
    return files_digest(compiled.files) if compiled.files else ""


def _successor(before: RuleVersion, compiled: Compiled, byline: Byline, now_ms: int) -> RuleVersion:
    names = tuple(rule.name for rule in compiled.program.rules)
    diagnostics = compiled.report.diagnostics
    return RuleVersion(
        rule_set=before.rule_set,
        number=before.number + 1,
        digest=files_digest(compiled.files),
        program=compiled.program.version,
        origin=byline.origin,
        author=byline.author,
        note=byline.note,
        published_ms=now_ms,
        names=names,
        goals=len(compiled.program.checked.goals),
        warnings=sum(found.severity == "warning" for found in diagnostics),
        added=tuple(name for name in names if name not in before.names),
        removed=tuple(name for name in before.names if name not in names),
        folder=folder_digest(compiled) if byline.origin == "folder" else before.folder,
        publication=byline.publication,
    )
