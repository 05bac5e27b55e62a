"""From the syntax tree to the checked form: names, types and units; every mistake is a value."""

from rules.resolver.block_order import imported_name
from rules.resolver.literals import quoted
from rules.resolver.messages import reply_value, text_span
from rules.resolver.rule_set import DEFAULT_SCORE, Resolved, resolve
from rules.resolver.scope import Scope

__all__ = [
    "DEFAULT_SCORE",
    "Resolved",
    "Scope",
    "imported_name",
    "quoted",
    "reply_value",
    "resolve",
    "text_span",
]
