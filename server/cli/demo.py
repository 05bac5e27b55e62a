"""`opportune demo`: a shop, its visitors and what the engine makes of them, on this machine alone."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from server.cli.command import Command, Exit, Refusal
from server.cli.config_choice import read_config
from server.cli.listening import listen, port_number

if TYPE_CHECKING:
    from server.config import Config

PORT = 8700
SEED = 42
SHOPPERS = 30
SHOPPERS_MAX = 200
_CONFIG = Path(__file__).parents[1] / "demo" / "opportune.toml"
_HOST = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--port", type=port_number, default=PORT, help=f"default: {PORT}")
    parser.add_argument("--store", metavar="URL", help="default: a file in ./data")
    parser.add_argument(
        "--shoppers", type=_shoppers, default=SHOPPERS, metavar="N", help=f"default: {SHOPPERS}"
    )
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the shoppers (default: {SEED})")
    parser.add_argument("--no-open", action="store_true", help="leave the browser alone")


def _shoppers(text: str) -> int:
    number = int(text)
    if not 0 <= number <= SHOPPERS_MAX:
        message = f"{number} is not 0 to {SHOPPERS_MAX}"
        raise argparse.ArgumentTypeError(message)
    return number


def run(options: argparse.Namespace) -> Exit:
    """Serve the demo until a signal.

    Raises:
        Refusal: the port is taken, or the store cannot be used.
    """
    from engine.errors import StoreRefused
    from server.cli.demonstration import Demonstration
    from server.cli.serving import Manner, serve

    listener = listen(_HOST, options.port)
    store = options.store or f"sqlite:///{Path('data/demo.db').absolute()}"
    config = demo_config(store, listener.getsockname()[1])
    demo = Demonstration(config, options.shoppers, options.seed, opens=_may_open(options))
    manner = Manner(
        watch=True,
        more=demo.more,
        banner=demo.banner,
        farewell=demo.farewell,
        say_ready=demo.say_ready,
    )
    try:
        came_up = serve(config, listener, manner)
    except StoreRefused as refused:
        raise Refusal(refused.reason) from refused
    finally:
        listener.close()
    return Exit.CLEAN if came_up else Exit.INTERNAL


def demo_config(store: str, port: int) -> "Config":
    """Read the demo's configuration for a port: the shop's pages are on the server's own origin."""
    from msgspec.structs import replace

    flags: dict[str, str | int] = {"server.port": port, "server.host": _HOST, "store.url": store}
    config = read_config(_CONFIG, {}, flags)
    origins = (f"http://{_HOST}:{port}", f"http://localhost:{port}")
    workspaces = tuple(
        replace(one, sites=tuple(replace(site, origins=origins) for site in one.sites))
        for one in config.workspaces
    )
    return replace(config, workspaces=workspaces)


def _may_open(options: argparse.Namespace) -> bool:
    """Tell whether a browser may be opened: not for a program, nor where nobody would see it."""
    unwanted = options.no_open or os.environ.get("NO_OPEN") or os.environ.get("CI")
    if unwanted or not sys.stderr.isatty():
        return False
    has_screen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return has_screen or sys.platform in {"darwin", "win32"}


COMMAND = Command("demo", "Look at it: a shop with visitors.", add_arguments, run)
