"""The journal of a store as input of `opportune replay`."""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from engine.clock import SystemClock
from engine.errors import OpportuneError
from engine.replay import ReplayReport, replay_events
from engine.stores.archive import Archive
from engine.stores.base import SessionRef, Store
from engine.stores.codec import JournalEntry, decode_entry
from engine.stores.open import open_store
from rules.compiler import Program
from server.archive_folder import configured_archive
from server.cli.command import Refusal
from server.config import Config, load_config
from server.config_file import ConfigProblem
from server.store_url import without_credentials, without_password

_SQLITE = "sqlite:///"
_FOREVER_MS = 1 << 62


def replay_store(program: Program, options: argparse.Namespace) -> ReplayReport:
    """Replay the events of one workspace's journal under a program.

    Raises:
        Refusal: no store or workspace can be told, or the store cannot be opened.
    """
    url, workspace, archive = options.store, options.workspace, None
    if url is None or workspace is None:
        config = _config(options.config)
        if url is None:
            url, archive = config.store.url, configured_archive(config)
        workspace = workspace or config.workspaces[0].id
    path = Path(url.removeprefix(_SQLITE))
    if not url.startswith("redis") and not (url.startswith(_SQLITE) and path.exists()):
        shown = without_password(url)
        message = f"{shown}: no journal there. Try: --store sqlite:///data/opportune.db, or a LOG"
        raise Refusal(message)
    try:
        return replay_events(program, asyncio.run(_read(url, archive, workspace)))
    except OpportuneError as error:
        raise Refusal(without_credentials(str(error), url)) from error


def _config(path: Path) -> Config:
    try:
        return load_config(path, os.environ)
    except ConfigProblem as problem:
        message = f"{problem}; or name LOG files, or --store and --workspace"
        raise Refusal(message) from problem


async def _read(
    url: str, archive: Archive | None, workspace: str
) -> list[tuple[SessionRef, JournalEntry]]:
    # Nothing is written: what its servers promise does not matter.
    store = await open_store(url, durability="D1", clock=SystemClock().now_ms, archive=archive)
    try:
        return [pair async for pair in _entries(store, workspace)]
    finally:
        await store.close()


async def _entries(store: Store, workspace: str) -> AsyncIterator[tuple[SessionRef, JournalEntry]]:
    async for ref, entries in store.scan(workspace, 0, _FOREVER_MS):
        for entry in entries:
            yield ref, decode_entry(entry.body)
