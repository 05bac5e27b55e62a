"""The event log of API.md 8.5: JSON Lines, in the order of receipt."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from engine.events import Event, Origin, Scalar
from engine.signals import language_name


class LogPage(msgspec.Struct, frozen=True):
    """The page of a logged event."""

    url: str | None = None
    title: str | None = None
    referrer: str | None = None


class LogLine(msgspec.Struct, frozen=True):
    """One line of the log; of an event only name, visitor and time are required.

    `end`: the last line of an export, which says that nothing is missing.
    """

    kind: str = "event"
    end: bool = False
    name: str = ""
    visitor_id: str = ""
    at_ms: int = -1
    received_ms: int | None = None
    event_id: str | None = None
    session_id: str | None = None
    page: LogPage | None = None
    properties: dict[str, object] = {}
    attributes: dict[str, Scalar] = {}
    origin: Origin = "widget"


@dataclass(frozen=True, slots=True)
class Logged:
    """An event of a log, with its receive time and the session it names, "" for none."""

    visitor: str
    session: str
    received_ms: int
    event: Event


class LogRefused(Exception):  # it says what happened, as its siblings do
    """A line of a log cannot be read; `line` is 1-based."""

    def __init__(self, line: int, reason: str) -> None:
        """Keep the fields and say them in one sentence."""
        self.line = line
        self.reason = reason
        super().__init__(f"line {line}: {reason}")


_decoder = msgspec.json.Decoder(LogLine)


def read_log(lines: Iterable[bytes]) -> Iterator[Logged]:
    """Read events line by line; other kinds of lines are skipped.

    Raises:
        LogRefused: a line is no JSON object of this form, or an event lacks a required field.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = _decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise LogRefused(number, str(error)) from error
        if entry.kind != "event" or entry.end:
            continue
        if not entry.name or not entry.visitor_id or entry.at_ms < 0:
            raise LogRefused(number, "an event needs name, visitor_id and at_ms")
        yield _logged(entry, number)


def _logged(entry: LogLine, number: int) -> Logged:
    page = entry.page or LogPage()
    received_ms = entry.at_ms if entry.received_ms is None else entry.received_ms
    event = Event(
        id=entry.event_id or f"line:{number}",
        name=language_name(entry.name),
        at_ms=min(entry.at_ms, received_ms),
        url=page.url,
        title=page.title,
        referrer=page.referrer,
        properties=entry.properties,
        attributes=entry.attributes,
        origin=entry.origin,
    )
    return Logged(entry.visitor_id, entry.session_id or "", received_ms, event)
