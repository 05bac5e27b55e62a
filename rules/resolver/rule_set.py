"""A whole rule set: declarations first, then every block, into the checked form."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from rules.checked import AnswerPlan, CheckedSet, GoalPlan, RulePlan, ScorePlan
from rules.diagnostics import diagnose
from rules.nodes import (
    Answer,
    Attribute,
    Block,
    Define,
    Event,
    File,
    Pages,
    Policy,
    Rule,
    Score,
    SetBlock,
    Site,
    Test,
)
from rules.parser import parse
from rules.resolver.answer_blocks import answer_plan
from rules.resolver.block_order import blocks_in_order
from rules.resolver.canonical import short_hash
from rules.resolver.declarations import declare_all, resolve_declarations
from rules.resolver.declared_names import check_name, declare
from rules.resolver.findings import Findings
from rules.resolver.policy import policy_plan, score_plan
from rules.resolver.rule_blocks import rule_plan
from rules.resolver.scope import Scope
from rules.resolver.timelines import check_test
from rules.resolver.times import time_zone
from rules.schema import COMPUTED, Schema
from rules.span import Source

SITE_NAME = "default"
SITE_ZONE = "UTC"

DEFAULT_SCORE = """\
score {
  start 5
  +1 per 6s of time_on_site up to 20
  +4 per view up to 20
  +10 when scroll_depth >= 60%
  +10 when visitor.returning
  +20 when seen add_to_cart or seen form_start or seen checkout_start
  +15 when seen visitor_message or seen reply_clicked
  -20 when no activity for 60s
}
"""
"""LANGUAGE.md 7.6: what a rule set without a score block gets."""

_SINGLE: dict[type, str] = {Policy: "policy", Score: "score", Site: "site"}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A resolved rule set; `checked` is None when something in it was reported as an error."""

    blocks: tuple[Block, ...]
    scope: Scope
    checked: CheckedSet | None


def resolve(files: Sequence[File], schema: Schema, *, allow_regex: bool, hints: bool) -> Resolved:
    """Resolve the blocks of a rule set against the vocabulary of a host."""
    findings = Findings(hints=hints)
    broken = frozenset(name for file in files for name in file.broken)
    scope = Scope(schema, findings, allow_regex, broken, is_whole=not broken)
    blocks = blocks_in_order(files, findings)
    _report_second_blocks(scope, blocks)
    declare_all(scope, blocks)
    _declare_blocks(scope, blocks)
    goals = resolve_declarations(scope, blocks)
    checked = _checked(scope, blocks, goals)
    if not broken and hints:
        _report_unused(scope, blocks)
    failed = any(found.severity == "error" for found in findings.diagnostics)
    return Resolved(blocks, scope, None if failed or broken else checked)


def _report_second_blocks(scope: Scope, blocks: Sequence[Block]) -> None:
    first: dict[str, Block] = {}
    for block in blocks:
        word = _SINGLE.get(type(block))
        if word is None:
            continue
        if word in first:
            here, there = (
                replace(b.span, end=b.span.start + len(word)) for b in (block, first[word])
            )
            message = f"a rule set has one {word}, and this is the second"
            why = "Two of them could contradict each other; put the clauses of both into one."
            scope.findings.twice(diagnose("OP023", here, message, why), there)
        first.setdefault(word, block)


def _declare_blocks(scope: Scope, blocks: Sequence[Block]) -> None:
    for block in blocks:
        if isinstance(block, Rule):
            check_name(scope, "rule", block.name)
            if declare(scope, "rule", block.name.text, block.name.span):
                scope.rules[block.name.text] = block
        elif isinstance(block, Answer):
            check_name(scope, "answer", block.name)
            if declare(scope, "answer", block.name.text, block.name.span):
                scope.answers[block.name.text] = block


def _checked(
    scope: Scope, blocks: Sequence[Block], goals: tuple[GoalPlan, ...]
) -> CheckedSet | None:
    site, zone = _site(scope, blocks)
    policy = policy_plan(scope, _policy(blocks))
    score = _score(scope, blocks)
    rules: list[RulePlan] = []
    answers: list[AnswerPlan] = []
    for block in blocks:
        if isinstance(block, Rule):
            rule = rule_plan(scope, block, len(rules))
            rules.extend([] if rule is None else [rule])
        elif isinstance(block, Answer):
            answer = answer_plan(scope, block)
            answers.extend([] if answer is None else [answer])
        elif isinstance(block, Test):
            check_test(scope, block)
    checked = CheckedSet(
        site=site,
        timezone=zone,
        attributes={n: plan for n, plan in scope.attributes.items() if n not in COMPUTED},
        events=dict(scope.events),
        pages={n: pages for n, pages in scope.named_pages.items() if pages is not None},
        policy=policy,
        score=score,
        rules=tuple(rules),
        answers=tuple(answers),
        goals=goals,
        tests=tuple(block for block in blocks if isinstance(block, Test)),
        currency=scope.currency.sign or "$",
        version="",
    )
    return replace(checked, version=_version(checked))


def _version(checked: CheckedSet) -> str:
    """Name what the set does: tests are left out, and of the built-in vocabulary all but changes."""
    declared = [plan for plan in checked.attributes.values() if not plan.built_in]
    events = [plan for plan in checked.events.values() if not plan.built_in]
    return short_hash([replace(checked, tests=(), attributes={}, events={}), declared, events])


def _policy(blocks: Sequence[Block]) -> Policy | None:
    return next((block for block in blocks if isinstance(block, Policy)), None)


def _site(scope: Scope, blocks: Sequence[Block]) -> tuple[str, str]:
    for block in blocks:
        if isinstance(block, Site):
            return block.name.value, time_zone(scope, block.timezone) or SITE_ZONE
    return SITE_NAME, SITE_ZONE


def _score(scope: Scope, blocks: Sequence[Block]) -> ScorePlan:
    for block in blocks:
        if isinstance(block, Score):
            return score_plan(scope, block)
    return _default_score(scope)


@lru_cache(maxsize=1)
def _default_block() -> Score:
    file, _ = parse(Source("default score", DEFAULT_SCORE))
    score = file.blocks[0]
    assert isinstance(score, Score)
    return score


def _default_score(scope: Scope) -> ScorePlan:
    """Resolve the default block against the built-in vocabulary alone.

    Terms about what the host does not offer are left out.
    """
    apart = Scope(scope.schema, Findings(hints=False))
    declare_all(apart, ())
    return score_plan(apart, _default_block())


def _report_unused(scope: Scope, blocks: Sequence[Block]) -> None:
    for block in blocks:
        match block:
            case Attribute():
                word, name, span = "attribute", block.ref.name, block.ref.span
            case Event() | Pages() | SetBlock() | Define():
                word = "set" if isinstance(block, SetBlock) else type(block).__name__.lower()
                name, span = block.name.text, block.name.span
            case _:
                continue
        if (word, name) not in scope.used:
            scope.findings.say(
                "OP119", span, f'{word} "{name}" is never used', "Remove it, or use it."
            )
