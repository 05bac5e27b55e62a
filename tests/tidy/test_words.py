"""Names and first lines say what a thing is for, and nothing tells of the machine it was made on."""

import ast
import re
from pathlib import Path

import pytest

from tests.tidy.tree import OURS, PACKAGES, all_files, python_files, short, text, tree

BANNED = ("manager", "helper", "helpers", "util", "utils", "common", "misc", "info", "handle")
# Whole names only: `load_data` says little, but `process` inside a longer name may be the noun.
BANNED_WHOLE = (*BANNED, "data", "process", "base")
BASE_ALLOWED = {"engine/stores/base.py"}
MACHINE = re.compile(r"(?<![\w.])/(?:root|home|work|tmp)/[\w.]")
MACHINE_ALLOWED = {"tests/tidy/test_words.py"}
BINARY = {".png", ".gz", ".ico", ".db"}


def _words(name: str) -> list[str]:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_").split("_")


def _is_banned(name: str) -> bool:
    words = _words(name)
    return words[-1] in BANNED or name.lower().strip("_") in BANNED_WHOLE


@pytest.mark.parametrize("path", python_files(*OURS), ids=short)
def test_a_file_opens_with_what_it_is_for(path: Path) -> None:
    if path.name == "__init__.py" and not text(path).strip():
        return
    docstring = ast.get_docstring(tree(path))
    assert docstring, f"{short(path)} has no docstring: say in one sentence what it is for"
    first = docstring.split("\n\n", maxsplit=1)[0].splitlines()[0]
    assert first.rstrip().endswith((".", ":")), (
        f"{short(path)}: the first line of the docstring is not a sentence: {first!r}"
    )


@pytest.mark.parametrize("path", python_files(*PACKAGES), ids=short)
def test_a_name_says_what_a_thing_is(path: Path) -> None:
    names = [(path.stem, 1)] if short(path) not in BASE_ALLOWED else []
    names += [
        (node.name, node.lineno)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    banned = [f"{short(path)}:{line} {name}" for name, line in names if _is_banned(name)]
    assert not banned, f"say what it is or does instead of: {', '.join(banned)}"


@pytest.mark.parametrize("path", python_files(*PACKAGES), ids=short)
def test_exports_are_sorted(path: Path) -> None:
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            names = ast.literal_eval(node.value)
            assert list(names) == sorted(names), f"{short(path)}: sort __all__"


@pytest.mark.parametrize("path", python_files(*PACKAGES), ids=short)
def test_nothing_is_left_for_later(path: Path) -> None:
    for number, line in enumerate(text(path).splitlines(), 1):
        assert not re.search(r"#.*\b(TODO|FIXME|XXX|HACK)\b", line), (
            f"{short(path)}:{number}: do it now or file an issue"
        )


def test_no_file_names_a_machine() -> None:
    found = []
    for path in all_files():
        if path.suffix in BINARY or short(path) in MACHINE_ALLOWED:
            continue
        # A golden example may be what is refused: no UTF-8.
        content = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(content.splitlines(), 1):
            if MACHINE.search(line):
                found.append(f"{short(path)}:{number}: {line.strip()[:80]}")
    assert not found, "use a path relative to the project:\n" + "\n".join(found)
