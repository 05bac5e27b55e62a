"""`opportune fmt PATH...`: rule files in their one layout, written back, or only compared."""

import argparse
import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rules.diagnostics import Diagnostic, has_error, settle
from rules.formatter import FormatRefused, format_text
from rules.parser import parse_bytes
from rules.span import Source
from server.cli.command import Command, Exit, add_format
from server.cli.findings import Found, show
from server.cli.output import count, result, result_json, talk
from server.cli.rule_paths import add_paths, read_bytes, rule_files


@dataclass(frozen=True, slots=True)
class Layout:
    """A file as it is and as it should be; `after` is None when it does not parse."""

    path: Path
    source: Source
    after: str | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def is_changed(self) -> bool:
        """Tell whether the layout is not the canonical one."""
        return self.after is not None and self.after != self.source.text

    def difference(self) -> str:
        """Return the unified difference, without a final line end."""
        lines = difflib.unified_diff(
            self.source.text.splitlines(),
            (self.after or "").splitlines(),
            self.source.name,
            f"{self.source.name} (formatted)",
            lineterm="",
        )
        return "\n".join(lines)


def layout(path: Path) -> Layout:
    """Read one file and lay it out."""
    source, _, diagnostics = parse_bytes(path.as_posix(), read_bytes(path))
    if has_error(diagnostics):
        return Layout(path, source, None, settle(diagnostics, {source.name: source}))
    try:
        return Layout(path, source, format_text(source), ())
    except FormatRefused:
        return Layout(path, source, None, ())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a file differs")
    add_format(parser)


def run(options: argparse.Namespace) -> Exit:
    """Lay all files out; with `--check` only say which differ."""
    layouts = [layout(path) for path in rule_files(options.paths)]
    if not options.check:
        for each in layouts:
            if each.is_changed and each.after is not None:
                each.path.write_text(each.after, encoding="utf-8", newline="\n")
    writers: dict[str, Callable[[list[Layout], bool], None]] = {
        "text": _write_text,
        "json": _write_json,
        "github": _write_github,
    }
    writers[options.format](layouts, options.check)
    broken = [each for each in layouts if each.after is None]
    for each in broken:
        talk(f"{each.source.name}: left as it is, it does not parse")
    changed = [each for each in layouts if each.is_changed]
    if not broken and not changed and options.format == "text":
        talk(f"{count(len(layouts), 'file')}, laid out already")
    return Exit.FINDINGS if broken or (options.check and changed) else Exit.CLEAN


def _write_text(layouts: list[Layout], checking: bool) -> None:  # noqa: FBT001 - three of a kind
    for each in layouts:
        if each.is_changed:
            result(each.difference() if checking else each.source.name)
    _show_broken(layouts, "text")


def _write_json(layouts: list[Layout], checking: bool) -> None:  # noqa: FBT001 - three of a kind
    files = [
        {
            "file": each.source.name,
            "changed": each.is_changed,
            "parses": each.after is not None,
            "diff": each.difference() if checking and each.is_changed else None,
        }
        for each in layouts
    ]
    ok = not any(each.after is None or (checking and each.is_changed) for each in layouts)
    result_json({"ok": ok, "files": files})


def _write_github(layouts: list[Layout], checking: bool) -> None:  # noqa: FBT001 - three of a kind
    level = "error" if checking else "notice"
    for each in layouts:
        if each.is_changed:
            words = "not laid out; run: opportune fmt" if checking else "laid out"
            result(f"::{level} file={each.source.name}::{words}")
    _show_broken(layouts, "github")


def _show_broken(layouts: list[Layout], style: str) -> None:
    sources = {each.source.name: each.source for each in layouts}
    diagnostics = tuple(found for each in layouts for found in each.diagnostics)
    if diagnostics:
        show(Found(diagnostics, sources), style)


COMMAND = Command("fmt", "Lay rule files out.", add_arguments, run)
