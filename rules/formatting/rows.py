"""Lexemes dealt out to the rows of the canonical layout; comments go with the row they stand at."""

from dataclasses import dataclass, field

from rules.formatting.openers import Opener
from rules.lexemes import Lexeme

_CONDITIONS = ("when", "unless", "define")


@dataclass(slots=True)
class Row:
    """One line to be: `goes_on` rows continue the clause above them.

    `blank` says that an empty line stands before the row.
    """

    role: str
    depth: int
    group: int | None = None
    lexemes: list[Lexeme] = field(default_factory=list)
    trailing: str = ""
    blank: bool = False
    goes_on: bool = False

    @property
    def keyword(self) -> str:
        """The row's first word."""
        return self.lexemes[0].text if self.lexemes else ""


def rows_of(text: str, lexemes: list[Lexeme], openers: dict[int, Opener]) -> list[Row]:
    """Deal out all lexemes; the author's breaks before `and` and `or` of a condition are kept."""
    dealer = _Dealer(text, openers)
    for at, lexeme in enumerate(lexemes):
        following = lexemes[at + 1] if at + 1 < len(lexemes) else None
        dealer.take(lexeme, following)
    _place_comments(dealer.rows)
    _set_blanks(dealer.rows)
    return dealer.rows


@dataclass(slots=True)
class _Dealer:
    text: str
    openers: dict[int, Opener]
    rows: list[Row] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    end: int = 0
    parentheses: int = 0
    between: bool = False
    closes_empty: bool = False

    def take(self, lexeme: Lexeme, following: Lexeme | None) -> None:
        blank = self.text.count("\n", self.end, lexeme.start) > 1
        self.end = lexeme.end
        if lexeme.kind == "comment":
            self._comment(lexeme, blank=blank)
        elif lexeme.is_sign("}"):
            self._close(lexeme, blank=blank)
        else:
            self._word(lexeme, following, blank=blank)

    def _comment(self, lexeme: Lexeme, *, blank: bool) -> None:
        written = comment_text(lexeme.text)
        row = self.rows[-1] if self.rows else None
        if row is not None and row.role != "comment" and not lexeme.opens_line and not row.trailing:
            row.trailing = written
        else:
            self.rows.append(Row("comment", 0, trailing=written, blank=blank))

    def _close(self, lexeme: Lexeme, *, blank: bool) -> None:
        depth = self.depths.pop() if self.depths else 0
        row = self.rows[-1]
        if row.lexemes and row.lexemes[-1].is_sign("{") and not row.trailing:
            row.lexemes.append(lexeme)
        else:
            self.rows.append(Row("close", depth, lexemes=[lexeme], blank=blank))

    def _word(self, lexeme: Lexeme, following: Lexeme | None, *, blank: bool) -> None:
        opener = self.openers.get(lexeme.start)
        if opener is not None:
            self.parentheses, self.between = 0, False
            row = Row(opener.role, opener.depth, opener.group, blank=blank)
            self.rows.append(row)
        else:
            row = self._row_in_progress(lexeme)
        self.parentheses += lexeme.is_sign("(") - lexeme.is_sign(")")
        self.between = lexeme.is_word("between") or (self.between and not lexeme.is_word("and"))
        row.lexemes.append(lexeme)
        if lexeme.is_sign("{"):
            self.depths.append(row.depth)

    def _row_in_progress(self, lexeme: Lexeme) -> Row:
        """Find the row that a word goes on with: a new one at a kept break, else the last."""
        last = next(at for at in range(len(self.rows) - 1, -1, -1) if self.rows[at].lexemes)
        above = self.rows[last]
        joins = lexeme.is_word("and", "or") and not (self.between and lexeme.text == "and")
        if joins and lexeme.opens_line and not self.parentheses and _is_condition(above):
            row = Row(above.role, above.depth, above.group, goes_on=True)
            self.rows.append(row)
            return row
        if last < len(self.rows) - 1 or above.trailing:
            self._lift_comments(last)
        return above

    def _lift_comments(self, last: int) -> None:
        """Put comments that stand in the middle of a row above it, in their order."""
        row = self.rows[last]
        lifted = self.rows[last + 1 :]
        if row.trailing:
            lifted.insert(0, Row("comment", 0, trailing=row.trailing))
            row.trailing = ""
        lifted[0].blank = row.blank and not row.goes_on
        row.blank = False
        self.rows[last:] = [*lifted, row]


def comment_text(text: str) -> str:
    """Write a comment: one space after `#`, unless it is empty or goes on with `#` or `!`."""
    inner = text[1:].replace("\t", " ").rstrip()
    if not inner or inner[0] in " #!":
        return "#" + inner
    return f"# {inner}"


def _is_condition(row: Row) -> bool:
    return row.goes_on or any(word.is_word(*_CONDITIONS) for word in row.lexemes[:2])


def _place_comments(rows: list[Row]) -> None:
    """Indent comments like the row below them; before a closing brace they stay inside."""
    depth, goes_on = 0, False
    for row in reversed(rows):
        if row.role == "comment":
            row.depth, row.goes_on = depth, goes_on
        else:
            depth, goes_on = row.depth + (row.role == "close"), row.goes_on


def _set_blanks(rows: list[Row]) -> None:
    """Ask for an empty line before policy, score and rule, and for none beside braces."""
    for at, row in enumerate(rows):
        if row.role == "block" and row.keyword in ("policy", "score", "rule"):
            first = at
            while first and not rows[first].blank and rows[first - 1].role == "comment":
                first -= 1
            rows[first].blank = True
    for at, row in enumerate(rows):
        above = rows[at - 1] if at else None
        opens = above is None or (bool(above.lexemes) and above.lexemes[-1].is_sign("{"))
        if opens or row.role == "close" or row.goes_on:
            row.blank = False
