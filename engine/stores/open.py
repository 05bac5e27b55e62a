"""Open a store by its URL: `memory:`, `sqlite:///path`, `redis://host` or `redis+cluster://host`."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from engine.errors import StoreRefused
from engine.stores.archive import Archive
from engine.stores.base import Durability, Retention, Store
from engine.stores.memory.store import MemoryStore
from engine.stores.redis.address import is_redis_url
from engine.stores.sqlite.store import SqliteStore

_SQLITE = "sqlite:///"
_KNOWN = (
    "memory:, sqlite:///data/opportune.db, redis://host:6379, redis://first:6379,second:6379 "
    "or redis+cluster://host:6379 (rediss: with TLS)"
)


async def open_store(  # noqa: PLR0913  # what each kind of store needs, by name
    url: str,
    *,
    durability: Durability = "D2",
    clock: Callable[[], int],
    base_dir: Path | None = None,
    retention: Retention = Retention(),  # noqa: B008 - a frozen value
    partitions: int | None = None,
    redis_clock: Callable[[], int] | None = None,
    archive: Archive | None = None,
) -> Store:
    """Open the store that a URL names; `clock` answers Unix milliseconds.

    `sqlite:///data/x.db` is relative to `base_dir` (default: the current folder), `sqlite:////data/x.db`
    is absolute. SQLite and Redis do not go below D1; `memory:` is always D0; an embedded store does for
    D3 what it does for D2. Redis takes `partitions` for a new deployment; None: 256, or as many as there
    are. It goes by its servers' time, which all workers share; tests give it `redis_clock` instead.
    Only Redis has an `archive`.

    Raises:
        StoreRefused: the URL, the file or its folder, or the server cannot be used; the text says what
            to change.
    """
    if is_redis_url(url):
        # It brings redis-py: 0.2 s of a start that mostly needs none of it.
        from engine.stores.redis.store import RedisStore  # noqa: PLC0415

        least: Literal["D1", "D2", "D3"] = "D1" if durability == "D0" else durability
        return await RedisStore.open(
            url,
            clock=redis_clock,
            durability=least,
            retention=retention,
            partitions=partitions,
            archive=archive,
        )
    if url == "memory:":
        return MemoryStore(clock, retention)
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        path = (base_dir or Path()) / url.removeprefix(_SQLITE)
        level: Literal["D1", "D2"] = "D2" if durability in ("D2", "D3") else "D1"
        return await SqliteStore.open(path, level, clock, retention)
    raise StoreRefused(f'the store URL "{url}" is not known; use {_KNOWN}')
