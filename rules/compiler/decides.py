"""Rules as generated code: which hold now, and when one of the others can first hold."""

import ast
from collections import Counter
from collections.abc import Sequence

from rules.checked import (
    All,
    AnyOf,
    AttributePair,
    AttributeTest,
    ClockTest,
    Cond,
    CountTest,
    Member,
    PageTest,
    RulePlan,
    ScoreTest,
    ScrollTest,
    SequenceTest,
    TextCheck,
)
from rules.compiler import emit
from rules.compiler.conditions import Ask, Goal, conjuncts, leaves
from rules.compiler.layout import Layout
from rules.compiler.predicates import holds
from rules.compiler.scope import PARAMETERS, Scope
from rules.compiler.wakes import last_of, split_pending

DECIDE_PARAMETERS = (*PARAMETERS, "hits")
SHARE_FROM_COST = 3
"""Conditions cheaper than this are asked again rather than kept."""


def decide_function(layout: Layout, rules: Sequence[RulePlan], title: str) -> ast.FunctionDef:
    """Write a function over some rules, in order, whose pages are known to fit.

    It appends the numbers of the rules that hold to `hits`, and returns the earliest instant > now at
    which one of the others could, or emit.never().
    """
    scope = Scope(layout)
    _share_repeated(scope, rules)
    body: list[ast.stmt] = []
    for rule in rules:
        body.extend(_rule_lines(scope, rule))
    start = emit.assign("best", emit.never())
    end = emit.give(emit.name("best"))
    return emit.function(title, DECIDE_PARAMETERS, [*scope.prelude(), start, *body, end])


def _rule_asks(rule: RulePlan) -> list[Ask]:
    """Return what must all be answered yes, each once: `when` is true, every `unless` is false."""
    asks = [*conjuncts(rule.when, Goal.TRUE)]
    for cond in rule.unless:
        asks.extend(conjuncts(cond, Goal.FALSE))
    # By key: hashing a whole condition would walk all of it.
    return list({(cond.key, goal): (cond, goal) for cond, goal in asks}.values())


def _rule_lines(scope: Scope, rule: RulePlan) -> list[ast.stmt]:
    """Ask first what only events change: where that fails, there is no instant to wait for."""
    asks = sorted(_rule_asks(rule), key=lambda ask: cost(ask[0]))
    settled, timed = split_pending(scope, asks)
    hit = emit.do(emit.method(emit.name("hits"), "append", emit.const(rule.number)))
    body = [hit]
    if timed:
        wait = emit.take_if_earlier(last_of(scope, timed))
        now_true = emit.all_of(holds(scope, cond, goal) for cond, goal, _ in timed)
        body = emit.when(now_true, [hit], wait)
    return emit.when(emit.all_of(holds(scope, *ask) for ask in settled), body)


def cost(cond: Cond) -> int:
    """Rank conditions by what they cost to ask: cheap ones go first."""
    match cond:
        case PageTest() | ScrollTest() | ClockTest():
            return 1
        case CountTest():
            return 3 if cond.scope == "window" else 1
        case AttributeTest() | AttributePair() | Member() | TextCheck():
            return 4 if cond.attribute.type.kind in {"text", "one_of"} else 2
        case SequenceTest():
            return 3 if cond.tail in {"in_last", "then_no"} else 2
        case ScoreTest():
            return 9
        case All() | AnyOf():
            return 1 + sum(cost(item) for item in cond.items)
        case _:
            return 2


def _share_repeated(scope: Scope, rules: Sequence[RulePlan]) -> None:
    """Give a local to each dear condition that several of the rules ask for."""
    asked = [leaf for rule in rules for ask in _rule_asks(rule) for leaf in leaves(*ask)]
    counts = Counter((cond.key, goal) for cond, goal in asked)
    for (key, goal), (cond, _) in {(cond.key, goal): (cond, goal) for cond, goal in asked}.items():
        is_dear = cost(cond) >= SHARE_FROM_COST and not isinstance(cond, ScoreTest)
        if counts[key, goal] > 1 and is_dear:
            scope.share(key, goal, holds(scope, cond, goal))
