"""What a check, a format and a test run of given rule files answer; pure, and slow enough for a thread."""

import math
from collections.abc import Mapping

import msgspec

from engine.clock import Stopwatch
from engine.condition_coverage import ConditionCoverage
from engine.rule_tests import run_tests
from engine.signals import SCHEMA
from rules import CheckOptions, Diagnostic, Report, check_texts
from rules.checked import CheckedSet, EventTerm, ScorePlan, StartTerm, TimeTerm, ValueType, WhenTerm
from rules.compiler import Program, compile_program
from rules.diagnostic_text import to_json
from rules.diagnostics import settle
from rules.formatter import FormatRefused, format_text
from rules.span import Source
from server.errors import ApiError
from server.wire.rules import (
    AttributeReply,
    CheckReply,
    CoverageReply,
    DiagnosticReply,
    EventReply,
    FieldReply,
    FilesReply,
    TestReply,
    TestsReply,
)

SCORE_MAX = 100

TESTS_MS_MAX = 30_000
"""Tests of one call that take longer are not all run, and so do not hold."""


def check_files(files: Mapping[str, str], *, hints: bool, allow_regex: bool) -> CheckReply:
    """Check files as one rule set."""
    options = CheckOptions(allow_regex=allow_regex, hints=hints)
    report = check_texts(dict(sorted(files.items())), SCHEMA, options)
    checked = report.checked
    shown = diagnostic_replies(report, hints=hints)
    return CheckReply(
        ok=checked is not None,
        errors=sum(one.severity == "error" for one in shown),
        warnings=sum(one.severity == "warning" for one in shown),
        diagnostics=shown,
        score_range=None if checked is None else score_range(checked.score),
        events=None if checked is None else _events(checked),
        attributes=None if checked is None else _attributes(checked),
    )


def format_files(files: Mapping[str, str]) -> FilesReply:
    """Lay files out.

    Raises ApiError: check_failed, with the findings of the first file that does not parse.
    """
    return FilesReply({name: _formatted(Source(name, text)) for name, text in files.items()})


def run_file_tests(files: Mapping[str, str], *, allow_regex: bool) -> TestsReply:
    """Run the test blocks of files.

    Raises ApiError: check_failed, with the findings.
    """
    options = CheckOptions(allow_regex=allow_regex)
    report = check_texts(dict(sorted(files.items())), SCHEMA, options)
    if report.checked is None:
        raise check_failed(report)
    return run_program_tests(compile_program(report.checked, report.sources), report)


def run_program_tests(program: Program, report: Report) -> TestsReply:
    """Run the test blocks of a program that `report` led to, those that TESTS_MS_MAX has room for."""
    watch = Stopwatch()
    coverage = ConditionCoverage(program)
    tests = []
    for outcome in run_tests(program, coverage.look):
        source = report.sources[outcome.span.source]
        line = source.place(outcome.span.start).line
        tests.append(TestReply(outcome.name, source.name, line, outcome.passed, outcome.message))
        left = len(program.checked.tests) - len(tests)
        if left and watch.elapsed_ms() > TESTS_MS_MAX:
            seconds = TESTS_MS_MAX // 1_000
            words = f"{left} more tests were not run: those before it took over {seconds} s"
            tests.append(TestReply(outcome.name, source.name, line, passed=False, message=words))
            break
    passed = sum(test.passed for test in tests)
    return TestsReply(passed, len(tests) - passed, tests, _coverage(program, coverage))


def _coverage(program: Program, coverage: ConditionCoverage) -> CoverageReply:
    return CoverageReply(
        conditions=coverage.conditions,
        conditions_seen=coverage.conditions_seen,
        rules=len(program.rules),
        rules_spoken=coverage.rules_spoken,
        unseen=coverage.unseen(),
    )


def check_failed(report: Report) -> ApiError:
    """Make the refusal of files with errors; it carries the findings."""
    return _refusal(diagnostic_replies(report))


def diagnostic_replies(report: Report, *, hints: bool = False) -> list[DiagnosticReply]:
    """Write findings as the command line's JSON has them; hints only when they are wanted."""
    return [
        _reply(found, report.sources)
        for found in report.diagnostics
        if hints or found.severity != "hint"
    ]


def score_range(score: ScorePlan) -> tuple[int, int]:
    """Return the lowest and the highest score that a block can give, whatever visitors do."""
    low = high = 0.0
    for term in score.terms:
        match term:
            case StartTerm():
                low, high = low + term.amount, high + term.amount
            case WhenTerm():
                low, high = low + min(0.0, term.amount), high + max(0.0, term.amount)
            case TimeTerm() | EventTerm():
                size = math.copysign(term.up_to, term.amount)
                low, high = low + min(0.0, size), high + max(0.0, size)
    return _score(low, score), _score(high, score)


def _score(points: float, score: ScorePlan) -> int:
    if score.likelihood:
        return math.floor(SCORE_MAX / (1 + math.exp(-max(-500.0, min(500.0, points)))) + 0.5)
    return max(0, min(SCORE_MAX, round(points)))


def _formatted(source: Source) -> str:
    try:
        return format_text(source)
    except FormatRefused as refused:
        if not refused.diagnostics:
            # The formatter could not prove that it changes no meaning: the text stays as it is.
            return source.text
        sources = {source.name: source}
        found = settle(refused.diagnostics, sources)
        raise _refusal([_reply(one, sources) for one in found]) from refused


def _reply(found: Diagnostic, sources: Mapping[str, Source]) -> DiagnosticReply:
    source = sources.get(found.span.source) or Source(found.span.source, "")
    return msgspec.convert(to_json(found, source, sources), DiagnosticReply)


def _refusal(diagnostics: list[DiagnosticReply]) -> ApiError:
    first = next((one for one in diagnostics if one.severity == "error"), None)
    words = "" if first is None else f" First: {first.file}:{first.start.line} {first.message}"
    return ApiError(
        "check_failed",
        f"The rules have errors; nothing was changed.{words}",
        field="files",
        details={"diagnostics": diagnostics},
    )


def _events(checked: CheckedSet) -> tuple[EventReply, ...]:
    return tuple(
        EventReply(
            plan.name,
            plan.built_in,
            tuple(FieldReply(field.name, _type(field.type)) for field in plan.fields),
        )
        for plan in checked.events.values()
    )


def _attributes(checked: CheckedSet) -> tuple[AttributeReply, ...]:
    return tuple(
        AttributeReply(plan.name, _type(plan.type), plan.built_in, plan.type.options)
        for plan in checked.attributes.values()
    )


def _type(kind: ValueType) -> str:
    return kind.kind
