"""The clauses of a block that does not parse, each with the context in which it can be tried alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from rules.lexemes import Lexeme
from rules.recovering.attempt import Attempts
from rules.recovering.samples import CONTINUING, SAMPLES
from rules.spacing import join


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause, or the head of a block within: its lexemes and what it stands in."""

    context: str
    lexemes: tuple[Lexeme, ...]

    @property
    def first(self) -> Lexeme:
        """The first lexeme of the clause."""
        return self.lexemes[0]

    def text(self, source: str) -> str:
        """Return the clause as typed."""
        return source[self.first.start : self.lexemes[-1].end]

    def written(self) -> str:
        """Return the clause in one line of the canonical layout."""
        return join(self.lexemes)


@dataclass(slots=True)
class Body:
    """What stands in the braces of a block: its clauses, and the openings that lack a brace."""

    clauses: list[Clause] = field(default_factory=list)
    unclosed: list[Lexeme] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Level:
    """An open block: what its clauses are, its first lexeme and the column of that line."""

    context: str
    opening: Lexeme
    column: int


def body_of(source: str, lexemes: tuple[Lexeme, ...], opening: Lexeme, context: str) -> Body:
    """Read what follows a block's `{` as lines of clauses.

    Where a brace is missing, one that stands under the outer block's line closes the outer block:
    the inner one lacks its own. So does a `variant` within a variant.
    """
    body = Body()
    opened = sum(lexeme.is_sign("{") for lexeme in lexemes)
    lacks = opened >= sum(lexeme.is_sign("}") for lexeme in lexemes)
    levels = [_Level(context, opening, _column(source, opening))]
    line: list[Lexeme] = []
    for lexeme in lexemes:
        if lexeme.opens_line or lexeme.is_sign("}"):
            _flush(body, levels, line)
        if lexeme.is_sign("}"):
            if lacks and lexeme.opens_line:
                _close_inner(source, body, levels, lexeme)
            levels.pop()
            if not levels:
                return body
            continue
        in_variant = levels[-1].context == "variant"
        if lacks and in_variant and lexeme.opens_line and lexeme.is_word("variant"):
            body.unclosed.append(levels.pop().opening)
        line.append(lexeme)
        if lexeme.is_sign("{"):
            _flush(body, levels, line, head=True)
            levels.append(_Level("variant", line_start(body), _column(source, line_start(body))))
    _flush(body, levels, line)
    body.unclosed.append(levels[-1].opening)
    return body


def line_start(body: Body) -> Lexeme:
    """Return the first lexeme of the clause read last."""
    return body.clauses[-1].first


def grouped(source: str, clauses: list[Clause], attempts: Attempts) -> Iterator[Clause]:
    """Join lines that go on with the clause above them, as far as they are asked for."""
    above: Clause | None = None
    for clause in clauses:
        if above is None:
            above = clause
        elif _goes_on(source, above, clause, attempts):
            above = Clause(above.context, above.lexemes + clause.lexemes)
        else:
            yield above
            above = clause
    if above is not None:
        yield above


def _goes_on(source: str, above: Clause, clause: Clause, attempts: Attempts) -> bool:
    first = clause.first
    if clause.context != above.context or above.lexemes[-1].is_sign("{"):
        return False
    words = SAMPLES[clause.context]
    if first.kind == "word" and first.text in words:
        return False
    if clause.context == "score" and first.kind in ("signed", "int", "number"):
        return False
    if first.kind != "word" or first.text in CONTINUING:
        return True
    if clause.context == "event":
        return False
    if attempts.passes(clause.context, above.text(source)):
        return False
    both = Clause(above.context, above.lexemes + clause.lexemes)
    return attempts.passes(clause.context, both.text(source))


def _flush(body: Body, levels: list[_Level], line: list[Lexeme], *, head: bool = False) -> None:
    if line:
        context = "variant head" if head else levels[-1].context
        body.clauses.append(Clause(context, tuple(line)))
        line.clear()


def _close_inner(source: str, body: Body, levels: list[_Level], brace: Lexeme) -> None:
    if len(levels) > 1:
        column = _column(source, brace)
        if column == levels[-2].column != levels[-1].column:
            body.unclosed.append(levels.pop().opening)


def _column(source: str, lexeme: Lexeme) -> int:
    """Return the column of the first sign on a lexeme's line, tabs counting as one."""
    start = source.rfind("\n", 0, lexeme.start) + 1
    line = source[start : lexeme.end]
    return len(line) - len(line.lstrip())
