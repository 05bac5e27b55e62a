"""The words of each syntax message, one pair of files a code."""

from pathlib import Path

import pytest

from rules.diagnostic_text import render_text
from rules.diagnostics import settle
from rules.parser import parse_bytes
from tests.golden.golden import assert_golden

FOLDER = Path(__file__).parent.parent / "golden" / "diagnostics"
CODES = [f"OP{number:03}" for number in (1, 2, 3, 4, *range(10, 20), 21)]


@pytest.mark.parametrize("code", CODES)
def test_the_message_of_a_code_reads_as_reviewed(code: str) -> None:
    path = FOLDER / f"{code}.rules"
    source, _, found = parse_bytes(path.name, path.read_bytes())
    kept = settle(found, {source.name: source})
    assert code in [one.code for one in kept]
    text = "\n\n".join(render_text(one, source) for one in kept)
    assert_golden(path.with_suffix(".txt"), text + "\n")
