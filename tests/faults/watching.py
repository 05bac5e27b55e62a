"""Sockets that watch sessions while workers come and go: what each page shows, and when it came."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.faults.http_line import HttpLine, NoAnswer
from tests.faults.load import WIDGET, WIDGETS, History, Push
from tests.faults.resuming import Page

AGAIN_S = 0.2


@asynccontextmanager
async def watching(
    history: History, ports: Sequence[int], sessions: Sequence[str]
) -> AsyncIterator[None]:
    """Hold a socket for each of these sessions; what it is sent is noted in the history."""
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
    history.shown.setdefault(session, [])
    token, page = "", Page()
    while True:
        port = ports[place % len(ports)]
        place += 1
        with suppress(OSError, WebSocketException, TimeoutError, EOFError, NoAnswer):
            token = token or await _visitor_token(port, session)
            await _hold(history, session, page, (port, token))
        await asyncio.sleep(AGAIN_S)


async def _hold(history: History, session: str, page: Page, place: tuple[int, str]) -> None:
    port, token = place
    auth: dict[str, object] = {"type": "auth", "token": token}
    if page.epoch:
        auth["resume"] = {"epoch": page.epoch, "offset": page.offset}
    url = f"ws://127.0.0.1:{port}/v1/sessions/{session}"
    async with connect(url, open_timeout=3, close_timeout=0.1) as socket:
        await socket.send(json.dumps(auth))
        async for text in socket:
            frame = json.loads(text)
            if frame["type"] == "hello":
                page.hello(frame)
            elif "offset" in frame:
                _take(history, session, page, frame)


def _take(history: History, session: str, page: Page, frame: dict[str, Any]) -> None:
    """Note a frame of the sequence, and whether the page had it already."""
    place = f"{frame['epoch']}:{frame['offset']}"
    had = frame["epoch"] == page.epoch and frame["offset"] <= page.offset
    if had or frame.get("id") in page.ids:
        history.repeated.append(f"{session} {place}")
    history.pushed.append(Push(session, place, history.now()))
    page.take(frame)
    if frame["type"] == "message" and frame["kind"] == "proactive":
        history.shown[session].append(frame["id"])


async def _visitor_token(port: int, session: str) -> str:
    """Ask for what proves that one is the session's visitor."""
    body = {"sessionId": session, "visitorId": f"visitor_{session}"}
    async with HttpLine(port) as line:
        answer = await line.post(f"{WIDGETS}/session", body, WIDGET)
    if answer.status != 200:
        raise NoAnswer(answer.body.decode())
    return str(json.loads(answer.body)["visitorToken"])
