"""The checked form of a rule set: names resolved, units converted, equal conditions one value.

The checker writes it; the interpreter, the bounds, the compiler and the engine read it. Every duration
is whole milliseconds, every percent a number 0..100, every money whole hundredths, every date a
proleptic ordinal day, every text literal folded with `value_types.fold`. Defines, sets and pages are
inlined. A condition's `key` is its canonical text: equal keys mean the same condition, and registers
(`registers.py`) are named by it, so that memory survives a reload.
"""

from rules.checked.conditions import (
    All,
    AnyOf,
    AttributePair,
    AttributeTest,
    ClockTest,
    Cond,
    Constant,
    CountTest,
    Known,
    Member,
    Negation,
    PageTest,
    QuietFor,
    ScoreTest,
    ScrollTest,
    SequenceTest,
    TextCheck,
    Throughout,
    YesNo,
)
from rules.checked.messages import (
    ActionName,
    MessagePlan,
    Placeholder,
    ReplyPlan,
    Template,
    VariantPlan,
)
from rules.checked.patterns import FieldFilter, PageList, Pattern
from rules.checked.policy import CapPlan, ClockWord, DayRange, Holdout, PolicyPlan, ScopeKind
from rules.checked.rule_set import AnswerPlan, CheckedSet, GoalPlan, RulePlan
from rules.checked.score import EventTerm, ScorePlan, StartTerm, Term, TimeTerm, WhenTerm
from rules.checked.vocabulary import (
    AttributePlan,
    ClockName,
    CompareOp,
    EventPlan,
    FieldPlan,
    Value,
    ValueKind,
    ValueType,
)

__all__ = [
    "ActionName",
    "All",
    "AnswerPlan",
    "AnyOf",
    "AttributePair",
    "AttributePlan",
    "AttributeTest",
    "CapPlan",
    "CheckedSet",
    "ClockName",
    "ClockTest",
    "ClockWord",
    "CompareOp",
    "Cond",
    "Constant",
    "CountTest",
    "DayRange",
    "EventPlan",
    "EventTerm",
    "FieldFilter",
    "FieldPlan",
    "GoalPlan",
    "Holdout",
    "Known",
    "Member",
    "MessagePlan",
    "Negation",
    "PageList",
    "PageTest",
    "Pattern",
    "Placeholder",
    "PolicyPlan",
    "QuietFor",
    "ReplyPlan",
    "RulePlan",
    "ScopeKind",
    "ScorePlan",
    "ScoreTest",
    "ScrollTest",
    "SequenceTest",
    "StartTerm",
    "Template",
    "Term",
    "TextCheck",
    "Throughout",
    "TimeTerm",
    "Value",
    "ValueKind",
    "ValueType",
    "VariantPlan",
    "WhenTerm",
    "YesNo",
]
