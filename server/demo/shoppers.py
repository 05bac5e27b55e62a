"""Synthetic visitors of the demo: through the real HTTP and sockets, at a bounded rate, on this machine."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from random import Random

import httpcore2
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from engine.testing.traffic import Shop, Step, Visit, visits
from server.config import Config
from server.demo.pages import SHOP
from server.log_format import LOGGER
from server.services import Services

EVENTS_A_SECOND_MAX = 20
"""What all shoppers send together at most. test_shoppers_send_twenty_events_a_second_at_most"""

BUSY_LAG_MS = 100
"""While the loop comes back this late, shoppers stand still."""

POLLING_SHARE = 0.3
"""The share of shoppers whose browser opens no socket: their events go over HTTP alone."""

_COMING_S = 20.0
_REST_S = (1.0, 6.0)
_LOOK_S = 0.1
_TRY_AGAIN_S = 5.0
_TOKEN = "wk_shop"  # noqa: S105  # public on purpose
_FAILURES = (
    OSError,
    WebSocketException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
)


def shop_of(public_url: str) -> Shop:
    """Say where the demo's shop is."""
    base = f"{public_url}/demo/shop"
    return Shop(
        home=f"{base}/home",
        products=f"{base}/tents",
        guide=f"{base}/tent-guide",
        cart=f"{base}/cart",
        goods=(("Larch 1", 229), ("Larch 2", 289), ("Fir 3", 359), ("Alder 4", 449)),
    )


class Pace:
    """Lets events through one by one, evenly, and none while the machine is busy."""

    def __init__(self, lag_ms: Callable[[], float]) -> None:
        """Look at the lag that the server measures of its own loop, in milliseconds."""
        self._lag_ms = lag_ms
        self._next_s = 0.0

    async def wait(self) -> None:
        """Wait for this event's turn."""
        while self._lag_ms() > BUSY_LAG_MS:  # noqa: ASYNC110  # a figure, no event
            await asyncio.sleep(0.5)
        now_s = asyncio.get_running_loop().time()
        turn_s = max(now_s, self._next_s)
        self._next_s = turn_s + 1 / EVENTS_A_SECOND_MAX
        await asyncio.sleep(turn_s - now_s)


class Shoppers:
    """So many visitors at once; who leaves is followed by the next of the seed."""

    def __init__(self, config: Config, count: int, seed: int) -> None:
        """Draw the visitors of `seed`."""
        self._public_url = config.server.public_url
        self._count = count
        self._seed = seed
        self._random = Random(seed)  # noqa: S311  # a seed, not a secret

    async def run(self, services: Services) -> None:
        """Let them come one after the other, and shop until the server stops."""
        # Others than those of an earlier run, who have had their messages.
        name = f"shopper_{services.clock.now_ms() // 1_000}"
        shoppers = visits(self._seed, shop_of(self._public_url), name)
        pace = Pace(lambda: services.metrics.loop_lag_ms)
        async with httpcore2.AsyncConnectionPool(max_connections=4) as pool:
            comers = [
                asyncio.create_task(self._one_after_the_other(shoppers, pool, pace))
                for _ in range(self._count)
            ]
            try:
                while not services.is_stopping:  # noqa: ASYNC110  # a mark of the server, no event
                    await asyncio.sleep(_LOOK_S)
            finally:
                for comer in comers:
                    comer.cancel()
                await asyncio.gather(*comers, return_exceptions=True)

    async def _one_after_the_other(
        self, shoppers: Iterator[Visit], pool: httpcore2.AsyncConnectionPool, pace: Pace
    ) -> None:
        await asyncio.sleep(self._random.uniform(0.2, _COMING_S))
        while True:
            visit = next(shoppers)
            has_socket = self._random.random() >= POLLING_SHARE
            browser = Browser(self._public_url, pool, pace, visit)
            try:
                await (browser.stay() if has_socket else browser.pass_by())
                await asyncio.sleep(self._random.uniform(*_REST_S))
            except _FAILURES as error:
                LOGGER.debug("a shopper went home: %s", error)
                await asyncio.sleep(_TRY_AGAIN_S)


