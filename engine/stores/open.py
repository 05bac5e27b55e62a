"""Open a store by its URL: `memory:` or `sqlite:///path`."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from engine.errors import StoreRefused
from engine.stores.base import Retention, Store
from engine.stores.memory_impl import MemoryStore
from engine.stores.sqlite_impl import SqliteStore

_SQLITE = "sqlite:///"


async def open_store(
    url: str,
    *,
    durability: Literal["D0", "D1", "D2"] = "D2",
    clock: Callable[[], int],
    base_dir: Path | None = None,
    retention: Retention = Retention(),  # noqa: B008 - a frozen value
) -> Store:
    """Open the store that a URL names; `clock` answers Unix milliseconds.

    `sqlite:///data/x.db` is relative to `base_dir` (default: the current folder), `sqlite:////data/x.db`
    is absolute. SQLite does not go below D1; `memory:` is always D0.

    Raises:
        StoreRefused: the URL, the file or its folder cannot be used; the text says what to change.
    """
    if url == "memory:":
        return MemoryStore(clock, retention)
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        path = (base_dir or Path()) / url.removeprefix(_SQLITE)
        level: Literal["D1", "D2"] = "D2" if durability == "D2" else "D1"
        return await SqliteStore.open(path, level, clock, retention)
    known = "memory: or sqlite:///data/opportune.db"
    raise StoreRefused(f'the store URL "{url}" is not known; use {known}')
