"""The token with which the command line reaches a running server: one file, new at each start (API.md 2.1)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from engine.ids import RandomBytes
from server.config import Config

FILE_NAME = "operator.token"
TOKEN_BYTES = 32

_SQLITE = "sqlite:///"


class OperatorAccess(Struct, frozen=True):
    """A running server's token and its address on this machine."""

    token: str
    address: str


def token_path(config: Config) -> Path:
    """Return where a server of this configuration leaves its token: beside its store."""
    url = config.store.url
    folder = Path(url.removeprefix(_SQLITE)).parent if url.startswith(_SQLITE) else None
    return (folder or config.path.parent / "data") / FILE_NAME


def read_access(path: Path) -> OperatorAccess | None:
    """Read the token of a server that runs or ran, None when there is none."""
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, ValueError):
        return None
    return OperatorAccess(*lines) if len(lines) == 2 else None


@contextmanager
def left_for_operators(path: Path, address: str, random_bytes: RandomBytes) -> Iterator[str]:
    """Leave a new token in the file while the server runs; yields it.

    Raises:
        OSError: the file cannot be written.
    """
    access = OperatorAccess(random_bytes(TOKEN_BYTES).hex(), address)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A file of before may be readable by others, and a mode counts only when a file is made.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{access.token}\n{access.address}\n")
    try:
        yield access.token
    finally:
        # Another server may have left its own meanwhile.
        if read_access(path) == access:
            with suppress(OSError):
                path.unlink()