class Started(msgspec.Struct, rename="camel"):
    """What a shopper's browser needs of the answer to `POST …/session`."""

    visitor_token: str
    ws_url: str


class Browser:
    """One shopper's browser: begins a session, tells what its visitor does, shows what comes."""

    def __init__(
        self, public_url: str, pool: httpcore2.AsyncConnectionPool, pace: Pace, visit: Visit
    ) -> None:
        """Play one visit."""
        self._api = f"{public_url}/api/widgets/{SHOP}"
        self._origin = public_url.encode()
        self._pool = pool
        self._pace = pace
        self._visit = visit
        self._numbers = itertools.count(1)
        self._load = visit.visitor[-8:].rjust(8, "_")
        self._named: dict[str, object] = {"sessionId": visit.visitor, "visitorId": visit.visitor}

    async def pass_by(self) -> None:
        """Visit without a socket: each event is a request."""
        for step in self._visit.steps:
            await asyncio.sleep(step.after_ms / 1_000)
            await self._pace.wait()
            await self._post("track", {**self._named, **self._item(step)})

    async def stay(self) -> None:
        """Visit with a socket: events go over it, and messages are taken as this visitor does."""
        started = msgspec.json.decode(await self._post("session", self._named), type=Started)
        async with connect(started.ws_url, origin=self._origin.decode()) as socket:  # type: ignore[arg-type] # an origin is text
            await socket.send(
                json.dumps(
                    {
                        "type": "auth",
                        "token": _TOKEN,
                        "visitor_token": started.visitor_token,
                        "load": self._load,
                        "visible": True,
                    }
                )
            )
            listening = asyncio.create_task(self._listen(socket))
            try:
                await self._walk(socket)
            finally:
                listening.cancel()

    async def _walk(self, socket: ClientConnection) -> None:
        for step in self._visit.steps:
            await asyncio.sleep(step.after_ms / 1_000)
            await self._pace.wait()
            await socket.send(json.dumps({"type": "track", "events": [self._item(step)]}))

    async def _listen(self, socket: ClientConnection) -> None:
        async for raw in socket:
            frame = json.loads(raw)
            if frame.get("kind") == "proactive":
                await self._react(socket, frame)

    async def _react(self, socket: ClientConnection, frame: dict[str, object]) -> None:
        about = {"message_id": frame["id"]}
        await socket.send(json.dumps({"type": "displayed", **about}))
        await asyncio.sleep(self._visit.reacts_after_ms / 1_000)
        await self._pace.wait()
        replies = frame.get("quick_replies")
        if self._visit.reaction == "dismiss" or not isinstance(replies, list):
            await socket.send(json.dumps({"type": "dismissed", **about}))
        elif self._visit.reaction == "reply":
            value = replies[self._visit.reacts_after_ms % len(replies)]["value"]
            await socket.send(json.dumps({"type": "reply_clicked", **about, "value": value}))

    def _item(self, step: Step) -> dict[str, object]:
        item: dict[str, object] = {
            "event": step.event,
            "messageId": f"{self._load}-{next(self._numbers)}",
            "metadata": step.properties,
            "attributes": step.attributes,
        }
        return item if step.page is None else {**item, "page": {"url": step.page}}

    async def _post(self, path: str, body: dict[str, object]) -> bytes:
        headers = [(b"content-type", b"text/plain"), (b"origin", self._origin)]
        response = await self._pool.request(
            "POST",
            f"{self._api}/{path}",
            headers=headers,
            content=json.dumps({**body, "token": _TOKEN}).encode(),
            extensions={"timeout": {"connect": 5, "read": 10, "write": 5, "pool": 30}},
        )
        if response.status != 200:
            raise OSError(f"{path} was answered {response.status}")
        return response.content
