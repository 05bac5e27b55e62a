"""The numbering of a program: one number a register, one bit a page list."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from rules.checked import (
    AttributePlan,
    CheckedSet,
    ClockTest,
    Cond,
    CountTest,
    EventTerm,
    PageList,
    PageTest,
    Pattern,
    QuietFor,
    SequenceTest,
    Throughout,
    TimeTerm,
)
from rules.compiler.conditions import all_conditions, score_conditions
from rules.compiler.registers import (
    Register,
    RegisterKind,
    held_key,
    pattern_key,
    sequence_key,
)
from rules.span import Source, Span


def deciding_number(test: CountTest) -> int:
    """Return the number of matches with which the test changes its value."""
    return test.number if test.bound == "least" else test.number + 1


@dataclass(frozen=True, slots=True)
class Layout:
    """Which question stands in which cell of `State.regs`, and which page list has which bit.

    `tested_lists` are asked while rules run, so their bits stand in the small number that is kept for
    each page; lists of `on page` and `except page` become masks of rules instead (`indexes.py`).
    `score_moves`: some term of the score can change without an event. `score_drifts` are the signs, 1 and
    -1, of those that do so bit by bit.
    `attributes` are all that the conditions and the score read, by name.
    """

    registers: tuple[Register, ...]
    numbers: dict[str, int]
    tested_lists: tuple[PageList, ...]
    bits: dict[str, int]
    attributes: dict[str, AttributePlan]
    score_moves: bool
    score_drifts: frozenset[int]
    sources: Mapping[str, Source]

    def number(self, key: str) -> int:
        """Return the cell of a register."""
        return self.numbers[key]

    def bit(self, pages: PageList) -> int:
        """Return the bit of a tested page list."""
        return self.bits[pages.key]

    def line(self, span: Span | None) -> int | None:
        """Return the line of a span in its rule file; None when the file is not at hand."""
        source = None if span is None else self.sources.get(span.source)
        return None if source is None or span is None else source.place(span.start).line


def lay_out(checked: CheckedSet, sources: Mapping[str, Source]) -> Layout:
    """Number everything that the score and the rules ask for, in the order in which they ask."""
    registers: dict[str, Register] = {}
    lists: dict[str, PageList] = {}
    attributes: dict[str, AttributePlan] = {}
    seen: set[str] = set()
    for register in score_registers(checked):
        _demand(registers, lists, register)
    for cond in all_conditions(checked):
        if cond.key in seen:
            continue
        seen.add(cond.key)
        for register in registers_of(cond):
            _demand(registers, lists, register)
        if isinstance(cond, PageTest):
            lists.setdefault(cond.pages.key, cond.pages)
        for plan in attributes_of(cond):
            attributes[plan.name] = plan
    if checked.policy.never_on is not None:
        lists.setdefault(checked.policy.never_on.key, checked.policy.never_on)
    ordered = tuple(registers.values())
    return Layout(
        registers=ordered,
        numbers={register.key: number for number, register in enumerate(ordered)},
        tested_lists=tuple(lists.values()),
        bits={key: 1 << number for number, key in enumerate(lists)},
        attributes=attributes,
        score_moves=any(isinstance(term, TimeTerm) for term in checked.score.terms)
        or any(_moves(cond) for cond in score_conditions(checked)),
        score_drifts=frozenset(
            1 if term.amount > 0 else -1
            for term in checked.score.terms
            if isinstance(term, TimeTerm)
        ),
        sources=sources,
    )


def _moves(cond: Cond) -> bool:
    """Tell whether the clock alone can change a condition, its parts apart."""
    match cond:
        case ClockTest() | QuietFor() | Throughout():
            return True
        case CountTest():
            return cond.scope == "window"
        case SequenceTest():
            return cond.tail in {"in_last", "then_no"}
        case _:
            return False


def attributes_of(cond: Cond) -> Iterator[AttributePlan]:
    """Yield the attributes that one condition, not its parts, reads."""
    plan = getattr(cond, "attribute", None)
    if isinstance(plan, AttributePlan):
        yield plan
    other = getattr(cond, "other", None)
    if isinstance(other, AttributePlan):
        yield other


def patterns_of(register: Register) -> tuple[Pattern, ...]:
    """Return the patterns whose events a register counts or follows."""
    if register.sequence is not None:
        absent = register.sequence.absent
        return register.sequence.steps + ((absent,) if absent is not None else ())
    return (register.pattern,) if register.pattern is not None else ()


def _demand(registers: dict[str, Register], lists: dict[str, PageList], register: Register) -> None:
    earlier = registers.get(register.key)
    if earlier is None:
        registers[register.key] = register
    elif earlier.size < register.size:
        registers[register.key] = replace(earlier, size=register.size)
    for pattern in patterns_of(register):
        if pattern.page is not None:
            lists.setdefault(pattern.page.key, pattern.page)


def score_registers(checked: CheckedSet) -> Iterator[Register]:
    """Yield the registers that the score counts, its conditions apart."""
    for term in checked.score.terms:
        if isinstance(term, EventTerm):
            yield _of_pattern("session_count", term.pattern)


def registers_of(cond: Cond) -> Iterator[Register]:
    """Yield the registers that one condition, not its parts, reads."""
    match cond:
        case CountTest():
            yield from _count_registers(cond)
        case QuietFor():
            yield _of_pattern("last", cond.pattern)
        case SequenceTest():
            yield Register(sequence_key(cond), "sequence", sequence=cond)
        case Throughout():
            yield Register(held_key(cond), "held", held=cond)
        case _:
            return


def _count_registers(cond: CountTest) -> Iterator[Register]:
    needed = deciding_number(cond)
    if cond.scope == "session":
        yield _of_pattern("session_count", cond.pattern)
    elif cond.scope == "page":
        yield _of_pattern("page_count", cond.pattern)
    elif needed == 1:
        yield _of_pattern("last", cond.pattern)
    elif needed > 1:
        yield _of_pattern("times", cond.pattern, needed)


def _of_pattern(kind: RegisterKind, pattern: Pattern, size: int = 0) -> Register:
    return Register(pattern_key(kind, pattern), kind, pattern=pattern, size=size)
