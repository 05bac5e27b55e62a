"""The stores under test: one list of URLs, and what every suite needs of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.stores.base import Store
from engine.stores.open import open_store
from tests.stores.steps import SteppedClock

URLS = ["memory:", "sqlite:///store/test.db"]


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture(params=URLS, ids=lambda url: url.split(":")[0])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: SteppedClock
) -> AsyncIterator[Store]:
    opened = await open_store(request.param, clock=clock, base_dir=tmp_path)
    yield opened
    await opened.close()
