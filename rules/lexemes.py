"""Rule text as a flat run of lexemes, for recovery and layout: total, nothing is left out but spaces.

The parser has its own lexer, which knows what may stand where; this one knows only how things look,
so it can also read text that does not parse.
"""

import re
from dataclasses import dataclass
from typing import Literal

LexemeKind = Literal[
    "text", "unclosed", "comment", "date", "time_of_day", "duration", "percent", "money", "signed",
    "number", "int", "odd", "word", "foreign", "sign", "unknown",
]  # fmt: skip

UNITS = {"second": "s", "minute": "m", "hour": "h", "day": "d"}

# The order matters: a form stands before any other form that it could begin with.
_FORMS: tuple[tuple[LexemeKind, str], ...] = (
    ("text", r'"(?:[^"\\\n]|\\.)*"'),
    ("unclosed", r'"[^\n]*'),
    ("comment", r"#[^\n]*"),
    ("date", r"\d{4}-\d{2}-\d{2}"),
    ("time_of_day", r"\d{1,2}:\d{2}(?!\d)"),
    ("duration", r"\d+(?:\.\d+)?[A-Za-z]+(?:\d+[A-Za-z]+)*"),
    ("percent", r"\d+(?:\.\d+)?%"),
    ("money", r"[$€£](?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d{2})?"),
    ("signed", r"[+-]\d+(?:\.\d+)?"),
    ("number", r"\d+\.\d+"),
    ("int", r"\d+(?![\d.:%A-Za-z-])"),
    ("odd", r"\d(?:[\w.:%-]|,\d)*"),
    ("word", r"[A-Za-z_][A-Za-z0-9_]*"),
    ("foreign", r"==|&&|\|\||<>|=>|=<|!(?!=)|[&|≥≤≠]"),
    ("sign", r"->|>=|<=|!=|[><={}()\[\],:.]"),
    ("unknown", r"[^ \t\r\n]"),
)
_LEXEME = re.compile("|".join(f"(?P<{kind}>{form})" for kind, form in _FORMS))


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One word, sign, literal or comment: `text` as typed, at [start, end) of the text read.

    `line` counts from 1; `opens_line` is true for the first lexeme of a physical line.
    """

    kind: LexemeKind
    text: str
    start: int
    end: int
    line: int
    opens_line: bool

    def is_sign(self, text: str) -> bool:
        """Tell whether this is the given sign and not a text that looks like it."""
        return self.kind == "sign" and self.text == text

    def is_word(self, *words: str) -> bool:
        """Tell whether this is one of the given bare words."""
        return self.kind == "word" and self.text in words


def lexemes_of(text: str) -> list[Lexeme]:
    """Read a text into lexemes; every character but space, tab and line end is in exactly one.

    Cost: linear.
    """
    lexemes: list[Lexeme] = []
    line, counted, line_of_last = 1, 0, 0
    for match in _LEXEME.finditer(text):
        start = match.start()
        line += text.count("\n", counted, start)
        counted = start
        kind: LexemeKind = match.lastgroup  # type: ignore[assignment]  # the groups are the kinds
        typed = match.group().rstrip("\r") if kind == "comment" else match.group()
        lexemes.append(Lexeme(kind, typed, start, start + len(typed), line, line != line_of_last))
        line_of_last = line
    return lexemes


def unit_of(word: str) -> str | None:
    """Turn a unit in words (`seconds`) into its letter (`s`), or None when it is not one."""
    singular = word.removesuffix("s")
    return UNITS.get(singular) if singular and word in (singular, singular + "s") else None


def decoded(quoted: str) -> str:
    """Turn a quoted text into its value; only quotes and backslashes are escapes."""
    inner = quoted[1:-1]
    return _ESCAPE.sub(r"\1", inner) if "\\" in inner else inner


_ESCAPE = re.compile(r'\\(["\\])')
