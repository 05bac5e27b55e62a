"""Clients as pages have them: a socket to some worker, another one when it ends, and what the page shows."""

import asyncio
import json
from bisect import insort
from collections.abc import Sequence
from contextlib import suppress
from random import Random

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.faults.http_line import HttpLine, NoAnswer
from tests.faults.runs import sized

SESSIONS = "/v1/live-chat/sessions"
PLATFORM = {"authorization": "Bearer test_key_0123456789abcdef", "x-workspace-id": "ws_test"}
NO_LIMITS = "\n[limits]\nkey_per_minute = 1000000\nworkspace_per_hour = 10000000\n"
"""For `Workers(more=…)`: everything here comes from one key."""

OPEN_S = sized(30.0, 120.0)
SAID_S = sized(60.0, 300.0)
AT_ONCE = 32
FRESH_MESSAGES = 50
"""A client that starts over gets so many of the newest (API.md 9.1)."""


class Page:
    """What a client shows, by the rules of API.md 9.1: offsets without gaps, none twice, or all anew."""

    def __init__(self) -> None:
        """Show nothing."""
        self.ids: list[str] = []
        self.epoch = ""
        self.offset = 0
        self.gaps = 0
        self.starts = 0
        self._sure_after = 0

    def hello(self, frame: dict) -> None:
        """Go on where it was, or start over when the server says that it cannot."""
        if not frame["recovered"] or frame["epoch"] != self.epoch:
            self._start_over(frame["epoch"], frame["offset"])

    def take(self, frame: dict) -> None:
        """Show a frame that has a place in the sequence."""
        if frame["epoch"] != self.epoch:
            self._start_over(frame["epoch"], 0)
        offset = frame["offset"]
        if offset <= self.offset:
            return
        # The newest fifty are messages only: what stands between them is not sent.
        if offset > self._sure_after and offset != max(self.offset, self._sure_after) + 1:
            self.gaps += 1
        self.offset = offset
        if frame["type"] == "message":
            self.ids.append(frame["id"])

    def _start_over(self, epoch: str, sure_after: int) -> None:
        self.starts += 1
        self.ids.clear()
        self.epoch, self.offset, self._sure_after = epoch, 0, sure_after


