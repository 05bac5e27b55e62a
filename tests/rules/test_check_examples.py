"""The sample files: good ones check clean, bad ones yield exactly what stands beside them."""

from pathlib import Path

import pytest

from engine.signals import SCHEMA
from rules import check_path

EXAMPLES = Path(__file__).parents[1] / "cases" / "examples"
GOOD = sorted(path.name for path in EXAMPLES.glob("*.rules"))
BAD = sorted(path.name for path in (EXAMPLES / "errors").glob("*.rules"))


@pytest.mark.parametrize("name", GOOD)
def test_a_sample_file_checks_without_errors_and_warnings(name: str) -> None:
    report = check_path(EXAMPLES / name, SCHEMA)
    assert report.diagnostics == ()
    assert report.checked is not None


@pytest.mark.parametrize("name", BAD)
def test_a_faulty_file_yields_exactly_the_expected_lines_and_codes(name: str) -> None:
    path = EXAMPLES / "errors" / name
    report = check_path(path, SCHEMA)
    found = [
        f"{report.sources[item.span.source].place(item.span.start).line} {item.code}"
        for item in report.diagnostics
    ]
    assert found == path.with_suffix(".expect").read_text(encoding="utf-8").split("\n")[:-1]
