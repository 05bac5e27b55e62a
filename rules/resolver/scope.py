"""The names of one rule set: what is declared, what is built in, what has been used."""

from dataclasses import dataclass, field

from rules.checked import AttributePlan, Cond, EventPlan, PageList, Pattern, Value, ValueType
from rules.durations import IN_SESSION, DurationPlace
from rules.nodes import Answer, Define, Goal, Literal, Pages, Rule, SetBlock
from rules.page_globs import PageGlob
from rules.resolver.findings import Findings
from rules.resolver.literals import Currency, Mismatch, read_literal
from rules.schema import Schema
from rules.span import Span

NESTING_MAX = 50
"""How deep conditions, defines and pages may be nested, one in the other."""

KEY_LEN_MAX = 50_000
"""Characters of a condition's canonical text with everything inlined."""


@dataclass(slots=True)
class Scope:
    """Everything a name can mean, and the memory of one check.

    `broken` are the (keyword, name) of blocks that did not parse: they count as declared, and while
    there is one, unknown pages, sets and defines are not reported.
    """

    schema: Schema
    findings: Findings
    allow_regex: bool = False
    broken: frozenset[tuple[str, str]] = frozenset()
    is_whole: bool = True
    attributes: dict[str, AttributePlan] = field(default_factory=dict)
    events: dict[str, EventPlan] = field(default_factory=dict)
    pages: dict[str, Pages] = field(default_factory=dict)
    sets: dict[str, SetBlock] = field(default_factory=dict)
    defines: dict[str, Define] = field(default_factory=dict)
    goals: dict[str, Goal] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    declared: dict[tuple[str, str], Span] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)
    currency: Currency = field(default_factory=Currency)
    globs: dict[str, PageGlob | None] = field(default_factory=dict)
    page_lists: dict[str, PageList] = field(default_factory=dict)
    named_pages: dict[str, PageList | None] = field(default_factory=dict)
    patterns: dict[str, Pattern] = field(default_factory=dict)
    conditions: dict[str, Cond | None] = field(default_factory=dict)
    resolving: list[str] = field(default_factory=list)
    in_score: bool = False

    def attribute(self, name: str) -> AttributePlan | None:
        """Find an attribute by its full name and remember that it is used."""
        plan = self.attributes.get(name)
        if plan is None:
            plan = self.schema.attribute(name)
            if plan is not None:
                self.attributes[name] = plan
        self.used.add(("attribute", name))
        return plan

    def is_broken(self, keyword: str, name: str) -> bool:
        """Tell whether a block of this name is there but did not parse."""
        return (keyword, name) in self.broken

    def value(
        self, literal: Literal, wanted: ValueType, place: DurationPlace = IN_SESSION
    ) -> Value | None:
        """Convert a literal, or report why it does not fit and return None."""
        value = read_literal(literal, wanted, place, self.currency)
        if isinstance(value, Mismatch):
            self.report_mismatch(literal.span, value)
            return None
        return value

    def duration(self, literal: Literal, place: DurationPlace) -> int | None:
        """Convert a duration to milliseconds, or report why it does not fit."""
        ms = self.value(literal, ValueType("duration"), place)
        return ms if isinstance(ms, int) else None

    def whole(self, literal: Literal, least: int, most: int, what: str) -> int | None:
        """Read a whole number within a range, or report OP105."""
        digits = literal.text.lstrip("+")
        if digits.isascii() and digits.isdigit() and len(digits) < 16:
            number = int(digits)
            if least <= number <= most:
                return number
        near = least if digits.startswith("-") or digits.strip("0") == "" else most
        self.findings.mend(
            "OP105",
            literal.span,
            f"{literal.text} is out of range for {what}",
            f"It is a whole number from {least} to {most}.",
            str(near),
        )
        return None

    def percent(self, literal: Literal) -> float | None:
        """Read a percentage as 0..100, or report it."""
        percent = self.value(literal, ValueType("percent"))
        return percent if isinstance(percent, float) else None

    def report_mismatch(self, span: Span, problem: Mismatch) -> None:
        """Report why a literal does not fit."""
        self.findings.mend(problem.code, span, problem.message, problem.why, problem.suggestion)
