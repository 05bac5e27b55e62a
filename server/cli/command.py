"""What a command of the command line is, its exit codes, and how it says that it cannot go on."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn


class Exit(IntEnum):
    """The exit codes of every command."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    LINT = 3
    INTERNAL = 70


class Refusal(Exception):
    """The command cannot do what it was asked; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its arguments, and what it does with them; `run` returns the exit code."""

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Exit]


class Parser(argparse.ArgumentParser):
    """An argument parser that refuses in one line."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments.

        Raises:
            Refusal: always.
        """
        refusal = f"{message}. Try: {self.prog} --help"
        raise Refusal(refusal)


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add `--format`, which every command that has findings takes."""
    parser.add_argument(
        "--format",
        choices=("text", "json", "github"),
        default="text",
        help="how the result is written (default: text)",
    )
