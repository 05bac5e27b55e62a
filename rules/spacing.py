"""Lexemes in one line, with the spaces of the canonical layout between them."""

from collections.abc import Iterable, Sequence

from rules.lexemes import Lexeme, unit_of

_TIGHT_BEFORE = frozenset({",", ")", "]", ":", "."})
_TIGHT_AFTER = frozenset({"(", "[", "."})
_GROUPS = frozenset({"when", "unless", "and", "or", "not"})


def join(lexemes: Sequence[Lexeme]) -> str:
    """Write lexemes in one line; durations in words become their short form."""
    return join_texts(spaced(lexemes))


def join_texts(parts: Iterable[tuple[bool, str]]) -> str:
    """Write parts one after the other; a part's flag says whether a space stands before it."""
    out: list[str] = []
    for gap, text in parts:
        out.append(f" {text}" if gap and out else text)
    return "".join(out)


def spaced(lexemes: Sequence[Lexeme]) -> list[tuple[bool, str]]:
    """Say for each lexeme whether a space stands before it, and how it is written."""
    parts: list[tuple[bool, str]] = []
    before: Lexeme | None = None
    counts = False
    for lexeme in lexemes:
        unit = unit_of(lexeme.text) if lexeme.kind == "word" and not counts else None
        counts = before is not None and before.is_word("least", "most")
        if unit is not None and before is not None and before.kind == "int":
            gap, number = parts.pop()
            parts.append((gap, number + unit))
        else:
            parts.append((before is not None and _gap(before, lexeme), lexeme.text))
        before = lexeme
    return parts


def _gap(before: Lexeme, lexeme: Lexeme) -> bool:
    if lexeme.kind == "sign" and lexeme.text in _TIGHT_BEFORE:
        return False
    if before.kind == "sign" and before.text in _TIGHT_AFTER:
        return False
    if lexeme.is_sign("}") and before.is_sign("{"):
        return False
    if lexeme.is_sign("("):
        after_name = before.kind == "word" and before.text not in _GROUPS
        return not after_name and before.kind != "text"
    return True
