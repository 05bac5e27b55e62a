"""One worker process of `opportune serve --workers N`, started by its supervisor and ended with it."""

import argparse
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from server.cli.command import Exit, Refusal
from server.cli.config_choice import add_config_argument, chosen_config

if TYPE_CHECKING:
    from server.config import Config

TOKEN_VARIABLE = "OPPORTUNE_WORKER_TOKEN"  # noqa: S105  # a name, not a token
REPORT_END = "\0"
"""Ends the banner that a worker writes to its stdout, a pipe to the supervisor, when it serves."""

REPORT_CHARS_MAX = 100_000
"""Of that banner; the rest, of many hundred rule sets, is left out."""

_PR_SET_PDEATHSIG = 1


def worker_command(
    config: "Config", number: int, listener: int, options: Sequence[str]
) -> list[str]:
    """Write the arguments of Python that start a worker; `listener` is inherited under its number."""
    return [
        "-m",
        "server.cli.worker",
        "--config",
        str(config.path),
        "--number",
        str(number),
        "--listener",
        str(listener),
        "--supervisor",
        str(os.getpid()),
        *(option for option in options if option != "--watch" or number == 1),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the supervisor says to end; returns the exit code."""
    options = _parser().parse_args(arguments)
    # Ctrl-C reaches every process of a terminal: it is the supervisor that ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not _ends_with(options.supervisor):
        return Exit.CLEAN
    try:
        return _serve(options)
    except Refusal as refusal:
        print(f"opportune: {refusal}", file=sys.stderr)
        return Exit.USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server.cli.worker", description=__doc__)
    add_config_argument(parser)
    for name in ("--number", "--listener", "--supervisor"):
        parser.add_argument(name, type=int, required=True)
    for name in ("--watch", "--allow-weaker-durability"):
        parser.add_argument(name, action="store_true")
    return parser


def _ends_with(supervisor: int) -> bool:
    """Ask the kernel for SIGTERM when the supervisor dies, where it offers that; False: it is dead."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == supervisor


def _serve(options: argparse.Namespace) -> Exit:
    from engine.errors import StoreRefused
    from server.cli.serving import Manner, serve
    from server.store_url import without_credentials

    config = chosen_config(options)
    manner = Manner(
        watch=options.watch,
        weaker=options.allow_weaker_durability,
        worker=options.number,
        operator_token=os.environ.pop(TOKEN_VARIABLE, ""),
        say_ready=_report,
    )
    with socket.socket(fileno=options.listener) as listener:
        try:
            came_up = serve(config, listener, manner)
        except StoreRefused as refused:
            raise Refusal(without_credentials(refused.reason, config.store.url)) from refused
    return Exit.CLEAN if came_up else Exit.INTERNAL


def _report(banner: str) -> None:
    sys.stdout.write(banner[:REPORT_CHARS_MAX] + REPORT_END)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
