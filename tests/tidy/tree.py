"""The project's files as the tidy tests see them: what is ours, and nothing generated."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("rules", "engine", "server")
OURS = (*PACKAGES, "benchmarks", "tests")
_SKIPPED = frozenset(
    {".git", ".venv", "__pycache__", "node_modules", "data", "build", "dist"}
    | {".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache"}
)


def _ours(path: Path) -> bool:
    return not _SKIPPED.intersection(path.relative_to(ROOT).parts)


def python_files(*folders: str) -> tuple[Path, ...]:
    """Return the Python files below the named folders of the project, sorted in each folder."""
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return tuple(path for path in found if _ours(path))


def all_files() -> tuple[Path, ...]:
    """Return every file of the project that a person wrote, sorted."""
    return tuple(path for path in sorted(ROOT.rglob("*")) if path.is_file() and _ours(path))


@cache
def text(path: Path) -> str:
    """Return a file's text."""
    return path.read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(text(path), str(path))


def short(path: Path) -> str:
    """Return a path as a person of the project would write it."""
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    """Return the dotted name under which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    """Return every module of the three packages by its dotted name."""
    return {module_name(path): path for path in python_files(*PACKAGES)}


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the modules of the three packages that a file imports, wherever in it."""
    known = modules()
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
    return frozenset(name for name in found if name in known)
