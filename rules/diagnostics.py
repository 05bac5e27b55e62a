"""What a rule author gets told: diagnostics as values, their order and how many are shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rules.codes import Severity, code_of
from rules.span import Source, Span

SHOWN_PER_FILE_MAX = 10


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of a span; an empty span inserts."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that mend a mistake; `safe` means that they cannot change what the rules do."""

    title: str
    safe: bool
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that belongs to the mistake, with a remark."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake of a rule author.

    `message` is the first line; `help` the sentence that says why it matters, then one line
    `try: ...`, and `or: ...` where there are two honest choices.
    """

    code: str
    severity: Severity
    span: Span
    message: str
    help: str = ""
    related: tuple[Related, ...] = ()
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a file's reader gets to see, and how many more there are of it, by file."""

    diagnostics: tuple[Diagnostic, ...]
    more: tuple[tuple[str, int], ...]


def diagnose(
    code: str,
    span: Span,
    message: str,
    why: str = "",
    tries: tuple[str, ...] = (),
) -> Diagnostic:
    """Make a diagnostic with the severity of its code; `tries` are lines to paste, the best first.

    Raises:
        KeyError: the code is not in the registry.
    """
    lines = [why] if why else []
    lines.extend(f"{'or: ' if at else 'try:'} {line}" for at, line in enumerate(tries))
    return Diagnostic(code, code_of(code).severity, span, message, "\n".join(lines))


def with_fix(diagnostic: Diagnostic, fix: Fix) -> Diagnostic:
    """Add the edits that mend the mistake."""
    return Diagnostic(
        diagnostic.code,
        diagnostic.severity,
        diagnostic.span,
        diagnostic.message,
        diagnostic.help,
        diagnostic.related,
        fix,
    )


def with_related(diagnostic: Diagnostic, *related: Related) -> Diagnostic:
    """Add other places that belong to the mistake."""
    return Diagnostic(
        diagnostic.code,
        diagnostic.severity,
        diagnostic.span,
        diagnostic.message,
        diagnostic.help,
        diagnostic.related + related,
        diagnostic.fix,
    )


def has_error(diagnostics: Iterable[Diagnostic]) -> bool:
    """Tell whether a rule set with these diagnostics is refused."""
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


def settle(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]
) -> tuple[Diagnostic, ...]:
    """Sort by file, line, column and code, and keep one a line: the lowest code.

    Hints and OP002, which change nothing, give way to whatever else is on their line. Ask
    `has_error` before this, not after: a warning may take the place of an error.

    Args:
        diagnostics: of any order.
        sources: by name; a diagnostic of a source that is not in it keeps its offset as its line.
    """
    best: dict[tuple[str, int], tuple[tuple[bool, str, int], Diagnostic]] = {}
    for diagnostic in diagnostics:
        line = _line(diagnostic.span, sources)
        yields = diagnostic.severity == "hint" or diagnostic.code == "OP002"
        rank = (yields, diagnostic.code, diagnostic.span.start)
        key = (diagnostic.span.source, line)
        if key not in best or rank < best[key][0]:
            best[key] = (rank, diagnostic)
    return tuple(best[key][1] for key in sorted(best))


def limit(diagnostics: Iterable[Diagnostic]) -> Shown:
    """Keep the first ten of each file and count the rest."""
    seen: dict[str, int] = {}
    shown = []
    for diagnostic in diagnostics:
        name = diagnostic.span.source
        seen[name] = seen.get(name, 0) + 1
        if seen[name] <= SHOWN_PER_FILE_MAX:
            shown.append(diagnostic)
    more = tuple(
        (name, count - SHOWN_PER_FILE_MAX)
        for name, count in seen.items()
        if count > SHOWN_PER_FILE_MAX
    )
    return Shown(tuple(shown), more)


def _line(span: Span, sources: Mapping[str, Source]) -> int:
    source = sources.get(span.source)
    return source.place(span.start).line if source else span.start
