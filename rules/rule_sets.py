"""From rule files to the checked form in one step: read, parse, check, and all that was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rules.checked import CheckedSet
from rules.checker import CheckOptions, check
from rules.diagnostics import Diagnostic, Fix, has_error, settle
from rules.loader import ParseCache, ParsedFile, load, parse_text
from rules.schema import Schema
from rules.span import Source


@dataclass(frozen=True, slots=True)
class Report:
    """What a check of a whole rule set says.

    `diagnostics` are settled: by place, one a line at most, each with a line to try where a fix is known.
    `checked` is None when there is an error. `sources` are by name, relative to the set's root.
    """

    checked: CheckedSet | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, Source]


def check_path(
    path: Path, schema: Schema, options: CheckOptions | None = None, cache: ParseCache | None = None
) -> Report:
    """Check the rule set of a file, or of all `*.rules` below a folder.

    Raises:
        FileNotFoundError: the path does not exist.
        OSError: a file cannot be read.
    """
    return check_parsed(load(path, cache).files, schema, options)


def check_texts(
    texts: Mapping[str, str], schema: Schema, options: CheckOptions | None = None
) -> Report:
    """Check texts that are not on disk as one rule set; names are paths relative to its root."""
    return check_parsed([parse_text(name, texts[name]) for name in texts], schema, options)


def check_parsed(
    files: Sequence[ParsedFile], schema: Schema, options: CheckOptions | None = None
) -> Report:
    """Check parsed files as one rule set."""
    result = check([parsed.file for parsed in files], schema, options)
    found = [item for parsed in files for item in parsed.diagnostics] + list(result.diagnostics)
    sources = {parsed.source.name: parsed.source for parsed in files}
    shown = tuple(_with_line_to_try(item, sources) for item in settle(found, sources))
    return Report(None if has_error(found) else result.checked, shown, sources)


def _with_line_to_try(diagnostic: Diagnostic, sources: Mapping[str, Source]) -> Diagnostic:
    """Write the mended line into the help, where the fix stays within one line."""
    fix = diagnostic.fix
    if fix is None or "try: " in diagnostic.help:
        return diagnostic
    mended = _mended_line(fix, sources)
    if not mended:
        return diagnostic
    why, choice, others = diagnostic.help.partition("or: ")
    lines = [*why.splitlines(), f"try: {mended}"]
    return replace(diagnostic, help="\n".join([*lines, choice + others] if choice else lines))


def _mended_line(fix: Fix, sources: Mapping[str, Source]) -> str:
    """Apply edits to the line they stand in; "" when they reach over a line or leave nothing."""
    source = sources.get(fix.edits[0].span.source)
    if source is None:
        return ""
    number = source.place(fix.edits[0].span.start).line
    line = source.line(number)
    start = source.line_starts[number - 1]
    for edit in sorted(fix.edits, key=lambda item: item.span.start, reverse=True):
        first, last = edit.span.start - start, edit.span.end - start
        if not 0 <= first <= last <= len(line):
            return ""
        line = line[:first] + edit.text + line[last:]
    return line.strip()
