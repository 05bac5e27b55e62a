"""Rules, answers and goals, and the whole rule set."""

from dataclasses import dataclass

from rules.checked.conditions import Cond, span_field
from rules.checked.messages import MessagePlan, VariantPlan
from rules.checked.patterns import PageList, Pattern
from rules.checked.policy import CapPlan, DayRange, PolicyPlan
from rules.checked.score import ScorePlan
from rules.checked.vocabulary import AttributePlan, EventPlan
from rules.nodes import Test
from rules.span import Span


@dataclass(frozen=True, slots=True)
class RulePlan:
    """One rule, ready to be evaluated. `number` is its place in file order, from 0."""

    number: int
    name: str
    title: str
    on: PageList | None
    except_on: PageList | None
    when: Cond
    unless: tuple[Cond, ...]
    priority: int
    limits: tuple[CapPlan, ...]
    active: tuple[int, int] | None
    during: tuple[DayRange, ...]
    expires_ms: int
    assistant: str
    holdout_percent: float
    variants: tuple[VariantPlan, ...]
    about: str
    tags: tuple[str, ...]
    owner: str
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """An answer block; `anything` for `asked anything`."""

    name: str
    phrases: tuple[str, ...]
    anything: bool
    on: PageList | None
    message: MessagePlan
    title: str = ""


@dataclass(frozen=True, slots=True)
class GoalPlan:
    """A conversion; `within_ms` None: in the same session."""

    name: str
    patterns: tuple[Pattern, ...]
    within_ms: int | None


@dataclass(frozen=True, slots=True)
class CheckedSet:
    """A rule set without errors. `attributes` and `events` hold the built-in ones too.

    Attributes that are computed when asked for (the clocks, the score, the scroll depth) are not in it.
    `tests` are the nodes of the test blocks in file order; `pages` are the named page lists, for related
    pages; `currency` is the sign in which money is written, `$` when none is.
    `version` is the first 16 hex digits of the SHA-256 of the canonical form.
    """

    site: str
    timezone: str
    attributes: dict[str, AttributePlan]
    events: dict[str, EventPlan]
    pages: dict[str, PageList]
    policy: PolicyPlan
    score: ScorePlan
    rules: tuple[RulePlan, ...]
    answers: tuple[AnswerPlan, ...]
    goals: tuple[GoalPlan, ...]
    tests: tuple[Test, ...]
    currency: str
    version: str
