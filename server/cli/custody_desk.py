"""Where the command line exports and erases: in the running server, else in the store itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from engine.clock import SystemClock
from engine.errors import OpportuneError
from engine.log_export import log_lines
from server.assembly import assemble, open_configured
from server.cli.command import Refusal
from server.cli.operator_client import (
    LONG_TIMEOUT_S,
    TIMEOUT_S,
    OperatorClient,
    running_server,
)
from server.config import Config
from server.routes.custody import (
    BACKUP_OF_REDIS,
    VACUUM_OF_REDIS,
    check_archive,
    ndjson,
    whole_file,
)
from server.services import Services
from server.wire.custody import OperatorBackup, OperatorBackupBody, OperatorErased

VISITOR_PATH = "/v1/operator/visitor"
LOG_PATH = "/v1/operator/log"
BACKUP_PATH = "/v1/operator/backup"

T = TypeVar("T")


def export_visitor(config: Config, workspace: str, visitor: str) -> Iterator[bytes]:
    """Read all that is kept of a visitor, a line at a time; the last line ends it.

    Raises:
        Refusal: there is no such visitor, or nothing that could be asked.
    """
    server = _server(config)
    if server is not None:
        query = urlencode({"workspace": workspace, "visitor": visitor})
        return server.lines(f"{VISITOR_PATH}?{query}")
    return _from_store(config, lambda services: ndjson(services.custody.export(workspace, visitor)))


def export_log(config: Config, workspace: str, since_ms: int, until_ms: int) -> Iterator[bytes]:
    """Read the events of a workspace received in [since_ms, until_ms), a line at a time.

    Raises:
        Refusal: there is nothing that could be asked.
    """
    server = _server(config)
    if server is not None:
        asked = {"workspace": workspace, "since_ms": since_ms, "until_ms": until_ms}
        return server.lines(f"{LOG_PATH}?{urlencode(asked)}")

    def pieces(services: Services) -> AsyncIterator[bytes]:
        end_ms = min(until_ms, services.clock.now_ms() + 1)
        return ndjson(log_lines(services.store, workspace, since_ms, end_ms))

    return _from_store(config, pieces)


def back_up(config: Config, path: Path) -> int:
    """Copy the store's file into a new one and return its bytes.

    Raises:
        Refusal: the file exists, the store is no file, or there is nothing that could be asked.
    """
    server = _server(config)
    if server is not None:
        body = msgspec.json.encode(OperatorBackupBody(str(path.absolute())))
        reply = server.ask("POST", BACKUP_PATH, body, OperatorBackup, timeout_s=LONG_TIMEOUT_S)
        return reply.bytes

    whole_path = path.absolute()

    async def copy() -> int:
        store = await open_configured(config, SystemClock())
        try:
            return await whole_file(store, BACKUP_OF_REDIS).back_up(whole_path)
        finally:
            await store.close()

    return _run(copy())


def erase_visitor(
    config: Config, workspace: str, visitor: str, *, archive: bool = False, vacuum: bool = False
) -> int:
    """Erase a visitor and return when, Unix milliseconds.

    `archive`: also from the files of the archive. `vacuum`: the store's file is written anew after it.

    Raises:
        Refusal: there is no such visitor, or nothing that could be asked.
    """
    server = _server(config)
    if server is not None:
        flags = {"archive": "1" if archive else "", "vacuum": "1" if vacuum else ""}
        query = urlencode({"workspace": workspace, "visitor": visitor, **flags})
        path, timeout_s = (
            f"{VISITOR_PATH}?{query}",
            LONG_TIMEOUT_S if archive or vacuum else TIMEOUT_S,
        )
        return server.ask("DELETE", path, b"", OperatorErased, timeout_s=timeout_s).erased_ms

    async def erase() -> int | None:
        check_archive(config, asked=archive)
        parts = await assemble(config)
        try:
            file = whole_file(parts.store, VACUUM_OF_REDIS) if vacuum else None
            custody = parts.app.services.custody
            erased_ms = await custody.erase(workspace, visitor, archives=archive)
            if file is not None and erased_ms is not None:
                await file.rewrite()
            return erased_ms
        finally:
            await parts.store.close()

    erased_ms = _run(erase())
    if erased_ms is None:
        message = f"there is no visitor {visitor} in {workspace}"
        raise Refusal(message)
    return erased_ms


def _server(config: Config) -> OperatorClient | None:
    """Find the running server.

    Raises:
        Refusal: there is none, and the store lives only in one.
    """
    server = running_server(config)
    if server is None and config.store.url.startswith("memory:"):
        message = "memory: keeps visitors only while the server runs. Try: opportune serve"
        raise Refusal(message)
    return server


def _run(work: Coroutine[object, object, T]) -> T:
    """Run what opens the store itself.

    Raises:
        Refusal: the store cannot be used, or refuses.
    """
    try:
        return asyncio.run(work)
    except OpportuneError as error:
        raise Refusal(str(error)) from error


def _from_store(
    config: Config, pieces: Callable[[Services], AsyncIterator[bytes]]
) -> Iterator[bytes]:
    """Open the store for as long as it is read from."""
    with asyncio.Runner() as runner:
        try:
            parts = runner.run(assemble(config))
            try:
                stream = pieces(parts.app.services)
                while piece := runner.run(_next(stream)):
                    yield piece
            finally:
                runner.run(parts.store.close())
        except OpportuneError as error:
            raise Refusal(str(error)) from error


async def _next(stream: AsyncIterator[bytes]) -> bytes:
    return await anext(stream, b"")
