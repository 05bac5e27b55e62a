"""Where the command line makes and revokes API keys: in the running server, else in the store itself."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar
from urllib.parse import quote

import msgspec

from engine.clock import SystemClock
from engine.errors import OpportuneError
from engine.ids import Ids, system_random_bytes
from server.access.key_ring import KeyRefused, KeyRing, KeyRow
from server.assembly import open_configured
from server.cli.command import Refusal
from server.cli.operator_client import OperatorClient, running_server
from server.config import Config
from server.wire.operator import KeyBody, KeyReply, KeysReply, RevokeBody

PATH = "/v1/operator/keys"

_T = TypeVar("_T")


class KeyDesk(Protocol):
    """Keys of a workspace, wherever they are; raises Refusal."""

    def rows(self, workspace: str) -> list[KeyRow]:
        """List the keys."""
        ...

    def create(self, body: KeyBody) -> tuple[KeyRow, str]:
        """Make a key; the second of the answer is the key itself."""
        ...

    def revoke(self, workspace: str, key: str) -> KeyRow:
        """Revoke a key by its id or name."""
        ...


def key_desk(config: Config) -> KeyDesk:
    """Choose the running server when one answers, else the store.

    Raises:
        Refusal: neither can be reached; one line that says what to do.
    """
    server = running_server(config)
    if server is not None:
        return ServerDesk(server)
    if config.store.url.startswith("memory:"):
        message = (
            "memory: keeps keys only while the server runs. Try: opportune serve, then this again"
        )
        raise Refusal(message)
    return StoreDesk(config)


class ServerDesk:
    """Asks a running server with the operator's token."""

    def __init__(self, server: OperatorClient) -> None:
        """Ask this server."""
        self._server = server

    def rows(self, workspace: str) -> list[KeyRow]:
        """List the keys."""
        path = f"{PATH}?workspace={quote(workspace)}"
        return self._server.ask("GET", path, b"", KeysReply).keys

    def create(self, body: KeyBody) -> tuple[KeyRow, str]:
        """Make a key; the second of the answer is the key itself."""
        reply = self._server.ask("POST", PATH, msgspec.json.encode(body), KeyReply)
        return reply.key, reply.text

    def revoke(self, workspace: str, key: str) -> KeyRow:
        """Revoke a key by its id or name."""
        body = msgspec.json.encode(RevokeBody(workspace, key))
        return self._server.ask("POST", f"{PATH}/revoke", body, KeyReply).key


class StoreDesk:
    """Opens the store for the time of one command."""

    def __init__(self, config: Config) -> None:
        """Use the store of this configuration."""
        self._config = config
        self._clock = SystemClock()

    def rows(self, workspace: str) -> list[KeyRow]:
        """List the keys."""
        return self._with_keys(lambda keys: keys.rows(workspace))

    def create(self, body: KeyBody) -> tuple[KeyRow, str]:
        """Make a key; the second of the answer is the key itself."""
        return self._with_keys(
            lambda keys: keys.create(
                body.workspace,
                body.name,
                label=body.label,
                scopes=body.scopes,
                ids=Ids(self._clock),
                random_bytes=system_random_bytes,
                now_ms=self._clock.now_ms(),
            )
        )

    def revoke(self, workspace: str, key: str) -> KeyRow:
        """Revoke a key by its id or name."""
        return self._with_keys(lambda keys: keys.revoke(workspace, key, self._clock.now_ms()))

    def _with_keys(self, work: Callable[[KeyRing], Awaitable[_T]]) -> _T:
        try:
            return asyncio.run(self._run(work))
        except (KeyRefused, OpportuneError) as refused:
            raise Refusal(str(refused)) from refused

    async def _run(self, work: Callable[[KeyRing], Awaitable[_T]]) -> _T:
        store = await open_configured(self._config, self._clock)
        try:
            return await work(KeyRing(self._config.workspaces, store))
        finally:
            await store.close()


def workspace_of(config: Config, named: str | None) -> str:
    """Return the workspace that is named, else the only one there is.

    Raises:
        Refusal: there is more than one, or none of that name.
    """
    ids = [workspace.id for workspace in config.workspaces]
    if named is None and len(ids) == 1:
        return ids[0]
    if named in ids:
        return str(named)
    begin = "which workspace?" if named is None else f"there is no workspace {named}."
    message = f"{begin} Try: --workspace {ids[0]}" + (
        f" (or {', '.join(ids[1:])})" if ids[1:] else ""
    )
    raise Refusal(message)
