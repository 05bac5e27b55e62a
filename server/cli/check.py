"""`opportune check PATH...`: what is wrong with rule files, in their author's words."""

import argparse

from engine.clock import Stopwatch
from rules.codes import CODES, Code
from server.cli.command import Command, Exit, Refusal, add_format
from server.cli.findings import Found, show
from server.cli.output import count, result, talk
from server.cli.rule_paths import add_paths
from server.cli.rule_sets import RuleSet, read_rule_sets

_MEANING = {
    "error": "an error: the rule set is not loaded, a running one stays as it is",
    "warning": 'a warning: the rule set is loaded; `allow CODE because "..."` silences it',
    "hint": "a hint: shown with --hints only, it never fails",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser)
    parser.add_argument("--hints", action="store_true", help="show hints too")
    parser.add_argument("--allow-regex", action="store_true", help="rules may use `matches`")
    parser.add_argument("--explain", metavar="CODE", help="say what a code means, and end")
    add_format(parser)


def run(options: argparse.Namespace) -> Exit:
    """Check all rule sets and show what was found."""
    if options.explain is not None:
        result(explanation(options.explain))
        return Exit.CLEAN
    watch = Stopwatch()
    rule_sets = read_rule_sets(options.paths, hints=options.hints, allow_regex=options.allow_regex)
    found = Found(
        tuple(each for rule_set in rule_sets for each in rule_set.found.diagnostics),
        {name: text for rule_set in rule_sets for name, text in rule_set.found.sources.items()},
    )
    if not options.hints:
        found = found.without_hints()
    show(found, options.format)
    if options.format == "text":
        _talk_total(rule_sets, found, watch.elapsed_ms())
    if any(rule_set.checked is None for rule_set in rule_sets):
        return Exit.FINDINGS
    return Exit.LINT if found.counted("warning") else Exit.CLEAN


def explanation(code: str) -> str:
    """Say what a code means.

    Raises:
        Refusal: there is no such code.
    """
    wanted = code.upper()
    entry = next((each for each in CODES if each.code == wanted), None)
    if entry is None:
        message = f"there is no code {code}. Codes: {CODES[0].code} to {CODES[-1].code}"
        raise Refusal(message)
    return _text_of(entry)


def _text_of(entry: Code) -> str:
    return f"{entry.code}  {entry.name}\n  {entry.title}\n  {_MEANING[entry.severity]}"


def _talk_total(rule_sets: list[RuleSet], found: Found, elapsed_ms: float) -> None:
    files = count(sum(each.files for each in rule_sets), "file")
    rules = count(sum(each.rules for each in rule_sets), "rule")
    errors, warnings = found.counted("error"), found.counted("warning")
    words = count(errors, "error") + (f", {count(warnings, 'warning')}" if warnings else "")
    if found.diagnostics:
        talk("")
    talk(f"{files}, {rules}: {words} ({elapsed_ms / 1000:.2f} s)")


COMMAND = Command("check", "Say what is wrong with rule files.", add_arguments, run)
