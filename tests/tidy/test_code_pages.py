"""Every diagnostic has a page in docs/codes, made from its registry line and its golden example."""

import pytest

from rules.codes import CODES, Code
from tests.golden.golden import assert_golden
from tests.tidy.tree import ROOT, text

PAGES = ROOT / "docs" / "codes"
GOLDEN = ROOT / "tests" / "golden" / "diagnostics"
_MEANING = {
    "error": "An error: the rule set is not loaded, and a running one stays as it is.",
    "warning": 'A warning: the rule set is loaded. `allow CODE because "..."` silences it.',
    "hint": "A hint: shown with `--hints` only. It never fails a check.",
}


def page(entry: Code) -> str:
    """Write one code's page: what it means, an example, and what `opportune check` says to it."""
    title = entry.title[:1].upper() + entry.title[1:]
    meaning = _MEANING[entry.severity].replace("CODE", entry.code)
    parts = [f"# {entry.code} {entry.name}", f"{title}.", meaning]
    rules, said = GOLDEN / f"{entry.code}.rules", GOLDEN / f"{entry.code}.txt"
    if rules.exists() and said.exists():
        if entry.code != "OP004":
            parts += ["For example:", f"```\n{text(rules).rstrip()}\n```"]
        parts += ["`opportune check` says:", f"```\n{text(said).rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("entry", CODES, ids=lambda entry: entry.code)
def test_page_golden(entry: Code) -> None:
    assert_golden(PAGES / f"{entry.code}.md", page(entry))


def test_no_page_is_left_over() -> None:
    assert {path.stem for path in PAGES.glob("OP*.md")} == {entry.code for entry in CODES}
