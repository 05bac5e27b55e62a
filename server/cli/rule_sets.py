"""The rule sets that a command line names, checked, with places as the caller wrote them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from engine.signals import SCHEMA
from rules.checked import CheckedSet
from rules.checker import CheckOptions
from rules.diagnostics import Diagnostic, Edit, Fix, Related
from rules.loader import load
from rules.nodes import Rule
from rules.rule_sets import check_parsed
from rules.span import Source, Span
from server.cli.command import Refusal
from server.cli.findings import Found
from server.cli.rule_paths import refuse_missing


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One rule set: what was found in it, its checked form (None with an error), its texts, its size."""

    path: Path
    checked: CheckedSet | None
    sources: Mapping[str, Source]
    found: Found
    files: int
    rules: int

    def shown(self, name: str) -> str:
        """Return a source's name as the caller would write it."""
        return shown_name(self.path, name)


def read_rule_sets(
    paths: Iterable[Path], *, hints: bool = False, allow_regex: bool = False
) -> list[RuleSet]:
    """Check a set for each path: a file alone, or all `*.rules` below a folder.

    Raises:
        Refusal: a path is missing or unreadable, or a folder has no rule file.
    """
    options = CheckOptions(allow_regex=allow_regex, hints=hints)
    return [_read(path, options) for path in paths]


def shown_name(path: Path, name: str) -> str:
    """Turn a source's name, relative to its set, into a path from the current folder."""
    root = path if path.is_dir() else path.parent
    return (root / name).as_posix()


def _read(path: Path, options: CheckOptions) -> RuleSet:
    refuse_missing([path])
    try:
        files = load(path).files
    except OSError as error:
        message = f"{error.filename or path}: {error.strerror or error}"
        raise Refusal(message) from error
    if not files:
        message = f"{path}: no .rules file in this folder"
        raise Refusal(message)
    report = check_parsed(files, SCHEMA, options)
    names = {name: shown_name(path, name) for name in report.sources}
    sources = {
        names[name]: Source(names[name], source.text) for name, source in report.sources.items()
    }
    diagnostics = tuple(_renamed(each, names) for each in report.diagnostics)
    rules = sum(isinstance(block, Rule) for each in files for block in each.file.blocks)
    return RuleSet(
        path, report.checked, report.sources, Found(diagnostics, sources), len(files), rules
    )


def _renamed(diagnostic: Diagnostic, names: dict[str, str]) -> Diagnostic:
    def moved(span: Span) -> Span:
        return replace(span, source=names.get(span.source, span.source))

    fix = diagnostic.fix
    return replace(
        diagnostic,
        span=moved(diagnostic.span),
        related=tuple(Related(moved(each.span), each.message) for each in diagnostic.related),
        fix=None
        if fix is None
        else Fix(
            fix.title, fix.safe, tuple(Edit(moved(each.span), each.text) for each in fix.edits)
        ),
    )
