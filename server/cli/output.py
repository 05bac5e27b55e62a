"""Where the words go: the result to stdout, the talk to stderr, progress to a terminal only."""

import json
import os
import shutil
import sys
from typing import Literal, TextIO

WIDTH_DEFAULT = 80
Style = Literal["bold", "red", "yellow", "green", "dim"]
_CODES: dict[Style, str] = {"bold": "1", "red": "31", "yellow": "33", "green": "32", "dim": "2"}


def has_colour(stream: TextIO) -> bool:
    """Tell whether a stream wants colour: a terminal, and `NO_COLOR` unset or empty."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, style: Style, stream: TextIO) -> str:
    """Colour a text when its stream wants colour."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if has_colour(stream) else text


def paint_result(text: str, style: Style) -> str:
    """Colour a piece of the result when stdout wants colour."""
    return paint(text, style, sys.stdout)


def paint_talk(text: str, style: Style) -> str:
    """Colour a piece of talk when stderr wants colour."""
    return paint(text, style, sys.stderr)


def width() -> int:
    """Return the terminal's width in columns, 80 without one."""
    return shutil.get_terminal_size((WIDTH_DEFAULT, 24)).columns


def result(text: str) -> None:
    """Write a line, or several, of the result."""
    print(text)


def result_json(value: object) -> None:
    """Write the result as JSON, indented, non-ASCII as it is."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def talk(text: str) -> None:
    """Write a line of talk: what a person reads and a program does not."""
    print(text, file=sys.stderr)


def count(number: int, noun: str) -> str:
    """Say a number of things: `1 file`, `2 files`, `1,204 events`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class Progress:
    """A bar on stderr while long work runs; silent unless stderr is a terminal."""

    def __init__(self, label: str, total: int) -> None:
        """Count up to `total`, in any unit."""
        self._label = label
        self._total = max(total, 1)
        self._shown = -1
        self._on = sys.stderr.isatty()

    def show(self, done: int) -> None:
        """Show how much is done; the same percentage is not written twice."""
        percent = min(100, done * 100 // self._total)
        if not self._on or percent == self._shown:
            return
        self._shown = percent
        bar_len = max(10, width() - len(self._label) - 10)
        bar = "━" * (bar_len * percent // 100)
        sys.stderr.write(f"\r{self._label}  {bar:<{bar_len}} {percent:3d} %")
        sys.stderr.flush()

    def close(self) -> None:
        """Take the bar away."""
        if self._on and self._shown >= 0:
            sys.stderr.write("\r" + " " * (width() - 1) + "\r")
            sys.stderr.flush()
