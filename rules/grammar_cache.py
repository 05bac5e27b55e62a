"""The private place where parser tables are kept between runs, so that a command starts at once."""

import os
import stat
from pathlib import Path

_FOLDER = "opportune"


def table_file(key: str) -> str | None:
    """Name the file that holds the tables of a grammar, or None when there is no safe place.

    Tables are read with pickle, so the folder must belong to this user alone: it is made with mode
    0700, and one that anybody else owns or may write to is not used.

    Args:
        key: a hash of the grammar and of whatever reads it.
    """
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    folder = Path(root) / _FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.lstat()
    except (OSError, ValueError):
        return None
    ours = not hasattr(os, "getuid") or state.st_uid == os.getuid()
    private = stat.S_ISDIR(state.st_mode) and not state.st_mode & 0o077
    if not (ours and private and os.access(folder, os.W_OK)):
        return None
    return str(folder / f"grammar-{key}.tables")
