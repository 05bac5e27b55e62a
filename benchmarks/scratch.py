"""Folders for what a contender writes; they go when its process ends."""

import atexit
import shutil
import tempfile
from pathlib import Path


def scratch_folder() -> Path:
    """Make a fresh folder that is removed at the end of this process."""
    path = Path(tempfile.mkdtemp(prefix="opportune-bench-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path
