"""Diagnostics on their way to a person, a program or a workflow."""

from collections.abc import Mapping
from dataclasses import dataclass

from rules.diagnostic_text import render_github, render_more, render_text, to_json
from rules.diagnostics import Diagnostic, limit
from rules.span import Source
from server.cli.output import result, result_json


@dataclass(frozen=True, slots=True)
class Found:
    """Settled diagnostics and the sources they stand in, by name."""

    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, Source]

    def counted(self, severity: str) -> int:
        """Return how many have this severity."""
        return sum(each.severity == severity for each in self.diagnostics)

    def without_hints(self) -> "Found":
        """Leave the hints out."""
        kept = tuple(each for each in self.diagnostics if each.severity != "hint")
        return Found(kept, self.sources)


def show(found: Found, style: str) -> None:
    """Write the findings as `text`, `json` or `github`."""
    if style == "json":
        result_json(
            {
                "ok": not found.counted("error"),
                "errors": found.counted("error"),
                "warnings": found.counted("warning"),
                "diagnostics": [
                    to_json(each, _source(found, each), found.sources) for each in found.diagnostics
                ],
            }
        )
        return
    if style == "github":
        for each in found.diagnostics:
            result(render_github(each, _source(found, each)))
        return
    shown = limit(found.diagnostics)
    more = dict(shown.more)
    blocks: dict[str, list[str]] = {}
    for each in shown.diagnostics:
        blocks.setdefault(each.span.source, []).append(
            render_text(each, _source(found, each), found.sources)
        )
    for name, texts in blocks.items():
        if name in more:
            texts.append(render_more(more[name]))
    if blocks:
        result("\n\n".join(text for texts in blocks.values() for text in texts))


def _source(found: Found, diagnostic: Diagnostic) -> Source:
    """Return the source a diagnostic stands in; a file that could not be read has an empty one."""
    name = diagnostic.span.source
    return found.sources.get(name) or Source(name, "")
