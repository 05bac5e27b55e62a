"""What is done to a text before it is parsed: decoding, limits, and signs that editors put in.

Every replacement keeps the length, so offsets in the text read are offsets in the text typed.
"""

import re

from rules.diagnostics import Diagnostic, Edit, Fix, diagnose, with_fix
from rules.lexemes import Lexeme, lexemes_of
from rules.span import Source, Span

FILE_BYTES_MAX = 1024 * 1024
FILE_LINES_MAX = 20_000

_BOM = "\ufeff"
_QUOTES = "“”„‟″＂"
_SPACES = "\u00a0\u2007\u202f"
_FOREIGN = re.compile(f"[{_QUOTES}{_SPACES}]")
# One step over a line: a correct text, a comment, a text in curly quotes, or one foreign sign.
_STEP = re.compile(
    rf'(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<comment>#[^\n]*)'
    rf'|(?P<open>[{_QUOTES}])(?:[^{_QUOTES}"\n]*)(?P<close>[{_QUOTES}"])'
    rf'|"[^{_QUOTES}"\n]*(?P<end>[{_QUOTES}])|(?P<quote>[{_QUOTES}])|(?P<space>[{_SPACES}])'
)


def decode(name: str, data: bytes) -> tuple[Source, Diagnostic | None]:
    """Turn a file's bytes into a source without its byte order mark.

    Returns:
        The source, and OP004 or OP005 when the file is not to be read further. What is not UTF-8 is
        replaced by a sign, so that the line can be shown; a file that is too large is left empty.
    """
    if len(data) > FILE_BYTES_MAX:
        return Source(name, ""), _too_large(name, "is over 1 MiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix(_BOM)
        source = Source(name, data.decode("utf-8", errors="replace").removeprefix(_BOM))
        return source, diagnose(
            "OP004",
            Span(name, len(before), len(before) + 1),
            "this file is not UTF-8",
            "Some letters would reach visitors as wrong signs; save the file as UTF-8.",
        )
    source = Source(name, text.removeprefix(_BOM))
    return source, check_size(source)


def check_size(source: Source) -> Diagnostic | None:
    """Report OP005 for a text over 20,000 lines or 1 MiB."""
    if len(source.line_starts) > FILE_LINES_MAX + source.text.endswith("\n"):
        return _too_large(source.name, "has over 20,000 lines")
    if len(source.text) > FILE_BYTES_MAX:
        return _too_large(source.name, "is over 1 MiB")
    return None


def straighten(source: Source) -> tuple[str, list[Diagnostic]]:
    """Read curly quotes and non-breaking spaces as plain ones, outside correctly quoted texts.

    Returns:
        The text, of the same length, and one OP002 for each line that had any.
    """
    text = source.text
    if text.startswith(_BOM):
        text = " " + text[1:]
    if not _FOREIGN.search(text):
        return text, []
    places = [place for step in _STEP.finditer(text) for place in _foreign_places(step)]
    chars = list(text)
    by_line: dict[int, list[int]] = {}
    for at in places:
        chars[at] = '"' if chars[at] in _QUOTES else " "
        by_line.setdefault(source.place(at).line, []).append(at)
    return "".join(chars), [_curly(source, chars, line) for line in by_line.values()]


def close_texts(source: Source, text: str) -> tuple[str, list[Lexeme], list[Diagnostic]]:
    """Close each text that lacks its quote at the end of its line; one OP003 for each.

    Returns:
        The text, longer by at most one quote at its end, and its lexemes.
    """
    lexemes = lexemes_of(text)
    open_texts = [lexeme for lexeme in lexemes if lexeme.kind == "unclosed"]
    if not open_texts:
        return text, lexemes, []
    chars = list(text)
    found = []
    for lexeme in open_texts:
        end = lexeme.start + len(lexeme.text.rstrip("\r"))
        if lexeme.text.rstrip("\r").endswith("\\"):
            chars[end - 1] = '"'
        elif end < len(chars):
            chars[end] = '"'
        else:
            chars.append('"')
        found.append(_unclosed(source, lexeme, end))
    closed = "".join(chars)
    return closed, lexemes_of(closed), found


def _foreign_places(step: re.Match[str]) -> list[int]:
    groups = ("open", "close", "end", "quote", "space")
    places = [step.start(group) for group in groups if step.start(group) >= 0]
    return [at for at in places if step.string[at] != '"']


def _curly(source: Source, chars: list[str], places: list[int]) -> Diagnostic:
    edits = tuple(Edit(Span(source.name, at, at + 1), chars[at]) for at in places)
    quotes = any(chars[at] == '"' for at in places)
    what = "a curly quote" if quotes else "a non-breaking space"
    diagnostic = diagnose(
        "OP002",
        Span(source.name, places[0], places[0] + 1),
        f"{what} is read as a plain one",
        "It looks the same, but other programs read it as another sign.",
        (_mended_line(source, chars, places[0]),),
    )
    title = "use straight quotes" if quotes else "use plain spaces"
    return with_fix(diagnostic, Fix(title, safe=True, edits=edits))


def _mended_line(source: Source, chars: list[str], at: int) -> str:
    line = source.place(at).line
    start = source.line_starts[line - 1]
    return "".join(chars[start : start + len(source.line(line))]).strip()


def _unclosed(source: Source, lexeme: Lexeme, end: int) -> Diagnostic:
    line = source.line(lexeme.line).strip()
    span = Span(source.name, lexeme.start, lexeme.start + 1)
    diagnostic = diagnose(
        "OP003",
        span,
        "this text has no closing quote",
        "Everything up to the end of the line would be said to the visitor.",
        (line + '"',),
    )
    edit = Edit(Span(source.name, end, end), '"')
    return with_fix(diagnostic, Fix("close the text", safe=False, edits=(edit,)))


def _too_large(name: str, how: str) -> Diagnostic:
    return diagnose(
        "OP005",
        Span(name, 0, 0),
        f"this file {how}, which is more than one file may hold",
        "Nothing in it is read. Move some rules to another file and import that.",
        ('import "more.rules"',),
    )
