"""The rule language: text in, values out; it knows no visitor, no clock and no network."""

from rules.checked import CheckedSet
from rules.checker import CheckOptions, CheckResult, check
from rules.diagnostics import Diagnostic
from rules.loader import ParseCache, RuleSet, load
from rules.rule_sets import Report, check_parsed, check_path, check_texts
from rules.schema import Schema

__all__ = [
    "CheckOptions",
    "CheckResult",
    "CheckedSet",
    "Diagnostic",
    "ParseCache",
    "Report",
    "RuleSet",
    "Schema",
    "check",
    "check_parsed",
    "check_path",
    "check_texts",
    "load",
]
