"""Visitors from a seed: each sends its events in order to any worker, again until one is answered 200."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from time import monotonic

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

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


class History:
    """What was sent and answered, in a file and in memory."""

    def __init__(self, path: Path) -> None:
        """Write to a new file."""
        self.lines: list[Line] = []
        self.shown: dict[str, list[str]] = {}
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._began = monotonic()

    def now(self) -> float:
        """Tell the seconds since the begin."""
        return monotonic() - self._began

    def add(self, line: Line) -> None:
        """Write one line down."""
        self.lines.append(line)
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
        self, plan: Plan, ports: Sequence[int], history: History, *, spread_s: float = 0.0
    ) -> None:
        """Choose a port of `ports` for each attempt; visitors come over the first `spread_s` seconds."""
        self._spread_s = spread_s
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
        plan, session = self._plan, session_of(self._plan, number)
        random = Random(f"{plan.seed} {number}")
        lines = {port: HttpLine(port) for port in self._ports}
        await asyncio.sleep(number * self._spread_s / plan.sessions)
        began = self._history.now()
        try:
            for event in range(plan.events):
                pause = began + event * plan.seconds / plan.events - self._history.now()
                await asyncio.sleep(max(0.0, pause))
                await self._until_acked(session, event, lines, random)
        finally:
            for line in lines.values():
                line.close()

    async def _until_acked(
        self, session: str, number: int, lines: dict[int, HttpLine], random: Random
    ) -> None:
        event = event_of(self._plan, session, number)
        body = body_of(self._plan, session, number)
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


def body_of(plan: Plan, session: str, number: int) -> dict[str, object]:
    """Make the body that sends an event: a page first, then what visitors do on it."""
    body: dict[str, object] = {
        "sessionId": session,
        "visitorId": f"visitor_{session}",
        "messageId": event_of(plan, session, number),
        "page": {"url": f"https://shop.test/pricing?plan={number % 3}"},
    }
    if number == 0:
        return {**body, "event": "page_view"}
    return {**body, "event": "scroll", "metadata": {"percent": number % 100}}


@asynccontextmanager
async def watching(
    history: History, ports: Sequence[int], sessions: Sequence[str]
) -> AsyncIterator[None]:
    """Hold a socket for each of these sessions; what it shows is noted in `history.shown`."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_watch(history, ports, session, place))
            for place, session in enumerate(sessions)
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _watch(history: History, ports: Sequence[int], session: str, place: int) -> None:
    """Keep a socket to some worker, to the next one when it ends; it resumes where it was."""
    shown = history.shown.setdefault(session, [])
    token, resume = "", None
    while True:
        port = ports[place % len(ports)]
        place += 1
        with suppress(OSError, WebSocketException, TimeoutError, EOFError, NoAnswer):
            token = token or await _visitor_token(port, session)
            auth = {"type": "auth", "token": token, **({"resume": resume} if resume else {})}
            url = f"ws://127.0.0.1:{port}/v1/sessions/{session}"
            async with connect(url, open_timeout=3, close_timeout=0.1) as socket:
                await socket.send(json.dumps(auth))
                async for text in socket:
                    frame = json.loads(text)
                    if frame["type"] == "message":
                        resume = {"epoch": frame["epoch"], "offset": frame["offset"]}
                        if frame["kind"] == "proactive":
                            shown.append(frame["id"])
        await asyncio.sleep(0.2)


async def _visitor_token(port: int, session: str) -> str:
    """Ask for what proves that one is the session's visitor."""
    body = {"sessionId": session, "visitorId": f"visitor_{session}"}
    async with HttpLine(port) as line:
        answer = await line.post(f"{WIDGETS}/session", body, WIDGET)
    if answer.status != 200:
        raise NoAnswer(answer.body.decode())
    return str(json.loads(answer.body)["visitorToken"])
