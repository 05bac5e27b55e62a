"""Visitors from a seed: each sends its events in order to any worker, again until one is answered 200."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from time import monotonic

import msgspec

from tests.faults.http_line import HttpLine, NoAnswer

WIDGETS = "/api/widgets/ws_test"
TRACK = f"{WIDGETS}/track"
WIDGET = {"authorization": "Bearer wk_test"}
AGAIN_S = 0.05
"""A refused or unanswered event is sent again after this long, and up to three times as long."""


class Line(msgspec.Struct, frozen=True):
    """One line of `history.jsonl`: one attempt. `status` 0 = no answer; times are seconds of the run."""

    op: int
    kind: str
    session: str
    event: str
    start: float
    end: float
    status: int
    body: str = ""


class Plan(msgspec.Struct, frozen=True):
    """How much is sent: events a session, and how long each session takes for it.

    What is not acknowledged `deadline_s` after the begin is given up.
    """

    seed: int
    sessions: int
    events: int
    seconds: float = 0.0
    deadline_s: float = 30.0
    within_s: float = 5.0
    is_own_widget: bool = False
    """Event ids as our own widget makes them; else ids that the store has to remember."""
    at_once: int = 1
    """So many events of a session are sent at the same instant, its first one before all others."""


Body = dict[str, object]
Make = Callable[[Plan, str, int], Body]
"""Makes the body of a session's event by its number."""


class Push(msgspec.Struct, frozen=True):
    """A frame of a session's sequence, by its epoch and offset, that a socket got at a second of the run."""

    session: str
    place: str
    at_s: float


class History:
    """What was sent and answered, in a file and in memory."""

    def __init__(self, path: Path) -> None:
        """Write to a new file."""
        self.lines: list[Line] = []
        self.successes = 0
        self.shown: dict[str, list[str]] = {}
        self.pushed: list[Push] = []
        # What a page was sent again although it had it.
        self.repeated: list[str] = []
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._began = monotonic()

    def now(self) -> float:
        """Tell the seconds since the begin."""
        return monotonic() - self._began

    def add(self, line: Line) -> None:
        """Write one line down."""
        self.lines.append(line)
        self.successes += line.status == 200
        os.write(self._file, msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        """Finish the file."""
        os.close(self._file)

    def acked(self) -> set[str]:
        """Name the events that were answered with success."""
        return {line.event for line in self.lines if line.status == 200}

    def asked(self) -> set[str]:
        """Name the events that were sent at least once."""
        return {line.event for line in self.lines}

    def refusals(self) -> dict[int, int]:
        """Count the attempts of each status that is no success."""
        counts: dict[int, int] = {}
        for line in self.lines:
            if line.status != 200:
                counts[line.status] = counts.get(line.status, 0) + 1
        return counts

    def slowest_s(self) -> float:
        """Tell how long the longest attempt took."""
        return max((line.end - line.start for line in self.lines), default=0.0)

    def first_success_after(self, at_s: float) -> float:
        """Tell how many seconds after an instant the first success was answered."""
        ends = [line.end for line in self.lines if line.status == 200 and line.end >= at_s]
        return min(ends, default=float("inf")) - at_s


class Load:
    """Sends a plan to the ports of some workers."""

    def __init__(
        self,
        plan: Plan,
        ports: Sequence[int],
        history: History,
        *,
        spread_s: float = 0.0,
        make: Make | None = None,
        last: asyncio.Event | None = None,
    ) -> None:
        """Choose a port of `ports` for each attempt; visitors come over the first `spread_s` seconds.

        With `last` each session's last event waits for it.
        """
        self._last = last
        self._spread_s = spread_s
        self._make = make or body_of
        self._plan = plan
        self._ports = list(ports)
        self._history = history
        self._op = 0

    async def run(self) -> None:
        """Let all visitors send all their events; ends at the deadline at the latest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._plan.deadline_s), asyncio.TaskGroup() as group:
                for number in range(self._plan.sessions):
                    group.create_task(self._visit(number))

    async def _visit(self, number: int) -> None:
        plan = self._plan
        await asyncio.sleep(number * self._spread_s / plan.sessions)
        began = self._history.now()
        # With several streams the first event is acknowledged before they begin.
        first = int(plan.at_once > 1)
        await self._send(number, range(first), began)
        async with asyncio.TaskGroup() as group:
            for stream in range(plan.at_once):
                events = range(first + stream, plan.events, plan.at_once)
                group.create_task(self._send(number, events, began))

    async def _send(self, number: int, events: range, began: float) -> None:
        """Send some of a session's events one after the other, over connections of their own."""
        plan, session = self._plan, session_of(self._plan, number)
        random = Random(f"{plan.seed} {number} {events.start}")
        lines = {port: HttpLine(port) for port in self._ports}
        try:
            for event in events:
                at_s = (event - event % plan.at_once) * plan.seconds / plan.events
                await asyncio.sleep(max(0.0, began + at_s - self._history.now()))
                if self._last is not None and event == plan.events - 1:
                    await self._last.wait()
                await self._until_acked(session, event, lines, random)
        finally:
            for line in lines.values():
                line.close()

    async def _until_acked(
        self, session: str, number: int, lines: dict[int, HttpLine], random: Random
    ) -> None:
        event = event_of(self._plan, session, number)
        body = self._make(self._plan, session, number)
        while True:
            port = random.choice(self._ports)
            if await self._attempt(lines[port], session, event, body) == 200:
                return
            await asyncio.sleep(AGAIN_S * random.uniform(1, 3))

    async def _attempt(self, line: HttpLine, session: str, event: str, body: object) -> int:
        self._op += 1
        op, start, status, said = self._op, self._history.now(), 0, ""
        try:
            answer = await line.post(TRACK, body, WIDGET, self._plan.within_s)
            status, said = answer.status, "" if answer.status == 200 else answer.body.decode()
        except NoAnswer as error:
            said = str(error)
        end = self._history.now()
        self._history.add(Line(op, "track", session, event, start, end, status, said))
        return status


def session_of(plan: Plan, number: int) -> str:
    """Name a visitor's session as its client does."""
    return f"s{plan.seed}-{number}"


def event_of(plan: Plan, session: str, number: int) -> str:
    """Name an event; the name is the same whenever it is sent."""
    if plan.is_own_widget:
        return f"{session.replace('-', '_').ljust(8, '_')[:8]}-{number + 1}"
    return f"ev_{session}_{number}"


def body_of(plan: Plan, session: str, number: int) -> Body:
    """Make the body that sends an event: a page first, then what visitors do on it."""
    body: Body = {
        "sessionId": session,
        "visitorId": f"visitor_{session}",
        "messageId": event_of(plan, session, number),
        "page": {"url": f"https://shop.test/pricing?plan={number % 3}"},
    }
    if number == 0:
        return {**body, "event": "page_view"}
    return {**body, "event": "scroll", "metadata": {"percent": number % 100}}


def said_by(plan: Plan, session: str, number: int, text: str) -> Body:
    """Make the body that sends a visitor's words: an engagement."""
    words: Body = {"event": "visitor_message", "metadata": {"text": text}}
    return {**body_of(plan, session, number), **words}
