"""Compare a text with the file that holds what it should be."""

import os
from pathlib import Path

UPDATE = "OPPORTUNE_UPDATE_GOLDEN"


def assert_golden(path: Path, text: str) -> None:
    """Assert that a file holds exactly this text; with OPPORTUNE_UPDATE_GOLDEN=1 write it instead."""
    if os.environ.get(UPDATE) == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        return
    assert path.exists(), f"{path.name} is missing: run with {UPDATE}=1 and review what it writes"
    wanted = path.read_text(encoding="utf-8")
    assert text == wanted, f"{path.name} differs: run with {UPDATE}=1 and review the change"
