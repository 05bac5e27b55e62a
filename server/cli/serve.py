"""`opportune serve`: configuration, store, rules, engine and HTTP, in this order, until a signal."""

import argparse
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from server.cli.command import Command, Exit, Refusal
from server.cli.config_choice import add_config_argument, chosen_config
from server.cli.listening import listen, port_number

if TYPE_CHECKING:
    from server.config import Config

WORKERS_MAX = 256

_SQLITE = "sqlite:///"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config_argument(parser)
    parser.add_argument("--host", help="default: the file's, then 127.0.0.1")
    parser.add_argument("--port", type=port_number, help="default: the file's, then 8700")
    parser.add_argument("--store", metavar="URL", help="memory:, sqlite:///PATH or redis://HOST")
    parser.add_argument(
        "--workers", type=_workers, metavar="N", help="processes over one redis store (default: 1)"
    )
    parser.add_argument("--watch", action="store_true", help="load rule files when they change")
    parser.add_argument(
        "--allow-weaker-durability",
        action="store_true",
        help="start although the store keeps less than the configuration asks for",
    )


def _workers(text: str) -> int:
    number = int(text)
    if not 1 <= number <= WORKERS_MAX:
        message = f"{number} is not 1 to {WORKERS_MAX}"
        raise argparse.ArgumentTypeError(message)
    return number


def run(options: argparse.Namespace) -> Exit:
    """Serve until SIGTERM or SIGINT; what is under way then is finished.

    Raises:
        Refusal: one line: configuration, rules, store or port cannot be used.
    """
    flags = _flags(options)
    config = chosen_config(options, flags)
    listener = listen(config.server.host, config.server.port)
    try:
        if config.server.workers > 1:
            return _serve_by_several(config, listener, options, flags)
        return _serve_alone(config, listener, options)
    finally:
        listener.close()


def _serve_alone(config: "Config", listener: socket.socket, options: argparse.Namespace) -> Exit:
    from engine.errors import StoreRefused
    from server.cli.serving import Manner, serve
    from server.store_url import without_credentials

    manner = Manner(watch=options.watch, weaker=options.allow_weaker_durability)
    try:
        came_up = serve(config, listener, manner)
    except StoreRefused as refused:
        raise Refusal(without_credentials(refused.reason, config.store.url)) from refused
    return Exit.CLEAN if came_up else Exit.INTERNAL


def _serve_by_several(
    config: "Config",
    listener: socket.socket,
    options: argparse.Namespace,
    flags: dict[str, str | int],
) -> Exit:
    from server.cli.supervisor import Start, supervise

    switches = {
        "--watch": options.watch,
        "--allow-weaker-durability": options.allow_weaker_durability,
    }
    # As variables, because arguments are for everybody on the machine to read.
    variables = {
        f"OPPORTUNE_{key.replace('.', '__').upper()}": str(value) for key, value in flags.items()
    }
    given = [switch for switch, is_on in switches.items() if is_on]
    return supervise(config, listener, Start(given, variables))


def _flags(options: argparse.Namespace) -> dict[str, str | int]:
    flags: dict[str, str | int] = {}
    if options.host is not None:
        flags["server.host"] = options.host
    if options.port is not None:
        flags["server.port"] = options.port
    if options.workers is not None:
        flags["server.workers"] = options.workers
    if options.store is not None:
        flags["store.url"] = _store_url(options.store)
    return flags


def _store_url(url: str) -> str:
    """Make a relative file of a flag relative to the current folder, as a shell's user expects."""
    if url.startswith(_SQLITE) and not url.startswith(f"{_SQLITE}/"):
        return f"{_SQLITE}{Path(url.removeprefix(_SQLITE)).absolute()}"
    return url


COMMAND = Command("serve", "Run the server.", add_arguments, run)
