"""Channels: heard once confirmed, heard again after a loss, and that loss is told."""

import asyncio

import pytest

from engine.errors import StoreUnavailable
from engine.stores.redis import channels as redis_channels
from engine.stores.redis.client import RedisClient
from tests.faults.server import Single
from tests.stores.redis.clients import client_of
from tests.stores.steps import until

pytestmark = pytest.mark.anyio


class Ears:
    """What a client's channels tell."""

    def __init__(self, client: RedisClient) -> None:
        self.client = client
        self.heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.lost: asyncio.Queue[None] = asyncio.Queue()
        client.channels.on_message = lambda channel, body: self.heard.put_nowait((channel, body))
        client.channels.on_lost = lambda: self.lost.put_nowait(None)

    async def tell(self, channel: str, body: str) -> int:
        """Publish, and answer how many heard it."""
        reached = await self.client.write(1, "SPUBLISH", channel, body, durable=False)
        assert isinstance(reached, int)
        return reached


async def test_a_channel_is_heard_once_it_is_confirmed(valkey: Single) -> None:
    async with client_of(valkey.url) as client:
        ears = Ears(client)
        await client.channels.subscribe(1, "a")
        assert await ears.tell("a", "body \x00 of it") == 1
        assert await ears.heard.get() == ("a", b"body \x00 of it")
        assert await ears.tell("b", "x") == 0


async def test_hearing_twice_is_hearing_once(valkey: Single) -> None:
    async with client_of(valkey.url) as client:
        ears = Ears(client)
        await asyncio.gather(*(client.channels.subscribe(1, "a") for _ in range(10)))
        assert await ears.tell("a", "x") == 1
        assert await ears.tell("a", "y") == 1
        assert [await ears.heard.get() for _ in range(2)] == [("a", b"x"), ("a", b"y")]
        assert ears.heard.empty()


async def test_a_channel_is_heard_no_more_when_it_was_left(valkey: Single) -> None:
    async with client_of(valkey.url) as client:
        ears = Ears(client)
        await client.channels.subscribe(1, "a")
        await client.channels.unsubscribe(1, "a")
        await client.channels.unsubscribe(1, "never heard")
        await client.channels.subscribe(1, "b")
        assert await ears.tell("a", "x") == 0
        await client.channels.subscribe(1, "a")
        assert await ears.tell("a", "again") == 1


async def test_after_a_loss_every_channel_is_heard_again_and_the_loss_is_told(
    valkey: Single,
) -> None:
    async with client_of(valkey.url) as client:
        ears = Ears(client)
        channels = [f"c{number}" for number in range(200)]
        await asyncio.gather(*(client.channels.subscribe(1, name) for name in channels))
        assert ears.lost.empty()
        valkey.node.ask("CLIENT", "KILL", "TYPE", "pubsub")
        async with asyncio.timeout(5):
            await ears.lost.get()
        # Told with the first that are heard again, and once more for those that take longer.
        await until(lambda: not client.channels._missed)
        for name in channels:
            assert await ears.tell(name, "x") == 1
            async with asyncio.timeout(5):
                assert (await ears.heard.get())[0] == name


async def test_a_client_that_is_closed_while_it_asks_for_channels_ends(valkey: Single) -> None:
    for turns in range(1, 40):
        async with client_of(valkey.url) as client:
            asking = [
                asyncio.ensure_future(client.channels.subscribe(1, f"c{number}"))
                for number in range(20)
            ]
            for _ in range(turns):
                await asyncio.sleep(0)
            async with asyncio.timeout(5):
                await client.close()
            await asyncio.gather(*asking, return_exceptions=True)


async def test_a_quiet_channel_stays_heard(valkey: Single, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.stores.redis.ear._PING_S", 0.05)
    monkeypatch.setattr("engine.stores.redis.ear._SILENCE_S", 1.0)
    async with client_of(valkey.url) as client:
        ears = Ears(client)
        await client.channels.subscribe(1, "a")
        await asyncio.sleep(1.5)
        assert await ears.tell("a", "x") == 1
        assert ears.lost.empty()


async def test_a_server_that_stands_still_is_left_and_heard_again(
    valkey: Single, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.stores.redis.ear._PING_S", 0.05)
    monkeypatch.setattr("engine.stores.redis.ear._SILENCE_S", 0.3)
    async with client_of(valkey.url) as client:
        ears = Ears(client)
        await client.channels.subscribe(1, "a")
        valkey.stop()
        try:
            await asyncio.sleep(0.5)
            with pytest.raises(StoreUnavailable):
                await client.channels.subscribe(1, "b")
        finally:
            valkey.cont()
        async with asyncio.timeout(5):
            await ears.lost.get()
            await client.channels.subscribe(1, "b")
        assert await ears.tell("a", "x") == 1
        assert await ears.tell("b", "x") == 1


async def test_too_many_channels_are_refused(
    valkey: Single, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_channels, "CHANNELS_MAX", 2)
    async with client_of(valkey.url) as client:
        await client.channels.subscribe(1, "a")
        await client.channels.subscribe(1, "b")
        await client.channels.subscribe(1, "a")
        with pytest.raises(StoreUnavailable) as failure:
            await client.channels.subscribe(1, "c")
        assert failure.value.outcome == "none"


async def test_a_closed_client_hears_nothing(valkey: Single) -> None:
    async with client_of(valkey.url) as client:
        await client.channels.subscribe(1, "a")
        await client.close()
        with pytest.raises(StoreUnavailable):
            await client.channels.subscribe(1, "b")
    assert valkey.node.ask("SPUBLISH", "a", "x") == 0
