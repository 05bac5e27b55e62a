"""Reads for lists, a bounded number at a time: a list asks every partition, and commits need the lanes."""

import asyncio

from engine.limits import FAN_OUT_MAX
from engine.stores.redis.client import RedisClient
from engine.stores.redis.replies import Reply, Word


class FanOut:
    """The turns of one process's list reads, whoever asks."""

    def __init__(self, client: RedisClient) -> None:
        """Read with a client."""
        self._client = client
        self._turns = asyncio.Semaphore(FAN_OUT_MAX)

    async def read(self, partition: int, *command: Word) -> Reply:
        """Read as `RedisClient.read`, when it is this one's turn."""
        async with self._turns:
            return await self._client.read(partition, *command)
