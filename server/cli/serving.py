"""A serving process from its configuration to its end: alone, or as one of several workers."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

from engine.ids import system_random_bytes
from server.access.operator_token import left_for_operators, token_path
from server.assembly import Assembled, More, assemble
from server.cli.banner import banner, farewell
from server.cli.command import Refusal
from server.cli.output import talk
from server.cli.uvicorn_server import Course, Server, uvicorn_config
from server.config import Config
from server.config_file import ConfigProblem
from server.drain import drain
from server.hearers import chores_of
from server.jobs import Jobs
from server.log_format import configure_log
from server.rulebook.live_rules import BrokenRules
from server.services import Services


@dataclass(frozen=True, slots=True)
class Manner:
    """How a process serves.

    `watch`: rule files are loaded when they change. `weaker`: it starts although the store keeps less
    than the configuration asks for. `worker` is its number among several under one supervisor, 0 = it is
    alone; `operator_token` is then the one that the supervisor left. `say_ready` takes the banner.
    `more` is what this server has beyond every other; `banner` and `farewell` are its own words.
    """

    watch: bool = False
    weaker: bool = False
    worker: int = 0
    operator_token: str = ""
    say_ready: Callable[[str], None] = talk
    more: More = More()
    banner: Callable[[Config, Assembled], str] = banner
    farewell: Callable[[str], str] = farewell


def serve(config: Config, listener: socket.socket, manner: Manner) -> bool:
    """Serve on a bound socket until a signal; returns whether it came to serving at all.

    Args:
        config: all settings.
        listener: bound and listening; closed by the server.
        manner: how.

    Raises:
        Refusal: the rules have errors, or the store keeps less than asked for.
        StoreRefused: the store cannot be used.
    """
    configure_log(config.server.log_level, config.server.log_format)
    for name in ("apscheduler", "httpcore2", "uvicorn"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(config, listener, manner))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


async def _serve(config: Config, listener: socket.socket, manner: Manner) -> bool:
    parts = await _assembled(config, manner)
    services = parts.app.services
    if manner.worker:
        services.metrics.worker = str(manner.worker)
    jobs = Jobs(parts.store, parts.clock, chores_of(services), worker=services.runtime.worker)
    server = _server(config, parts, jobs, manner)
    with _operators(config, services, listener, manner):
        jobs.start()
        try:
            await server.serve(sockets=[listener])
        finally:
            await jobs.stop()
    if server.started and not manner.worker:
        talk(manner.farewell(config.store.url))
    return server.started


async def _assembled(config: Config, manner: Manner) -> Assembled:
    """Open and connect everything, or refuse in one line."""
    try:
        parts = await assemble(config, watch=manner.watch, tell=talk, more=manner.more)
    except ConfigProblem as problem:
        raise Refusal(str(problem)) from problem
    except BrokenRules as broken:
        talk(f"{broken}\n")
        message = f"the rules of {broken.folder.workspace} have errors; nothing was started"
        raise Refusal(message) from broken
    if not manner.weaker:
        await _refuse_weaker(config, parts)
    return parts


def _server(config: Config, parts: Assembled, jobs: Jobs, manner: Manner) -> Server:
    services, grace_s = parts.app.services, config.server.shutdown_grace / 1_000

    def ready() -> None:
        manner.say_ready(manner.banner(config, parts))

    def asked() -> None:
        services.is_stopping = True

    async def end() -> None:
        await drain(services, grace_s)
        await jobs.stop()

    course = Course(ready=ready, asked=asked, drain=end)
    settings = uvicorn_config(config.server, parts.app)
    return Server(settings, course, grace_s, is_alone=not manner.worker)


@contextmanager
def _operators(
    config: Config, services: Services, listener: socket.socket, manner: Manner
) -> Iterator[None]:
    """Let the command line on this machine in, with the supervisor's token or one of its own."""
    left: AbstractContextManager[str] = nullcontext(manner.operator_token)
    if not manner.worker:
        left = operator_token(config, listener)
    with left as token:
        services.operator_token = token
        yield


@contextmanager
def operator_token(config: Config, listener: socket.socket) -> Iterator[str]:
    """Leave a token for the command line on this machine; without a place for it nobody gets in: ""."""
    host, port = listener.getsockname()[:2]
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # what is bound already
    address = f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
    with ExitStack() as stack:
        left = left_for_operators(token_path(config), address, system_random_bytes)
        token = ""
        try:
            token = stack.enter_context(left)
        except OSError as error:
            talk(f"no token for `opportune keys` could be left: {error}")
        yield token


async def _refuse_weaker(config: Config, parts: Assembled) -> None:
    """Refuse to keep less than asked for; `memory:` asks for nothing."""
    asked, kept = config.store.durability, parts.store.durability
    if config.store.url.startswith("memory:") or asked <= kept:
        return
    await parts.store.close()
    stronger = ", or a replica, or appendfsync always" if parts.store.is_shared else ""
    message = (
        f"store.durability is {asked}, this store keeps {kept}. "
        f'Try: durability = "{kept}", or --allow-weaker-durability{stronger}'
    )
    raise Refusal(message)
