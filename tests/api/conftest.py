"""The running server of each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.running import ListeningServer, TestServer, in_process, listening, write_config


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(write_config(tmp_path)) as running:
        yield running


@pytest.fixture
async def live(tmp_path: Path, anyio_backend: str) -> AsyncIterator[ListeningServer]:
    async with listening(write_config(tmp_path)) as running:
        yield running
