"""A broken file -> one message on the right line for each mistake, and the rest still parsed."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from rules import nodes
from rules.diagnostics import Diagnostic, Edit, Fix, diagnose, with_fix
from rules.lexemes import Lexeme
from rules.nearest import nearest
from rules.reading import close_texts
from rules.recovering.attempt import Attempts, Failure, Piece, Read
from rules.recovering.case import Case
from rules.recovering.clauses import Clause, body_of, grouped
from rules.recovering.explain import explain
from rules.recovering.parts import Part, split
from rules.recovering.samples import BLOCK_WORDS, BRACED, CLAUSE_WORDS, SAMPLES
from rules.spacing import join
from rules.span import Source, Span


def recover(
    source: Source, text: str, failure: Failure, read: Read
) -> tuple[nodes.File, list[Diagnostic]]:
    """Read what can be read of a file that does not parse, and report each mistake once.

    Args:
        source: the file as typed.
        text: the same with plain quotes and spaces, of the same length.
        failure: where the whole of it stopped making sense.
        read: parses a text that stands at an offset of the file.

    Cost: linear in the text, with a bound on what is spent on explanations; with the bound reached,
    the blocks that are left are only named.
    """
    closed, lexemes, found = close_texts(source, text)
    recovery = _Recovery(source, closed, Attempts(read))
    for diagnostic in found:
        recovery.report(diagnostic)
    parts = split(closed, lexemes)
    alone = len(parts) == 1 and not found
    for part in parts:
        recovery.take(part, failure if alone else None)
    comments = tuple(
        nodes.Comment(lexeme.text, Span(source.name, lexeme.start, lexeme.end))
        for lexeme in lexemes
        if lexeme.kind == "comment"
    )
    file = nodes.File(source.name, tuple(recovery.blocks), comments, tuple(recovery.broken))
    return file, recovery.found


@dataclass(slots=True)
class _Recovery:
    """What one file gave so far; a line that has a message gets no second one."""

    source: Source
    text: str
    attempts: Attempts
    found: list[Diagnostic] = field(default_factory=list)
    blocks: list[nodes.Block] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)
    outside: bool = False

    def report(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic, unless its line has one."""
        line = self.source.place(diagnostic.span.start).line
        if line not in self.lines:
            self.lines.add(line)
            self.found.append(diagnostic)

    def take(self, part: Part, failure: Failure | None) -> None:
        """Parse a part, or say what is wrong with it; `failure` is given when it is known."""
        tried = failure or self._parse(part)
        if isinstance(tried, Piece):
            self.blocks.extend(tried.blocks)
            for diagnostic in tried.found:
                self.report(diagnostic)
            self.outside = False
            return
        self.broken.append((part.keyword, part.name))
        if self.attempts.is_spent and self.found:
            return
        known = len(self.found)
        was_outside, self.outside = self.outside, False
        self._explain_part(part, tried, was_outside=was_outside)
        if len(self.found) == known and not self._has_message(part):
            self._report_rest(part, tried)

    def _parse(self, part: Part) -> Piece | Failure:
        if self.attempts.is_spent:
            return Failure(part.start, frozenset())
        text = self.text[part.start : part.end]
        return self.attempts.parse(self.source.name, text, part.start)

    def _explain_part(self, part: Part, failure: Failure, *, was_outside: bool) -> None:
        first = part.lexemes[0]
        keyword = part.keyword if first.kind == "word" else ""
        if keyword not in BLOCK_WORDS:
            meant = self._report_outside(part, was_outside=was_outside)
            if meant is None:
                return
            keyword = meant
        if keyword not in BRACED:
            if keyword == part.keyword:
                here = replace(failure, offset=failure.offset - part.start)
                self._report_clause(Clause("top", part.lexemes), here)
            return
        self._explain_block(part, keyword)

    def _explain_block(self, part: Part, keyword: str) -> None:
        lexemes = part.lexemes
        opening = next((at for at, word in enumerate(lexemes) if word.is_sign("{")), None)
        head_end = next(
            (at for at, word in enumerate(lexemes) if at and word.opens_line), len(lexemes)
        )
        if opening is None or opening > head_end:
            self._report_unopened(lexemes[:head_end])
            body_start = head_end
        else:
            body_start = opening + 1
            if keyword == part.keyword:
                self._explain_clauses([Clause("head", lexemes[:body_start])])
        body = body_of(self.text, lexemes[body_start:], lexemes[0], keyword)
        for unclosed in body.unclosed:
            self._report_unclosed(unclosed)
        self._explain_clauses(grouped(self.text, body.clauses, self.attempts))

    def _explain_clauses(self, clauses: Iterable[Clause]) -> None:
        """Try each clause alone; a reply is tried below a message, and needs one."""
        above = ""
        for clause in clauses:
            if self.attempts.is_spent and self.found:
                return
            kind = clause.first.text if clause.first.kind == "word" else ""
            is_reply = kind == "reply" and clause.context in ("rule", "variant", "answer")
            if is_reply and above == "silent":
                continue
            if is_reply and above not in ("say", "reply"):
                self._report_stray(clause)
                above = "silent"
                continue
            tried = Clause("reply", clause.lexemes) if is_reply else clause
            passed = self._explain_clause(tried)
            above = kind if passed or kind != "say" else "silent"

    def _explain_clause(self, clause: Clause) -> bool:
        failure = self.attempts.failure(clause.context, clause.text(self.text))
        if failure is None:
            return True
        self._report_clause(clause, failure)
        return False

    def _report_clause(self, clause: Clause, failure: Failure) -> None:
        if not any(lexeme.line in self.lines for lexeme in clause.lexemes):
            case = Case(self.source.name, len(self.source.text), clause, failure, self.attempts)
            self.report(explain(case))

    def _report_outside(self, part: Part, *, was_outside: bool) -> str | None:
        """Report a part that opens no block; returns the block that was meant, if it is clear."""
        first = part.lexemes[0]
        span = self._span(first)
        if first.is_sign("}"):
            if not was_outside:
                edit = Edit(span, "")
                why = 'Every "}" closes the block that the last "{" opened.'
                extra = diagnose("OP016", span, 'this "}" closes nothing', why)
                fix = Fix('remove "}"', safe=False, edits=(edit,))
                self.report(with_fix(extra, fix))
            return None
        if first.kind != "word":
            clause = Clause("top", part.lexemes)
            self._explain_clauses([clause])
            return None
        self.outside = True
        meant = nearest(first.text, BLOCK_WORDS)
        if meant is not None:
            self._report_misspelt_block(part, meant)
            return meant
        if first.text in CLAUSE_WORDS:
            message = f'"{first.text}" stands outside of a block'
            why = 'The block above it is closed already; a "}" may stand too early.'
        else:
            message = f'there is no block called "{first.text}"'
            why = f"A block begins with one of {', '.join(SAMPLES['top'])}."
        self.report(diagnose("OP017", span, message, why, (SAMPLES["top"]["define"],)))
        return None

    def _report_misspelt_block(self, part: Part, meant: str) -> None:
        first = part.lexemes[0]
        line = [word for word in part.lexemes[1:] if word.line == first.line]
        message = f'there is no block called "{first.text}"; did you mean "{meant}"?'
        why = "Nothing in the block would be read."
        written = f"{meant} {join(line)}"
        diagnostic = diagnose("OP017", self._span(first), message, why, (written,))
        edit = Edit(self._span(first), meant)
        fix = Fix(f'write "{meant}"', safe=False, edits=(edit,))
        self.report(with_fix(diagnostic, fix))

    def _report_unopened(self, head: tuple[Lexeme, ...]) -> None:
        last = head[-1]
        why = "Without it the lines below belong to nothing."
        message = 'this block has no "{"'
        tries = (f"{join(head)} {{",)
        self.report(diagnose("OP018", self._span(last), message, why, tries))

    def _report_unclosed(self, opening: Lexeme) -> None:
        message = f'this "{opening.text}" block is never closed'
        why = 'What follows would belong to it. Put "}" on a line of its own where the block ends.'
        self.report(diagnose("OP010", self._span(opening), message, why, ("}",)))

    def _report_stray(self, clause: Clause) -> None:
        message = 'this reply has no "say" above it'
        why = "A button without a message would never be shown."
        line = f'say "Can I help?" {clause.written()}'
        tries = (line if self.attempts.passes("variant", line) else SAMPLES["variant"]["say"],)
        self.report(diagnose("OP021", self._span(clause.first), message, why, tries))

    def _report_rest(self, part: Part, failure: Failure) -> None:
        """Report a part whose clauses all pass alone, at the place where the whole does not."""
        offset = failure.offset
        at = next((word for word in part.lexemes if word.end > offset), part.lexemes[-1])
        if at.is_word("given"):
            message = '"given" stands before the first "at"'
            why = "It says how things are when the test begins."
        else:
            message = f'"{at.text[:30]}" does not fit here'
            why = "The block cannot be read beyond it."
        self.report(diagnose("OP019", self._span(at), message, why))

    def _has_message(self, part: Part) -> bool:
        return any(lexeme.line in self.lines for lexeme in part.lexemes)

    def _span(self, lexeme: Lexeme) -> Span:
        end_max = len(self.source.text)
        return Span(self.source.name, min(lexeme.start, end_max), min(lexeme.end, end_max))
