"""The contracts of imports hold, and they can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.tree import PACKAGES, ROOT, imports, modules, short

ENTRIES = frozenset({"server.cli.main"})
"""What is started by name: everything else must be reached from here."""

SHIPPED_FOR_TESTS = ("engine.testing", "rules.history")
"""Fakes, and the literal host under which the interpreter defines the meaning."""


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "static")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold(copy: Path) -> None:
    done = _lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("rules/span.py", "import asyncio"),
        ("rules/span.py", "import engine.events"),
        ("rules/parser.py", "import rules.checker"),
        ("engine/events.py", "import server.cli.main"),
        ("engine/decide.py", "import asyncio"),
        ("server/cli/fmt.py", "import server.cli.check"),
    ],
)
def test_a_planted_violation_is_found(copy: Path, module: str, line: str) -> None:
    planted = copy / module
    planted.write_text(planted.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    assert _lint(copy).returncode == 1


def test_every_file_is_reached_from_an_entry() -> None:
    known = modules()
    reached: set[str] = set()
    waiting = set(ENTRIES)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        parents = {name.rsplit(".", at)[0] for at in range(1, name.count(".") + 1)}
        waiting |= (imports(known[name]) | parents) - reached
    dead = [
        short(path)
        for name, path in known.items()
        if name not in reached and not name.startswith(SHIPPED_FOR_TESTS)
    ]
    assert not dead, f"nothing imports these: use them or delete them: {', '.join(dead)}"
