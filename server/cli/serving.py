"""A running server: its event loop, its protocol settings, its signals and its banner."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path

import uvicorn

from engine.clock import SystemClock
from engine.ids import system_random_bytes
from server.access.operator_token import left_for_operators, token_path
from server.assembly import Assembled, assemble
from server.cli.command import Refusal
from server.cli.output import count, paint_talk, talk
from server.config import Config
from server.config_file import ConfigProblem
from server.hearers import chores_of
from server.jobs import Jobs
from server.log_format import configure_log
from server.rulebook.live_rules import BrokenRules, rule_folders

PING_EVERY_S = 25.0
PONG_WITHIN_S = 10.0
FRAME_BYTES_MAX = 128 * 1024
KEEP_ALIVE_S = 65


def serve(config: Config, listener: socket.socket, *, watch: bool, weaker: bool) -> bool:
    """Serve on a bound socket until a signal; returns whether it came to serving at all.

    Args:
        config: all settings.
        listener: bound and listening; closed by the server.
        watch: load rule files when they change.
        weaker: start although the store keeps less than the configuration asks for.

    Raises:
        Refusal: the rules have errors, or the store keeps less than asked for.
        StoreRefused: the store cannot be used.
    """
    configure_log(config.server.log_level, config.server.log_format)
    for name in ("apscheduler", "uvicorn"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(config, listener, watch=watch, weaker=weaker))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


async def _serve(config: Config, listener: socket.socket, *, watch: bool, weaker: bool) -> bool:
    clock = SystemClock()
    try:
        parts = await assemble(config, watch=watch, clock=clock, tell=talk)
    except ConfigProblem as problem:
        raise Refusal(str(problem)) from problem
    except BrokenRules as broken:
        talk(f"{broken}\n")
        message = f"the rules of {broken.folder.workspace} have errors; nothing was started"
        raise Refusal(message) from broken
    if not weaker:
        await _refuse_weaker(config, parts)
    server = Server(_uvicorn_config(config, parts), banner(config, parts))
    with _operators(config, parts, listener):
        async with _jobs(Jobs(parts.store, clock, chores_of(parts.app.services))):
            await server.serve(sockets=[listener])
    if server.started:
        talk(farewell(config.store.url))
    return server.started


@contextmanager
def _operators(config: Config, parts: Assembled, listener: socket.socket) -> Iterator[None]:
    """Leave a token for the command line on this machine; without a place for it nobody gets in."""
    host, port = listener.getsockname()[:2]
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # what is bound already
    address = f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
    with ExitStack() as stack:
        left = left_for_operators(token_path(config), address, system_random_bytes)
        try:
            parts.app.services.operator_token = stack.enter_context(left)
        except OSError as error:
            talk(f"no token for `opportune keys` could be left: {error}")
        yield


@asynccontextmanager
async def _jobs(jobs: Jobs) -> AsyncIterator[None]:
    jobs.start()
    try:
        yield
    finally:
        jobs.stop()


async def _refuse_weaker(config: Config, parts: Assembled) -> None:
    """Refuse to keep less than asked for; `memory:` asks for nothing."""
    asked, kept = config.store.durability, parts.store.durability
    if config.store.url.startswith("memory:") or asked <= kept:
        return
    await parts.store.close()
    message = (
        f"store.durability is {asked}, this store keeps {kept}. "
        f'Try: durability = "{kept}", or --allow-weaker-durability'
    )
    raise Refusal(message)


def _uvicorn_config(config: Config, parts: Assembled) -> uvicorn.Config:
    settings = config.server
    return uvicorn.Config(
        parts.app,
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=FRAME_BYTES_MAX,
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=PONG_WITHIN_S,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, settings.shutdown_grace // 1000),
    )


def banner(config: Config, parts: Assembled) -> str:
    """Say what runs: store, rule sets, address."""
    lines = [paint_talk(f"Opportune {version('opportune')}", "bold"), ""]
    lines.append(f"  store   {_near(config.store.url)}   durability {parts.store.durability}")
    for folder in rule_folders(config):
        live = parts.workspaces.live[folder.workspace, folder.name]
        where = _near(str(folder.path)) if folder.path else "no folder"
        rules = count(len(live.program.rules), "rule")
        lines.append(f"  rules   {folder.workspace}/{folder.name}   {where}   {rules}")
    lines += [f"  API     {config.server.public_url}   documents: /docs", "", "  Stop: Ctrl-C"]
    return "\n".join(lines)


def farewell(store_url: str) -> str:
    """Say what is left of the work after the end."""
    if store_url.startswith("memory:"):
        return "stopped; memory: keeps nothing"
    return f"stopped; everything that was answered is in {_near(store_url).partition('///')[2]}"


def _near(text: str) -> str:
    """Write a path in a text relative to the current folder when it lies below it."""
    scheme, separator, name = text.partition("///")
    path = Path(os.path.normpath(name if separator else text))
    try:
        near = path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        near = path.as_posix()
    return f"{scheme}{separator}{near}" if separator else near


class Server(uvicorn.Server):
    """uvicorn, with a banner when it is ready and a quiet end: a signal is no failure."""

    def __init__(self, config: uvicorn.Config, words: str) -> None:
        """Say `words` once requests are taken."""
        super().__init__(config)
        self._words = words

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            talk(self._words)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Turn SIGINT and SIGTERM into a drain; a second one ends at once."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
