"""The journal of a store as input of `opportune replay`."""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from engine.clock import SystemClock
from engine.errors import OpportuneError
from engine.replay import ReplayReport, replay_events
from engine.stores.base import SessionRef, Store
from engine.stores.codec import JournalEntry, decode_entry
from engine.stores.open import open_store
from rules.compiler import Program
from server.cli.command import Refusal
from server.config import Config, load_config
from server.config_file import ConfigProblem

_SQLITE = "sqlite:///"
_FOREVER_MS = 1 << 62


def replay_store(program: Program, options: argparse.Namespace) -> ReplayReport:
    """Replay the events of one workspace's journal under a program.

    Raises:
        Refusal: no store or workspace can be told, or the store cannot be opened.
    """
    url, workspace = options.store, options.workspace
    if url is None or workspace is None:
        config = _config(options.config)
        url = url or config.store.url
        workspace = workspace or config.workspaces[0].id
    path = Path(url.removeprefix(_SQLITE))
    if not url.startswith(_SQLITE) or not path.exists():
        message = f"{url}: no journal there. Try: --store sqlite:///data/opportune.db, or a LOG"
        raise Refusal(message)
    try:
        return replay_events(program, asyncio.run(_read(url, workspace)))
    except OpportuneError as error:
        raise Refusal(str(error)) from error


def _config(path: Path) -> Config:
    try:
        return load_config(path, os.environ)
    except ConfigProblem as problem:
        message = f"{problem}; or name LOG files, or --store and --workspace"
        raise Refusal(message) from problem


async def _read(url: str, workspace: str) -> list[tuple[SessionRef, JournalEntry]]:
    store = await open_store(url, clock=SystemClock().now_ms)
    try:
        return [pair async for pair in _entries(store, workspace)]
    finally:
        await store.close()


async def _entries(store: Store, workspace: str) -> AsyncIterator[tuple[SessionRef, JournalEntry]]:
    async for ref, entries in store.scan(workspace, 0, _FOREVER_MS):
        for entry in entries:
            yield ref, decode_entry(entry.body)
