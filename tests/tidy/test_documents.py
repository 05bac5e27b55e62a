"""What the documents say about the code is so."""

import re

import pytest

from engine.rule_tests import run_tests
from engine.signals import SCHEMA
from rules import check_texts
from rules.codes import CODES
from rules.compiler import compile_program
from tests.tidy.tree import ROOT, all_files, imports, modules, python_files, text

GOLDEN = ROOT / "tests" / "golden" / "diagnostics"
BY_ANOTHER_ROAD = {
    "OP005": "a file of over 1 MiB is made in its own test",
    "OP510": "a failed test is printed by `opportune test`",
}


def _rooms() -> dict[str, set[str]]:
    """Which folder imports which others, for the three packages."""
    known = modules()
    folder_of = {
        name: path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for name, path in known.items()
    }
    rooms: dict[str, set[str]] = {}
    for name, path in known.items():
        others = {folder_of[other] for other in imports(path)} - {folder_of[name]}
        rooms.setdefault(folder_of[name], set()).update(others)
    return rooms


def test_the_picture_of_the_rooms_is_the_imports() -> None:
    page = text(ROOT / "ARCHITECTURE.md")
    block = re.search(r"```rooms\n(.*?)```", page, re.DOTALL)
    assert block, "ARCHITECTURE.md has no ```rooms block"
    drawn: dict[str, set[str]] = {}
    for line in block.group(1).splitlines():
        room, _, others = line.partition("<-")
        drawn[room.strip()] = set(others.replace("-", "").split())
    real = _rooms()
    lines = [f"{room:<16} <- {' '.join(sorted(others)) or '-'}" for room, others in real.items()]
    assert drawn == real, "draw this in ARCHITECTURE.md:\n" + "\n".join(sorted(lines))


def test_every_diagnostic_has_an_example() -> None:
    missing = [
        code.code
        for code in CODES
        if code.code not in BY_ANOTHER_ROAD
        and not (
            list(GOLDEN.glob(f"{code.code}*.rules")) or list((GOLDEN / code.code).glob("*.rules"))
        )
    ]
    assert not missing, f"add a golden pair in {GOLDEN.relative_to(ROOT)}: {', '.join(missing)}"


def test_the_diagnostics_are_numbered_once_and_in_order() -> None:
    numbers = [code.code for code in CODES]
    assert numbers == sorted(set(numbers))


def test_the_version_is_the_changelogs_first() -> None:
    version = re.search(r'^version = "(.*)"', text(ROOT / "pyproject.toml"), re.MULTILINE)
    first = re.search(r"^## (\S+)", text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert version
    assert first
    assert first.group(1) == version.group(1)


@pytest.mark.parametrize("room", ["rules", "engine", "server"])
def test_a_rooms_readme_names_every_file_and_no_other(room: str) -> None:
    page = text(ROOT / room / "README.md")
    named = set(re.findall(r"^\| `([a-z_/]+\.py)` \|", page, re.MULTILINE))
    real = {
        path.relative_to(ROOT / room).as_posix()
        for path in python_files(room)
        if path.name != "__init__.py"
    }
    missing, gone = sorted(real - named), sorted(named - real)
    assert not missing, f"{room}/README.md: add one line for each of {', '.join(missing)}"
    assert not gone, f"{room}/README.md names what is not there: {', '.join(gone)}"


def test_the_rule_in_the_readme_is_checked_and_its_test_passes() -> None:
    block = re.search(r"```rules\n(.*?)```", text(ROOT / "README.md"), re.DOTALL)
    assert block
    report = check_texts({"readme.rules": block.group(1)}, SCHEMA)
    assert report.diagnostics == ()
    assert report.checked is not None
    outcomes = list(run_tests(compile_program(report.checked)))
    assert [outcome.message for outcome in outcomes] == [""]


def test_no_link_of_a_document_is_dead() -> None:
    for page in (path for path in all_files() if path.suffix == ".md"):
        for target in re.findall(r"\]\(([^)#\s]+)", text(page)):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"
