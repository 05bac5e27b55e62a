"""The peers that run on Node: whether they are installed, and in which version."""

import shutil
from pathlib import Path

import msgspec

from benchmarks.outcome import Missing

NODE = Path(__file__).parent / "node"


def require(package: str) -> str:
    """Return the installed version of a package of `benchmarks/node`.

    Raises:
        Missing: Node or the package is not installed.
    """
    if shutil.which("node") is None:
        raise Missing("node is not installed")
    described = NODE / "node_modules" / package / "package.json"
    if not described.exists():
        raise Missing(f"{package} is not installed: npm ci --prefix benchmarks/node")
    found = msgspec.json.decode(described.read_bytes(), type=dict[str, object])
    return str(found["version"])


def versions(package: str) -> dict[str, str]:
    """Return the package's version for the record; empty while it is missing."""
    try:
        return {package: require(package)}
    except Missing:
        return {}
