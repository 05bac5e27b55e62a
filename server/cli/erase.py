"""`opportune erase VISITOR`: remove all that is kept of a visitor, after asking twice."""

import argparse
import sys
from datetime import UTC, datetime

from server.cli.command import Command, Exit, Refusal
from server.cli.config_choice import add_config_argument, chosen_config
from server.cli.output import result, talk


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("visitor", metavar="VISITOR", help="the visitor's id")
    parser.add_argument("--workspace", metavar="ID", help="needed when there is more than one")
    parser.add_argument(
        "--archive",
        action="store_true",
        help="also write the archive's files anew without the visitor",
    )
    parser.add_argument(
        "--vacuum",
        action="store_true",
        help="also write the store's whole file anew, so that no gap in it holds a piece; sqlite: only",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for the id a second time")
    add_config_argument(parser)


def run(options: argparse.Namespace) -> Exit:
    """Erase the visitor and say what went.

    Raises:
        Refusal: the id was not confirmed, there is no such visitor, or nothing that could be asked.
    """
    from server.cli.custody_desk import erase_visitor
    from server.cli.key_desk import workspace_of

    config = chosen_config(options)
    workspace = workspace_of(config, options.workspace)
    if not options.yes:
        _confirm(workspace, options.visitor)
    erased_ms = erase_visitor(
        config, workspace, options.visitor, archive=options.archive, vacuum=options.vacuum
    )
    at = datetime.fromtimestamp(erased_ms / 1_000, UTC).isoformat(timespec="seconds")
    result(f"{options.visitor} is erased in {workspace}, at {at}:")
    result("  profile, sessions, messages, journal, decisions, appointments, deliveries")
    result("  events with this id are dropped for 24 h; counters stay, they name nobody")
    if options.vacuum:
        result("  the store's file was written anew")
    if options.archive:
        result("  the archive's files hold nothing of it")
    unreached = "backups of the store, and what webhooks told others"
    if config.store.archive and not options.archive:
        unreached = f"the archive (--archive), {unreached}"
    talk(f"Not reached from here: {unreached}.")
    return Exit.CLEAN


def _confirm(workspace: str, visitor: str) -> None:
    """Ask for the id again: nothing brings an erased visitor back.

    Raises:
        Refusal: there is nobody to ask, or the answer is another one.
    """
    if not sys.stdin.isatty():
        message = "nobody is there to confirm it. Try: --yes"
        raise Refusal(message)
    talk(f"This removes all that is kept of {visitor} in {workspace}. Nothing brings it back.")
    talk("Type the visitor's id again:")
    if sys.stdin.readline().strip() != visitor:
        message = "that is another id; nothing was erased"
        raise Refusal(message)


COMMAND = Command("erase", "Remove all that is kept of a visitor.", add_arguments, run)
