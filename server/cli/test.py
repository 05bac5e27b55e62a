"""`opportune test PATH...`: the test blocks of rule files, on a virtual clock."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from engine.clock import Stopwatch
from engine.rule_tests import TestOutcome, run_tests
from rules.compiler import compile_program
from server.cli.command import Command, Exit, add_format
from server.cli.findings import show
from server.cli.output import count, paint_result, result, result_json, talk, width
from server.cli.rule_paths import add_paths
from server.cli.rule_sets import RuleSet, read_rule_sets

FAILED_CODE = "OP510"
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test ended, and where: a path from the current folder and a 1-based line."""

    file: str
    line: int
    outcome: TestOutcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_paths(parser)
    parser.add_argument("--name", metavar="TEXT", help="only tests with this in their name")
    parser.add_argument("--allow-regex", action="store_true", help="rules may use `matches`")
    add_format(parser)


def run(options: argparse.Namespace) -> Exit:
    """Run the tests of all rule sets; a set with an error has none that can run."""
    watch = Stopwatch()
    rule_sets = read_rule_sets(options.paths, allow_regex=options.allow_regex)
    broken = [each for each in rule_sets if each.checked is None]
    if broken:
        for each in broken:
            show(each.found.without_hints(), options.format)
        talk("no test was run: the rules have errors")
        return Exit.FINDINGS
    outcomes = [outcome for each in rule_sets for outcome in _run_set(each, options.name)]
    writers: dict[str, Callable[[list[Outcome]], None]] = {
        "text": _write_text,
        "json": _write_json,
        "github": _write_github,
    }
    writers[options.format](outcomes)
    if options.format == "text":
        _talk_total(outcomes, watch.elapsed_ms())
    return Exit.CLEAN if all(each.outcome.passed for each in outcomes) else Exit.FINDINGS


def _run_set(rule_set: RuleSet, wanted: str | None) -> list[Outcome]:
    assert rule_set.checked is not None, "a set with errors is not run"
    program = compile_program(rule_set.checked, rule_set.sources)
    ended = []
    for outcome in run_tests(program):
        if wanted is None or wanted in outcome.name:
            file = rule_set.shown(outcome.span.source)
            line = rule_set.found.sources[file].place(outcome.span.start).line
            ended.append(Outcome(file, line, outcome))
    return ended


def _write_text(outcomes: list[Outcome]) -> None:
    for file in dict.fromkeys(each.file for each in outcomes):
        inside = [each for each in outcomes if each.file == file]
        failed = [each for each in inside if not each.outcome.passed]
        marks = paint_result(f"✓ {len(inside) - len(failed)}", "green")
        if failed:
            marks += "   " + paint_result(f"✗ {len(failed)}", "red")
        result(f"{file}   {marks}")
        for each in failed:
            _write_failure(each)


def _write_failure(failure: Outcome) -> None:
    place = f"{failure.file}:{failure.line}"
    name = f'  ✗ "{failure.outcome.name}"'
    result(f"{name:<{max(len(name) + 2, width() - len(place))}}{place}")
    for line in failure.outcome.message.splitlines():
        result(f"    {line}")


def _write_json(outcomes: list[Outcome]) -> None:
    result_json(
        {
            "ok": all(each.outcome.passed for each in outcomes),
            "passed": sum(each.outcome.passed for each in outcomes),
            "failed": sum(not each.outcome.passed for each in outcomes),
            "tests": [
                {
                    "name": each.outcome.name,
                    "file": each.file,
                    "line": each.line,
                    "passed": each.outcome.passed,
                    "message": each.outcome.message,
                    "visitor_ms": each.outcome.visitor_ms,
                }
                for each in outcomes
            ],
        }
    )


def _write_github(outcomes: list[Outcome]) -> None:
    for each in outcomes:
        if not each.outcome.passed:
            text = f"{each.outcome.name}\n{each.outcome.message}"
            escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
            result(f"::error file={each.file},line={each.line},title={FAILED_CODE}::{escaped}")


def _talk_total(outcomes: list[Outcome], elapsed_ms: float) -> None:
    failed = sum(not each.outcome.passed for each in outcomes)
    visited_ms = sum(each.outcome.visitor_ms for each in outcomes)
    talk(
        f"{len(outcomes) - failed} passed, {failed} failed: "
        f"{visited_ms / _MINUTE_MS:.0f} min of visitor time in {elapsed_ms / 1000:.2f} s"
    )
    if not outcomes:
        talk(f"{count(0, 'test')}: a rule without a test is a guess")


COMMAND = Command("test", "Run the tests in rule files.", add_arguments, run)
