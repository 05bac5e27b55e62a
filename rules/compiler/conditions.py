"""Walks over checked conditions: parts, leaves, and the four things one may ask of a condition."""

from collections.abc import Iterator
from enum import Enum

from rules.checked import All, AnyOf, CheckedSet, Cond, Negation, Throughout, WhenTerm


class Goal(Enum):
    """What is asked of a three-valued condition; unknown is neither true nor false."""

    TRUE = "true"
    FALSE = "false"
    NOT_TRUE = "not_true"
    NOT_FALSE = "not_false"

    @property
    def negated(self) -> "Goal":
        """Return what to ask of `c` to learn this of `not c`."""
        return _NEGATED[self]

    @property
    def is_upper(self) -> bool:
        """Tell whether a two-valued condition answers it by being true."""
        return self in {Goal.TRUE, Goal.NOT_FALSE}


_NEGATED = {
    Goal.TRUE: Goal.FALSE,
    Goal.FALSE: Goal.TRUE,
    Goal.NOT_TRUE: Goal.NOT_FALSE,
    Goal.NOT_FALSE: Goal.NOT_TRUE,
}

Ask = tuple[Cond, Goal]


def conjuncts(cond: Cond, goal: Goal) -> Iterator[Ask]:
    """Split a question into questions that must all be answered yes; negations are pushed down."""
    match cond:
        case Negation():
            yield from conjuncts(cond.item, goal.negated)
        case All() if goal.is_upper:
            for item in cond.items:
                yield from conjuncts(item, goal)
        case AnyOf() if not goal.is_upper:
            for item in cond.items:
                yield from conjuncts(item, goal)
        case _:
            yield cond, goal


def leaves(cond: Cond, goal: Goal) -> Iterator[Ask]:
    """Yield the questions asked of single conditions, negations pushed down."""
    match cond:
        case Negation():
            yield from leaves(cond.item, goal.negated)
        case All() | AnyOf():
            for item in cond.items:
                yield from leaves(item, goal)
        case _:
            yield cond, goal


def walk(cond: Cond) -> Iterator[Cond]:
    """Yield a condition and all its parts, parts first."""
    match cond:
        case All() | AnyOf():
            for item in cond.items:
                yield from walk(item)
        case Negation() | Throughout():
            yield from walk(cond.item)
        case _:
            pass
    yield cond


def score_conditions(checked: CheckedSet) -> Iterator[Cond]:
    """Yield every condition of the score block, parts first."""
    for term in checked.score.terms:
        if isinstance(term, WhenTerm):
            yield from walk(term.condition)


def all_conditions(checked: CheckedSet) -> Iterator[Cond]:
    """Yield every condition of the score and of the rules, parts first; equal ones may repeat."""
    yield from score_conditions(checked)
    for rule in checked.rules:
        yield from walk(rule.when)
        for cond in rule.unless:
            yield from walk(cond)
