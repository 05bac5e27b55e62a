"""Where the command line exports and erases: in the running server, else in the store itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import urlencode

from engine.errors import OpportuneError
from engine.log_export import log_lines
from server.assembly import assemble
from server.cli.command import Refusal
from server.cli.operator_client import OperatorClient, running_server
from server.config import Config
from server.routes.custody import ndjson
from server.services import Services
from server.wire.custody import OperatorErased

VISITOR_PATH = "/v1/operator/visitor"
LOG_PATH = "/v1/operator/log"


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


def erase_visitor(config: Config, workspace: str, visitor: str) -> int:
    """Erase a visitor and return when, Unix milliseconds.

    Raises:
        Refusal: there is no such visitor, or nothing that could be asked.
    """
    server = _server(config)
    if server is not None:
        query = urlencode({"workspace": workspace, "visitor": visitor})
        return server.ask("DELETE", f"{VISITOR_PATH}?{query}", b"", OperatorErased).erased_ms

    async def erase() -> int | None:
        parts = await assemble(config)
        try:
            return await parts.app.services.custody.erase(workspace, visitor)
        finally:
            await parts.store.close()

    try:
        erased_ms = asyncio.run(erase())
    except OpportuneError as error:
        raise Refusal(str(error)) from error
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
