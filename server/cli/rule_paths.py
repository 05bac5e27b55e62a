"""Which rule files a command line means, and their bytes."""

import argparse
from pathlib import Path

from server.cli.command import Refusal

SUFFIX = ".rules"


def add_paths(parser: argparse.ArgumentParser) -> None:
    """Add the positional PATH..., by default the current folder."""
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        default=[Path()],
        metavar="PATH",
        help="rule files, or folders of them (default: this folder)",
    )


def refuse_missing(paths: list[Path]) -> None:
    """Refuse a path that does not exist.

    Raises:
        Refusal: names the first one.
    """
    for path in paths:
        if not path.exists():
            message = f"{path}: no such file or folder"
            raise Refusal(message)


def rule_files(paths: list[Path]) -> list[Path]:
    """List the rule files that the paths mean; a folder means all below it, sorted.

    Raises:
        Refusal: a path does not exist, or a folder has no rule file.
    """
    refuse_missing(paths)
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not inside:
            message = f"{path}: no {SUFFIX} file in this folder"
            raise Refusal(message)
        found += inside
    return list(dict.fromkeys(found))


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        Refusal: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{path}: {error.strerror or error}"
        raise Refusal(message) from error
