"""Interpreter, compiled program and polling agree; the fuzz command looks at many more pairs."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given

from engine.signals import SCHEMA
from rules import check_path
from rules.checked import CheckedSet, Constant
from rules.compiler import compile_program
from tests.fuzz.agreement import dense_errors, disagreements, stretches
from tests.fuzz.evaluators import look_at, numbered_pair
from tests.fuzz.real_rules import real_pair
from tests.strategies import Pair, pairs

PAIRS = 240
SHARES = 8


@pytest.mark.parametrize("share", range(SHARES))
def test_interpreter_program_and_polling_agree(share: int) -> None:
    findings = look_at(0, range(share, PAIRS, SHARES))
    assert findings.disagreements == {}
    assert findings.pairs == PAIRS // SHARES


@given(pairs)
def test_they_agree_on_the_smallest_pairs_too(pair: Pair) -> None:
    """Hypothesis shrinks what it finds, so a failure here is short to read."""
    assert disagreements(pair) == []


def test_a_program_of_other_rules_is_caught() -> None:
    """The control: were the law blind, this would pass for agreement."""
    caught = 0
    for number in range(10):
        pair = numbered_pair(0, number)
        program = compile_program(_always_speaking(pair.checked))
        caught += any(dense_errors(pair, program, stretches(pair)))
    assert caught >= 5


def _always_speaking(checked: CheckedSet) -> CheckedSet:
    always = Constant(value=True, key="always")
    rules = tuple(
        replace(rule, on=None, except_on=None, unless=(), when=always) for rule in checked.rules
    )
    return replace(checked, rules=rules)


RULE_FILES = sorted((Path(__file__).parents[1] / "cases" / "examples").glob("*.rules"))


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_they_agree_on_rules_written_by_hand(path: Path) -> None:
    """The keys of conditions come from the checker here: two that differ must not share a register."""
    checked = check_path(path, SCHEMA).checked
    assert checked is not None
    for seed in range(6):
        assert disagreements(real_pair(checked, Random(seed))) == []
