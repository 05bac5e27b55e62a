"""Rows written out: breaks of long conditions, indentation and alignment."""

from collections.abc import Iterable

from rules.formatting.rows import Row
from rules.lexemes import Lexeme
from rules.spacing import join

LINE_MAX = 100

_INDENT = "  "
_ALIGNED_BLOCKS = ("pages", "set", "define", "goal")


def write(rows: list[Row]) -> str:
    """Write rows as lines, with one final line end; no rows, no text."""
    broken = _with_breaks(rows)
    texts = _texts(broken)
    margins = _margins(broken)
    lines: list[str] = []
    for row, text, margin in zip(broken, texts, margins, strict=True):
        if row.blank and lines:
            lines.append("")
        gap = "  " if text and row.trailing else ""
        lines.append(f"{margin}{text}{gap}{row.trailing}")
    return "".join(f"{line}\n" for line in lines)


def _with_breaks(rows: list[Row]) -> list[Row]:
    """Break every clause that has a line over 100 characters before each `and` and `or`."""
    out: list[Row] = []
    for clause in _clauses(rows):
        longest = max(_length(row) for row in clause)
        if longest > LINE_MAX and clause[0].keyword != "define":
            out.extend(piece for row in clause for piece in _pieces(row))
        else:
            out.extend(clause)
    return out


def _clauses(rows: list[Row]) -> Iterable[list[Row]]:
    clause: list[Row] = []
    for row in rows:
        if clause and not row.goes_on:
            yield clause
            clause = []
        clause.append(row)
    if clause:
        yield clause


def _length(row: Row) -> int:
    return len(_INDENT) * row.depth + len(join(row.lexemes))


def _pieces(row: Row) -> list[Row]:
    if _condition_word(row.lexemes) is None and not row.goes_on:
        return [row]
    pieces: list[list[Lexeme]] = [[]]
    depth, between = 0, False
    for lexeme in row.lexemes:
        depth += lexeme.is_sign("(") - lexeme.is_sign(")")
        joins = lexeme.is_word("and", "or") and not (between and lexeme.text == "and")
        if joins and depth == 0 and pieces[-1]:
            pieces.append([])
        between = lexeme.is_word("between") or (between and not lexeme.is_word("and"))
        pieces[-1].append(lexeme)
    out = [
        Row(row.role, row.depth, row.group, piece, goes_on=row.goes_on or at > 0)
        for at, piece in enumerate(pieces)
    ]
    out[0].blank = row.blank
    out[-1].trailing = row.trailing
    return out


def _condition_word(lexemes: list[Lexeme]) -> int | None:
    """Find the word that opens a condition: `when`, `unless` or `define`."""
    words = enumerate(lexemes[:2])
    return next((at for at, word in words if word.is_word("when", "unless", "define")), None)


def _margins(rows: list[Row]) -> list[str]:
    """Indent each row; what goes on ends its first word where the clause's word ends."""
    margins: list[str] = []
    end = 0
    for row in rows:
        margin = _INDENT * row.depth
        if not row.goes_on:
            at = _condition_word(row.lexemes)
            end = len(margin) + len(join(row.lexemes[: at + 1])) if at is not None else 0
            margins.append(margin)
        else:
            word = row.keyword or "and"
            margins.append(" " * max(0, end - len(word)))
    return margins


def _texts(rows: list[Row]) -> list[str]:
    texts = [join(row.lexemes) for row in rows]
    _align_steps(rows, texts)
    _align_replies(rows, texts)
    for run in _runs(rows):
        cuts = {at: _sign_cut(rows[at], "=") for at in run}
        _pad(rows, texts, {at: cut for at, cut in cuts.items() if cut})
    return texts


def _align_steps(rows: list[Row], texts: list[str]) -> None:
    """Align what follows `at T` in each test."""
    groups: dict[int, dict[int, int]] = {}
    for at, row in enumerate(rows):
        if row.role == "step" and row.group is not None:
            groups.setdefault(row.group, {})[at] = _step_cut(row)
    for cuts in groups.values():
        _pad(rows, texts, cuts)


def _align_replies(rows: list[Row], texts: list[str]) -> None:
    """Align the arrows of a message, and then the names after `as`."""
    groups: dict[int, list[int]] = {}
    for at, row in enumerate(rows):
        if row.role == "reply" and row.group is not None:
            groups.setdefault(row.group, []).append(at)
    for group in groups.values():
        arrow_column = max(len(join(_head(rows[at], "->"))) for at in group)
        named = [at for at in group if _as_cut(rows[at])]
        middles = {at: _middle(rows[at]) for at in group}
        as_column = max((len(middles[at]) for at in named), default=0)
        for at in group:
            head = join(_head(rows[at], "->")).ljust(arrow_column)
            name = join(rows[at].lexemes[_as_cut(rows[at]) :]) if at in named else ""
            middle = middles[at].ljust(as_column) if name else middles[at]
            texts[at] = f"{head} {middle} {name}".rstrip()


def _head(row: Row, sign: str) -> list[Lexeme]:
    return row.lexemes[: _sign_cut(row, sign)]


def _middle(row: Row) -> str:
    return join(row.lexemes[_sign_cut(row, "->") : _as_cut(row) or None])


def _sign_cut(row: Row, sign: str) -> int:
    return next((at for at, word in enumerate(row.lexemes) if word.is_sign(sign)), 0)


def _as_cut(row: Row) -> int:
    """Find `as` before a reply's value, or 0."""
    at = len(row.lexemes) - 2
    return at if at > 0 and row.lexemes[at].is_word("as") else 0


def _step_cut(row: Row) -> int:
    """Find what follows `at T`; T is one lexeme, or two when it is in words."""
    return 3 if row.lexemes[1].kind in ("int", "number") else 2


def _runs(rows: list[Row]) -> Iterable[list[int]]:
    """Find the consecutive lines of one declaring keyword."""
    run: list[int] = []
    for at, row in enumerate(rows):
        same = run and not row.blank and row.keyword == rows[run[0]].keyword
        if run and not same:
            yield run
            run = []
        if row.role == "block" and not row.goes_on and row.keyword in _ALIGNED_BLOCKS:
            run.append(at)
    if run:
        yield run


def _pad(rows: list[Row], texts: list[str], cuts: dict[int, int]) -> None:
    """Write rows so that what follows their cuts stands in one column."""
    heads = {at: join(rows[at].lexemes[:cut]) for at, cut in cuts.items()}
    width = max((len(head) for head in heads.values()), default=0)
    for at, cut in cuts.items():
        texts[at] = f"{heads[at].ljust(width)} {join(rows[at].lexemes[cut:])}"
