"""What a server refuses is tried again, sent elsewhere or given up, and never told wrongly."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from engine.errors import StoreUnavailable
from engine.stores.redis.client import RedisClient
from tests.stores.redis.clients import PUT, client_of
from tests.stores.redis.fake_server import CUT, FakeServer, faking

pytestmark = pytest.mark.anyio

META = b"*3\r\n$1\r\n1\r\n$3\r\n256\r\n$1\r\n0\r\n"
DONE = b"+DONE\r\n"


@asynccontextmanager
async def refusing(replies: Iterator[bytes]) -> AsyncIterator[tuple[RedisClient, FakeServer]]:
    """Open a client to a server that answers our script as told, and then with `DONE`."""

    def behave(words: list[bytes]) -> bytes:
        if words[0] == b"EVALSHA":
            return next(replies, DONE)
        return META if words[0] == b"EVAL" else b"-ERR not here\r\n"

    async with faking(behave) as fake, client_of(f"redis://127.0.0.1:{fake.port}") as client:
        yield client, fake


def runs(fake: FakeServer) -> int:
    return sum(words[0] == b"EVALSHA" for words in fake.heard)


@pytest.mark.parametrize(
    "code", ["LOADING", "MASTERDOWN", "CLUSTERDOWN", "READONLY", "TRYAGAIN", "NOSCRIPT"]
)
async def test_what_passes_is_tried_again(code: str) -> None:
    async with refusing(iter([f"-{code} soon\r\n".encode()] * 2)) as (client, fake):
        assert await client.run(1, PUT, ("k",), ("v",)) == b"DONE"
        assert runs(fake) == 3


@pytest.mark.parametrize("code", ["OOM", "MISCONF", "NOREPLICAS", "BUSY", "NOPERM"])
async def test_what_does_not_pass_was_not_done(code: str) -> None:
    async with refusing(iter([f"-{code} of it\r\n".encode()])) as (client, fake):
        with pytest.raises(StoreUnavailable) as failure:
            await client.run(1, PUT, ("k",), ("v",))
        assert failure.value.outcome == "none"
        assert f"{code} of it" in failure.value.reason
        assert runs(fake) == 1
        assert await client.run(1, PUT, ("k",), ("v",)) == b"DONE"


@pytest.mark.parametrize("code", ["OOM", "LOADING"])
async def test_what_was_sent_and_then_refused_may_have_been_done(code: str) -> None:
    refusals = iter([CUT, *[f"-{code} now\r\n".encode()] * 100])
    async with refusing(refusals) as (client, _):
        with pytest.raises(StoreUnavailable) as failure:
            await client.run(1, PUT, ("k",), ("v",), deadline_s=0.4)
        assert failure.value.outcome == "unknown"


async def test_what_does_not_pass_in_time_is_given_up() -> None:
    async with refusing(iter([b"-LOADING still\r\n"] * 100)) as (client, fake):
        with pytest.raises(StoreUnavailable) as failure:
            await client.run(1, PUT, ("k",), ("v",), deadline_s=0.3)
        assert failure.value.outcome == "none"
        assert 3 <= runs(fake) <= 8


async def test_any_other_refusal_is_a_bug() -> None:
    async with refusing(iter([b"-CROSSSLOT keys\r\n"])) as (client, _):
        with pytest.raises(RuntimeError, match="CROSSSLOT keys"):
            await client.run(1, PUT, ("k",), ("v",))
