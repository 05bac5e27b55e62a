"""Prints what pip installs when uv is absent: requirements of pyproject.toml, or pins of uv.lock."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def requirements(groups: list[str]) -> list[str]:
    """List the project's own requirements and those of the named groups."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = list(project["project"]["dependencies"])
    for group in groups:
        wanted += project["dependency-groups"][group]
    return wanted


def pins() -> list[str]:
    """List every locked package as `name==version`; one locked twice is left to pip."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    versions: dict[str, set[str]] = {}
    for package in lock["package"]:
        if "registry" in package["source"]:
            versions.setdefault(package["name"], set()).add(package["version"])
    return [f"{name}=={found.pop()}" for name, found in versions.items() if len(found) == 1]


if __name__ == "__main__":
    kind, *named = sys.argv[1:]
    sys.stdout.write("\n".join(pins() if kind == "pins" else requirements(named)) + "\n")
