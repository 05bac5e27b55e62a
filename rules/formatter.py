"""Rule text in the canonical layout, proved before it is returned."""

from rules import nodes
from rules.diagnostics import Diagnostic
from rules.formatting.layout import write
from rules.formatting.openers import openers_of
from rules.formatting.rows import comment_text, rows_of
from rules.lexemes import lexemes_of
from rules.parser import parse
from rules.reading import straighten
from rules.span import Source


class FormatRefused(ValueError):
    """A text that is left as it is; `diagnostics` say why, none when the layout failed its proof."""

    def __init__(self, source: str, diagnostics: tuple[Diagnostic, ...]) -> None:
        reason = "does not parse" if diagnostics else "would change its meaning"
        super().__init__(f"{source} {reason}")
        self.source = source
        self.diagnostics = diagnostics


def format_text(source: Source) -> str:
    """Lay a file out as LANGUAGE.md 12 says; the meaning and every comment stay.

    The result is parsed again and compared with what was read before it is returned.

    Raises:
        FormatRefused: the text does not parse, or the layout failed that comparison.
    """
    file = _parsed(source)
    text, _ = straighten(source)
    lexemes = lexemes_of(text)
    out = write(rows_of(text, lexemes, openers_of(file.blocks)))
    again = _parsed(Source(source.name, out))
    if again.blocks != file.blocks or _comments(again) != _comments(file):
        raise FormatRefused(source.name, ())
    return out


def _parsed(source: Source) -> nodes.File:
    file, found = parse(source)
    # OP014 is a mistake of meaning that parses; everything else stands in the way.
    refusals = tuple(one for one in found if one.severity == "error" and one.code != "OP014")
    if refusals or file.broken:
        raise FormatRefused(source.name, refusals)
    return file


def _comments(file: nodes.File) -> list[str]:
    return [comment_text(comment.text) for comment in file.comments]
