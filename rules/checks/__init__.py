"""Best practices and logic of single blocks: one check a file, named like its diagnostic."""

from collections.abc import Callable, Iterator

from rules.checks.any_page import any_page
from rules.checks.fallback_missing import fallback_missing
from rules.checks.holdout_size import holdout_size
from rules.checks.long_reply import long_reply
from rules.checks.long_text import long_text
from rules.checks.no_pause import no_pause
from rules.checks.no_way_out import no_way_out
from rules.checks.off_topic import off_topic
from rules.checks.page_only import page_only
from rules.checks.reply_count import reply_count
from rules.checks.too_early import too_early
from rules.checks.too_frequent import too_frequent_policy, too_frequent_rule
from rules.checks.two_questions import two_questions
from rules.checks.unguarded import unguarded
from rules.checks.weights import weights
from rules.diagnostics import Diagnostic
from rules.nodes import Answer, Policy, Rule
from rules.resolver import Scope

POLICY_CHECKS: tuple[Callable[[Policy, Scope], Iterator[Diagnostic]], ...] = (
    too_early,
    too_frequent_policy,
    no_pause,
    holdout_size,
)
RULE_CHECKS: tuple[Callable[[Rule, Scope], Iterator[Diagnostic]], ...] = (
    weights,
    holdout_size,
    reply_count,
    any_page,
    fallback_missing,
    too_frequent_rule,
    unguarded,
)
RULE_HINTS: tuple[Callable[[Rule, Scope], Iterator[Diagnostic]], ...] = (
    off_topic,
    long_text,
    two_questions,
    no_way_out,
    page_only,
    long_reply,
)
ANSWER_CHECKS: tuple[Callable[[Answer, Scope], Iterator[Diagnostic]], ...] = (fallback_missing,)
ANSWER_HINTS: tuple[Callable[[Answer, Scope], Iterator[Diagnostic]], ...] = (
    long_text,
    two_questions,
    long_reply,
)

__all__ = ["ANSWER_CHECKS", "ANSWER_HINTS", "POLICY_CHECKS", "RULE_CHECKS", "RULE_HINTS"]
