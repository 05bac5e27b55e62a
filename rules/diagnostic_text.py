"""How a diagnostic looks: as text for people, as JSON values, as a GitHub workflow command."""

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from rules.diagnostics import Diagnostic, Related
from rules.span import Source, Span

_WIDTH_MAX = 120
_LEAD = 40
_GITHUB_LEVEL = {"error": "error", "warning": "warning", "hint": "notice"}
_JSON_LEVEL = {"error": "error", "warning": "warning", "hint": "info"}

_NO_SOURCES: Mapping[str, Source] = MappingProxyType({})

Json = dict[str, object]


def render_text(
    diagnostic: Diagnostic, source: Source, others: Mapping[str, Source] = _NO_SOURCES
) -> str:
    """Lay a diagnostic out for a terminal; several lines, without a final line end.

    Args:
        diagnostic: of this source; related places of other sources are named, not shown.
        source: where the mistake stands.
        others: sources by name, to give related places of other files their lines.
    """
    place = source.place(diagnostic.span.start)
    where = f"{source.name}:{place.line}:{place.column}"
    lines = [f"{where}  {diagnostic.severity} {diagnostic.code}  {diagnostic.message}"]
    here = [related for related in diagnostic.related if related.span.source == source.name]
    elsewhere = [related for related in diagnostic.related if related.span.source != source.name]
    earlier = [related for related in here if related.span.start < diagnostic.span.start]
    lines.extend(_remark(related, source) for related in earlier)
    lines.extend(_quote(diagnostic.span, source))
    lines.extend(_remark(related, source) for related in here if related not in earlier)
    lines.extend(f"  {_where(related, others)}: {related.message}" for related in elsewhere)
    lines.extend(f"  {line}" for line in diagnostic.help.splitlines())
    return "\n".join(lines)


def to_json(
    diagnostic: Diagnostic, source: Source, others: Mapping[str, Source] = _NO_SOURCES
) -> Json:
    """Turn a diagnostic into plain values: lines and columns are 1-based, columns in code points.

    A related place in a source that is neither this one nor in `others` is left out, and so are
    edits in any other source.
    """
    fix = diagnostic.fix
    sources = {**others, source.name: source}
    return {
        "code": diagnostic.code,
        "severity": _JSON_LEVEL[diagnostic.severity],
        "message": diagnostic.message,
        "help": diagnostic.help,
        "file": source.name,
        **_range(diagnostic.span, source),
        "related": [
            {
                "file": related.span.source,
                **_range(related.span, sources[related.span.source]),
                "message": related.message,
            }
            for related in diagnostic.related
            if related.span.source in sources
        ],
        "fix": None
        if fix is None
        else {
            "title": fix.title,
            "safe": fix.safe,
            "edits": [
                {**_range(edit.span, source), "text": edit.text}
                for edit in fix.edits
                if edit.span.source == source.name
            ],
        },
    }


def render_github(diagnostic: Diagnostic, source: Source) -> str:
    """Write a diagnostic as one workflow command of GitHub Actions."""
    start = source.place(diagnostic.span.start)
    end = source.place(diagnostic.span.end)
    fields = (
        f"file={_escape_field(source.name)},line={start.line},endLine={end.line},"
        f"col={start.column},endColumn={end.column},title={diagnostic.code}"
    )
    text = "\n".join(part for part in (diagnostic.message, diagnostic.help) if part)
    return f"::{_GITHUB_LEVEL[diagnostic.severity]} {fields}::{_escape(text)}"


def _where(related: Related, others: Mapping[str, Source]) -> str:
    source = others.get(related.span.source)
    if source is None:
        return related.span.source
    place = source.place(related.span.start)
    return f"{source.name}:{place.line}:{place.column}"


def render_more(count: int) -> str:
    """Say how many diagnostics of a file are not shown."""
    return f"and {count} more"


def _range(span: Span, source: Source) -> Json:
    start, end = source.place(span.start), source.place(span.end)
    return {
        "start": {"line": start.line, "column": start.column},
        "end": {"line": end.line, "column": end.column},
    }


def _quote(span: Span, source: Source) -> list[str]:
    """Show a span's first line without its indentation, and the caret under it."""
    start = source.place(span.start)
    typed = source.line(start.line)
    text = typed.lstrip()
    indent = len(typed) - len(text)
    at = max(0, min(start.column - 1 - indent, len(text)))
    length = max(1, min(span.end - span.start, len(text) - at))
    cut = at - _LEAD if len(text) > _WIDTH_MAX and at > _WIDTH_MAX - _LEAD else 0
    shown = _printable(text[cut : cut + _WIDTH_MAX])
    lead = "…" if cut else ""
    trail = "…" if len(text) > cut + _WIDTH_MAX else ""
    gap = " " * _columns(lead + shown[: at - cut])
    caret = "^" * max(1, _columns(shown[at - cut : at - cut + length]))
    return [f"{start.line:>5} │ {lead}{shown}{trail}", f"      │ {gap}{caret}"]


def _remark(related: Related, source: Source) -> str:
    line = source.place(related.span.start).line
    text = _printable(source.line(line).strip()[:_WIDTH_MAX])
    return f"{line:>5} │ {text}    {related.message}"


def _printable(text: str) -> str:
    """Replace what a terminal would obey: tabs become spaces, other control characters a sign."""
    return "".join(
        " " if char in "\t\u00a0" else char if char.isprintable() else "\ufffd" for char in text
    )


def _columns(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_field(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
