"""`opportune export`: all that is kept of a visitor, or a workspace's events, as JSON Lines; or a backup."""

import argparse
import gzip
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from server.cli.command import Command, Exit, Refusal
from server.cli.config_choice import add_config_argument, chosen_config
from server.cli.output import count, result, talk
from server.config import Config

FOR_EVER_MS = 2**53
_PARTS = ("since", "until", "output", "workspace")


class _End(msgspec.Struct):
    end: bool = False
    count: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--visitor", metavar="ID", help="all that is kept of one visitor")
    what.add_argument(
        "--all", action="store_true", help="the events of the workspace, as `replay` reads them"
    )
    what.add_argument(
        "--backup",
        metavar="FILE",
        help="a copy of the store's file, taken while the server runs or not; sqlite: only",
    )
    parser.add_argument("--since", metavar="TIME", help="with --all: RFC 3339, default: the oldest")
    parser.add_argument("--until", metavar="TIME", help="with --all: RFC 3339, default: now")
    parser.add_argument(
        "--output", "-o", metavar="FILE", help="default: stdout; a name that ends in .gz is packed"
    )
    parser.add_argument("--workspace", metavar="ID", help="needed when there is more than one")
    add_config_argument(parser)


def run(options: argparse.Namespace) -> Exit:
    """Write the lines, or the copy.

    Raises:
        Refusal: there is no such visitor, the file exists, or nothing could be asked.
    """
    from server.cli.custody_desk import export_log, export_visitor
    from server.cli.key_desk import workspace_of

    config = chosen_config(options)
    if options.backup:
        others = [f"--{name}" for name in _PARTS if getattr(options, name)]
        return _back_up(config, Path(options.backup), others)
    workspace = workspace_of(config, options.workspace)
    if options.visitor:
        lines = export_visitor(config, workspace, options.visitor)
    else:
        since_ms = _instant(options.since, "--since", 0)
        until_ms = _instant(options.until, "--until", FOR_EVER_MS)
        lines = export_log(config, workspace, since_ms, until_ms)
    if options.output is None:
        number = _write(lines, sys.stdout.buffer)
    else:
        with _made(Path(options.output)) as file:
            number = _write(lines, file)
    if options.visitor and not number:
        message = f"there is no visitor {options.visitor} in {workspace}"
        raise Refusal(message)
    talk(f"{count(number, 'line')} written")
    return Exit.CLEAN


def _back_up(config: Config, path: Path, others: Sequence[str]) -> Exit:
    """Copy the store's file and say what the copy holds.

    Raises:
        Refusal: `others` are options that were given beside, the file exists, the store is no file, or
            nothing could be asked.
    """
    from server.cli.custody_desk import back_up

    if others:
        message = f"--backup copies the whole store: leave {' and '.join(others)} out"
        raise Refusal(message)
    size = back_up(config, path)
    result(f"{path} holds all that was accepted until now: {size / 1_000_000:,.1f} MB")
    talk(f"Look at it: OPPORTUNE_STORE__URL=sqlite:///{path.absolute()} opportune doctor --verify")
    return Exit.CLEAN


def _write(lines: Iterator[bytes], file: BinaryIO) -> int:
    """Copy lines and check that their end came; answers how many there were before it.

    Raises:
        Refusal: the lines stopped before their end.
    """
    latest = b""
    for line in lines:
        file.write(latest)
        latest = line
    try:
        end = msgspec.json.decode(latest, type=_End)
    except msgspec.DecodeError:
        end = _End()
    if not end.end:
        file.write(latest)
        message = "the export stopped before its end: what was written is not all. Try again"
        raise Refusal(message)
    if end.count:
        file.write(latest)
    file.flush()
    return end.count


def _made(path: Path) -> BinaryIO:
    """Make the file; one that exists is left alone.

    Raises:
        Refusal: it exists, or its folder does not.
    """
    try:
        if path.suffix == ".gz":
            return gzip.open(path, "xb")  # type: ignore[return-value]  # writes bytes as a file does
        return path.open("xb")
    except OSError as error:
        why = "exists already" if path.exists() else (error.strerror or str(error)).lower()
        message = f"{path}: {why}. Try another --output"
        raise Refusal(message) from error


def _instant(text: str | None, option: str, default_ms: int) -> int:
    if text is None:
        return default_ms
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        message = f"{option} {text} is no instant. Try: {option} 2026-11-21T14:00:00Z"
        raise Refusal(message)
    return round(instant.timestamp() * 1_000)


COMMAND = Command(
    "export", "Write a visitor's data or the event log as JSON Lines.", add_arguments, run
)
