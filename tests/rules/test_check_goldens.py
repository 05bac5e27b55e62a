"""Every code of the checker shows what is wrong, why it matters, and a line that mends it."""

from pathlib import Path

import pytest

from engine.signals import SCHEMA
from rules import CheckOptions, Report, check_texts
from rules.codes import code_of
from rules.diagnostic_text import render_text
from rules.diagnostics import Fix
from tests.golden.golden import assert_golden

FOLDER = Path(__file__).parents[1] / "golden" / "diagnostics"
_ALL = """
OP006 OP020 OP022 OP023 OP101 OP102 OP103 OP104 OP105 OP107 OP110 OP111 OP112 OP113 OP114 OP115
OP116 OP117 OP118 OP119 OP120 OP121 OP122 OP123 OP124 OP125 OP126 OP127 OP128 OP129 OP130 OP131
OP132 OP134 OP137 OP138 OP140 OP141 OP142 OP230 OP231 OP301 OP302 OP303 OP304 OP305 OP306 OP307
OP308 OP309 OP310 OP311 OP313 OP401
"""
_WITH_EDITS = """
OP020 OP022 OP101 OP102 OP103 OP104 OP105 OP107 OP110 OP111 OP112 OP113 OP114 OP115 OP116 OP120
OP121 OP122 OP123 OP124 OP125 OP126 OP127 OP129 OP130 OP131 OP132 OP137 OP140 OP141 OP142 OP230
OP231 OP301 OP305 OP306 OP310 OP401
"""
CODES = _ALL.split()
MENDED = _WITH_EDITS.split()
"""Codes whose example has a fix with edits."""


def checked(name: str, text: str) -> Report:
    hints = code_of(name).severity == "hint"
    return check_texts({f"{name}.rules": text}, SCHEMA, CheckOptions(hints=hints))


def example(code: str) -> str:
    return (FOLDER / f"{code}.rules").read_text(encoding="utf-8")


def mended(text: str, fix: Fix) -> str:
    for edit in sorted(fix.edits, key=lambda item: item.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


@pytest.mark.parametrize("code", CODES)
def test_the_example_of_a_code_yields_it_and_reads_well(code: str) -> None:
    report = checked(code, example(code))
    shown = [item for item in report.diagnostics if item.code == code]
    others = {
        item.code for item in report.diagnostics if item.code != code and item.severity != "hint"
    }
    assert shown
    assert not others
    texts = [render_text(item, report.sources[item.span.source]) for item in shown]
    assert_golden(FOLDER / f"{code}.txt", "\n\n".join(texts) + "\n")


@pytest.mark.parametrize("code", MENDED)
def test_a_pasted_fix_makes_the_code_vanish(code: str) -> None:
    text = example(code)
    report = checked(code, text)
    (found,) = [item for item in report.diagnostics if item.code == code]
    assert found.fix is not None
    after = checked(code, mended(text, found.fix))
    assert [item.code for item in after.diagnostics if item.severity != "hint"] == []
    assert code not in [item.code for item in after.diagnostics]


@pytest.mark.parametrize("code", CODES)
def test_a_first_line_ends_without_a_period(code: str) -> None:
    for found in checked(code, example(code)).diagnostics:
        assert not found.message.endswith(".")
        assert found.message[0].islower() or found.message[0] in '"$€£0123456789/*+-'
