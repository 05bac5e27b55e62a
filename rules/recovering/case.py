"""A clause that fails, with what is needed to try it in other words."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rules.diagnostics import Diagnostic, Edit, Fix, diagnose, with_fix
from rules.lexemes import Lexeme, lexemes_of
from rules.recovering.attempt import Attempts, Failure
from rules.recovering.clauses import Clause
from rules.recovering.samples import SAMPLES
from rules.spacing import join
from rules.span import Span


@dataclass(frozen=True, slots=True)
class Case:
    """One failing clause.

    `at` is the index of the first lexeme that does not fit, or their number when the clause ends
    too early. `file` is the name of the file, `end_max` the length of its text.
    """

    file: str
    end_max: int
    clause: Clause
    failure: Failure
    attempts: Attempts
    at: int = field(init=False)

    def __post_init__(self) -> None:
        """Find the failing lexeme once."""
        offset = self.failure.offset + self.clause.first.start
        fits = (index for index, lexeme in enumerate(self.words) if lexeme.end > offset)
        object.__setattr__(self, "at", next(fits, len(self.words)))

    @property
    def words(self) -> tuple[Lexeme, ...]:
        """The lexemes of the clause."""
        return self.clause.lexemes

    @property
    def culprit(self) -> Lexeme:
        """The lexeme that does not fit, or the last one."""
        return self.words[min(self.at, len(self.words) - 1)]

    @property
    def sample(self) -> str:
        """A clause of the same kind that passes."""
        context = {"variant head": "rule", "reply": "variant", "head": "top"}.get(
            self.clause.context, self.clause.context
        )
        samples = SAMPLES[context]
        first = self.clause.first
        key = "+" if first.kind == "signed" else first.text
        fallback = samples.get("when") or samples.get("say") or next(iter(samples.values()))
        return samples.get(key, fallback)

    def replaced(self, start: int, stop: int, text: str) -> str:
        """Write the clause with the lexemes [start, stop) replaced by a text."""
        middle = lexemes_of(text)
        return join((*self.words[:start], *middle, *self.words[stop:]))

    def mended(self, *candidates: str) -> str | None:
        """Return the first candidate that parses in the clause's place."""
        return self.first_mended(candidates)

    def first_mended(self, candidates: Iterable[str]) -> str | None:
        """Return the first candidate that parses; the rest is not even written."""
        for candidate in candidates:
            if self.attempts.passes(self.clause.context, candidate):
                return candidate
        return None

    def span(self, first: Lexeme, last: Lexeme | None = None) -> Span:
        """Tell where lexemes stand in the file."""
        end = (last or first).end
        start = min(first.start, self.end_max)
        return Span(self.file, start, max(start, min(end, self.end_max)))

    def report(self, code: str, place: Lexeme, message: str, why: str, *tries: str) -> Diagnostic:
        """Make a diagnostic at a lexeme; without a try, a sample of the clause is shown."""
        return diagnose(code, self.span(place), message, why, tries or (self.sample,))

    def report_swap(
        self, code: str, place: Lexeme, message: str, why: str, swap: tuple[str, str]
    ) -> Diagnostic:
        """Make a diagnostic whose fix replaces one lexeme; `swap` is the new text and the line."""
        diagnostic = self.report(code, place, message, why, swap[1])
        edit = Edit(self.span(place), swap[0])
        title = f'write "{swap[0]}"' if swap[0] else f'remove "{place.text}"'
        return with_fix(diagnostic, Fix(title, safe=False, edits=(edit,)))
