"""An ASGI connection held by hand, for what a real client does only when it is slow or gone."""

import asyncio
from collections.abc import Callable

import msgspec


class Wire:
    """An ASGI connection held by hand: what the client sends, and whether it reads."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict] = asyncio.Queue()
        self.sent: list[dict] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.incoming.put_nowait({"type": "websocket.connect"})

    def put(self, **frame: object) -> None:
        text = msgspec.json.encode(frame).decode()
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    async def receive(self) -> dict:
        return await self.incoming.get()

    async def send(self, message: dict) -> None:
        if message["type"] == "websocket.send":
            await self.reads.wait()
        self.sent.append(message)

    async def until(self, found: Callable[[dict], bool]) -> dict:
        async with asyncio.timeout(5):
            while True:
                for message in self.sent:
                    if found(message):
                        return message
                await asyncio.sleep(0)