class Client:
    """A page with its socket; `took_s` tells how long each return took, from the end to the `hello`."""

    def __init__(self, session: str, token: str, ports: Sequence[int], place: int) -> None:
        """Begin at one of the workers' ports."""
        self.session = session
        self.page = Page()
        self.took_s: list[float] = []
        self.recovered: list[bool] = []
        self.is_open = asyncio.Event()
        self._token = token
        self._ports = ports
        self._place = place
        self._random = Random(session)
        self._task: asyncio.Task[None] | None = None
        self._ended_s: float | None = None

    def come(self) -> None:
        """Open a socket, and another one whenever it ends."""
        self._task = asyncio.create_task(self._run())

    async def leave(self) -> None:
        """Close it; what the page knew stays known."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.is_open.clear()
        self._ended_s = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(OSError, WebSocketException, TimeoutError, EOFError):
                await self._hold(self._ports[self._place % len(self._ports)])
            if self.is_open.is_set():
                self._ended_s = loop.time()
                self.is_open.clear()
            self._place += 1
            await asyncio.sleep(self._random.uniform(0.05, 0.3))

    async def _hold(self, port: int) -> None:
        url = f"ws://127.0.0.1:{port}{SESSIONS.replace('live-chat/', '')}/{self.session}"
        auth: dict[str, object] = {"type": "auth", "token": self._token}
        if self.page.epoch:
            auth["resume"] = {"epoch": self.page.epoch, "offset": self.page.offset}
        async with connect(url, open_timeout=3, close_timeout=0.1) as socket:
            await socket.send(json.dumps(auth))
            async for text in socket:
                self._take(json.loads(text))

    def _take(self, frame: dict) -> None:
        if frame["type"] == "hello":
            self.recovered.append(frame["recovered"])
            self.page.hello(frame)
            if self._ended_s is not None:
                self.took_s.append(asyncio.get_running_loop().time() - self._ended_s)
            self.is_open.set()
        elif "offset" in frame:
            self.page.take(frame)


class Room:
    """Sessions in which people write, over any worker, and the clients that read it."""

    def __init__(self, ports: Sequence[int], seed: int) -> None:
        """Speak to the workers at these ports."""
        self.ports = list(ports)
        self.clients: list[Client] = []
        self._said: dict[str, list[tuple[int, str]]] = {}
        self._random = Random(seed)
        self._count = 0
        # Each is sent again after 3 s: more at once would be the same words over and over.
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def open(self, count: int) -> None:
        """Make so many sessions, and a client for each."""
        async with HttpLine(self.ports[0]) as line:
            for number in range(count):
                body = {"source_id": "site_test", "visitor": {}}
                answer = await line.post(SESSIONS, body, PLATFORM, 10.0)
                assert answer.status == 200, answer
                made = json.loads(answer.body)["data"]
                session, token = made["session_id"], made["visitor_token"]
                self.clients.append(Client(session, token, self.ports, number))
                self._said[session] = []
        # A page gives up after 3 s and begins anew: all at once would take turns at that.
        for place in range(0, count, AT_ONCE):
            some = self.clients[place : place + AT_ONCE]
            for client in some:
                client.come()
            await self.all_open(some)

    async def all_open(self, clients: Sequence[Client] | None = None) -> None:
        """Wait until each of these clients has a socket, of all without an argument."""
        async with asyncio.timeout(OPEN_S):
            waits = (client.is_open.wait() for client in clients or self.clients)
            await asyncio.gather(*waits)

    async def say(
        self, clients: Sequence[Client], count: int, pause_s: float = 0.0, *, at_once: int = 1
    ) -> None:
        """Write so many messages to each of them, `at_once` of them at a time."""
        async with asyncio.TaskGroup() as group:
            for client in clients:
                for part in range(at_once):
                    share = len(range(part, count, at_once))
                    group.create_task(self._say(client.session, share, pause_s))

    async def _say(self, session: str, count: int, pause_s: float) -> None:
        async with asyncio.timeout(SAID_S):
            for _ in range(count):
                self._count += 1
                name = f"c{self._count}"
                async with self._turns:
                    await self._until_said(session, name)
                await asyncio.sleep(pause_s)

    async def _until_said(self, session: str, client_id: str) -> None:
        """Send a message, again under the same id until it is answered."""
        body = {"text": f"message {client_id}", "client_id": client_id}
        while True:
            async with HttpLine(self._random.choice(self.ports)) as line:
                with suppress(NoAnswer):
                    answer = await line.post(f"{SESSIONS}/{session}/messages", body, PLATFORM, 3.0)
                    if answer.status == 200:
                        told = json.loads(answer.body)["data"]
                        insort(self._said[session], (told["offset"], told["message_id"]))
                        return
                    assert answer.status >= 500, answer
            await asyncio.sleep(self._random.uniform(0.05, 0.15))

    @property
    def said(self) -> dict[str, list[str]]:
        """The messages that were answered with success, by session, in their order."""
        return {session: [name for _, name in told] for session, told in self._said.items()}

    def forget_after(self, count: int) -> None:
        """Keep only what was said first: the store has lost the rest."""
        for told in self._said.values():
            del told[count:]

    async def read_all(self, within_s: float) -> None:
        """Wait until each page shows what was said last, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while any(self.missed(client) for client in self.clients):  # noqa: ASYNC110  # pages
                    await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Let all clients leave."""
        await asyncio.gather(*(client.leave() for client in self.clients))

    def missed(self, client: Client) -> list[str]:
        """Name what was said to a client, answered with success, and is not on its page."""
        said = [name for _, name in self._said[client.session]]
        due = said if client.page.starts == 1 else said[-FRESH_MESSAGES:]
        shown = set(client.page.ids)
        return [name for name in due if name not in shown]

    def totals(self) -> "Totals":
        """Add up what went wrong on all pages."""
        pages = [client.page for client in self.clients]
        return Totals(
            said=sum(map(len, self._said.values())),
            missed=sum(len(self.missed(client)) for client in self.clients),
            twice=sum(len(page.ids) - len(set(page.ids)) for page in pages),
            gaps=sum(page.gaps for page in pages),
        )


class Totals(msgspec.Struct, frozen=True):
    """What was said in a room, and what its pages show wrong."""

    said: int
    missed: int
    twice: int
    gaps: int
