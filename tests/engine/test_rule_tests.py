"""Test blocks run on virtual time, and a failing one says what it got and why."""

import pytest

from engine.rule_tests import run_tests
from engine.testing.interpreted import InterpretedProgram
from rules.compiler import Program
from tests.engine.world import HELP, example, program_of


@pytest.mark.parametrize("kind", [Program, InterpretedProgram])
@pytest.mark.parametrize("name", ["cart", "hvac", "saas_pricing"])
def test_every_test_of_the_examples_passes(name: str, kind: type[Program]) -> None:
    outcomes = list(run_tests(kind(example(name).checked, {})))
    assert len(outcomes) >= 7
    assert [o.name for o in outcomes if not o.passed] == []


def failure(steps: str, rules: str = HELP) -> str:
    program = program_of(rules + 'test "t" {\n' + steps + "\n}\n")
    (outcome,) = run_tests(program)
    assert not outcome.passed
    return outcome.message


def test_a_missing_message_is_explained_clause_by_clause() -> None:
    said = failure('at 0s view "/pricing"\nat 40s expect message from help')
    assert said.startswith("no message at 40 s\nhelp stayed silent")
    assert '✓ on page "/pricing"' in said
    assert "✗ when time_on_page >= 45s" in said


def test_a_message_too_many_is_named_with_its_time() -> None:
    assert failure('at 0s view "/pricing"\nat 60s expect no message') == "help spoke at 45 s"


def test_a_wrong_reason_names_the_right_one() -> None:
    said = failure('at 0s view "/pricing"\nat 40s expect blocked help by cap')
    assert said.startswith("help is kept silent by when\n")


def test_an_expected_silence_where_nothing_blocks_is_told() -> None:
    rules = HELP.replace("time_on_page >= 45s", "time_on_page >= 1s")
    said = failure('at 0s view "/other"\nat 40s expect blocked help by cap', rules)
    assert said.startswith("help is kept silent by page")


def test_the_score_text_answer_and_expiry_are_told_when_they_differ() -> None:
    view = 'at 0s view "/pricing"\n'
    assert failure(view + "at 1s expect score >= 99").startswith("the score is ")
    assert failure(view + 'at 50s expect text contains "x"').startswith("the latest message says")
    assert failure(view + 'at 5s expect text contains "x"') == "no message was sent yet"
    assert failure(view + "at 50s expect expired help") == "no message of help expired"
    rules = HELP + 'answer cost { asked "price" say "9" }\n'
    assert failure(view + 'at 5s says "hello there"\nat 5s expect answer cost', rules) == (
        "no answer block applies"
    )
    assert failure(view + "at 5s expect answer cost", rules) == (
        "the visitor says nothing at this time"
    )


def test_a_reply_that_no_message_has_fails_the_step() -> None:
    assert failure('at 0s view "/pricing"\nat 50s reply "Maybe"') == (
        'no message so far has a reply "Maybe"'
    )
    assert failure("at 1s dismiss") == "there is no message to dismiss yet"


def test_priority_and_holdout_report_at_the_instant_of_the_decision() -> None:
    rules = HELP + HELP.replace("rule help", "rule other").replace(
        "  on page", "  priority 90\n  on page"
    )
    steps = 'test "t" {\nat 0s view "/pricing"\nat 45s expect blocked help by priority\n}\n'
    (outcome,) = run_tests(program_of(rules + steps))
    assert outcome.passed, outcome.message
    held = "policy {\n  holdout 10% by visitor\n}\n" + HELP
    expects = "at 45s expect blocked help by holdout\nat 2m expect no message\n}\n"
    steps = 'test "t" {\ngiven holdout yes\nat 0s view "/pricing"\n' + expects
    (outcome,) = run_tests(program_of(held + steps))
    assert outcome.passed, outcome.message
