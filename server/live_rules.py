"""Rule folders of the configuration -> the live programs of every workspace and site."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.signals import SCHEMA
from engine.workspace import Workspaces
from rules import CheckOptions, ParseCache, Report, check_parsed, check_path
from rules.compiler import Program, compile_program
from rules.diagnostic_text import render_text
from server.config import Config

MAIN = "main"


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


def load_workspaces(config: Config, cache: ParseCache | None = None) -> Workspaces:
    """Compile every rule set of a configuration.

    Raises:
        BrokenRules: the first rule set with errors.
        OSError: a file cannot be read.
    """
    workspaces = Workspaces()
    for workspace in config.workspaces:
        for site in workspace.sites:
            workspaces.add_site(
                workspace.id, site.source_id, site.source_id if site.rules else MAIN
            )
    for folder in rule_folders(config):
        program, _ = compile_folder(folder, cache)
        workspaces.swap(folder.workspace, folder.name, program)
    return workspaces


def compile_folder(folder: RuleFolder, cache: ParseCache | None = None) -> tuple[Program, Report]:
    """Read, check and compile one rule set, every function of it written ahead.

    Raises:
        BrokenRules: it has errors.
        OSError: a file cannot be read.
    """
    options = CheckOptions(allow_regex=folder.allow_regex)
    if folder.path is None:
        report = check_parsed((), SCHEMA, options)
    else:
        report = check_path(folder.path, SCHEMA, options, cache)
    if report.checked is None:
        raise BrokenRules(folder, report)
    program = compile_program(report.checked, report.sources)
    for _ in program.warm():
        pass
    return program, report


def diagnostic_texts(report: Report) -> Sequence[str]:
    """Lay out each finding for a terminal."""
    return [
        render_text(item, report.sources[item.span.source], report.sources)
        for item in report.diagnostics
    ]
