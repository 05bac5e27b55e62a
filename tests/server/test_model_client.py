"""A model's server over real connections: what comes is passed on as it comes, and every end has its words."""

import asyncio
import socket

import pytest

from engine.conversations.completions_server import ServerFailed
from engine.outbox.network_guard import BadTarget
from server.model_client import RETRY_AFTER_S_MAX, ModelClient, ModelNetwork
from tests.engine.conversations.completions import chunk, spoken, sse
from tests.server.model_server import (
    Behaviour,
    dies,
    hangs_up,
    is_silent,
    model_server,
    refuses,
    sends,
    words,
)

pytestmark = pytest.mark.anyio
KEY = "sk-secret"


async def read(client: ModelClient, until: bytes = b"\0") -> bytes:
    got = b""
    async with client.complete(b"{}") as answer:
        async for piece in answer:
            got += piece
            if until in got:
                break
    return got


async def asked(behaviour: Behaviour, timeout_s: float = 5.0) -> bytes:
    network = ModelNetwork()
    async with model_server(behaviour) as model:
        try:
            return await read(ModelClient(network, model.url, KEY, timeout_s))
        finally:
            await network.close()


@pytest.mark.parametrize("size", [1, 7, 0])
async def test_an_answer_comes_through_however_it_is_cut(size: int) -> None:
    body = spoken("Grüß Gott 👋")
    assert await asked(sends(body, size)) == body


async def test_pieces_come_before_the_answer_has_ended() -> None:
    network = ModelNetwork()
    async with model_server(is_silent(b"data: first\n\n")) as model:
        client = ModelClient(network, model.url + "/", None, 5.0)
        async with asyncio.timeout(5):
            assert await read(client, b"first") == b"data: first\n\n"
        assert "authorization" not in model.headers[0]
        await network.close()


async def test_connections_are_used_again_also_when_nobody_reads_to_the_end() -> None:
    network = ModelNetwork()
    async with model_server(words("Yes.")) as model:
        client = ModelClient(network, model.url, KEY, 5.0)
        for until in (b"\0", b"[DONE]", b"\0"):
            await read(client, until)
        assert (len(model.asked), model.connections) == (3, 1)
        await network.close()


async def test_many_ask_at_once_each_for_its_own_answer() -> None:
    network = ModelNetwork()
    async with model_server(sends(spoken("Yes."), 3)) as model:
        client = ModelClient(network, model.url, KEY, 5.0)
        got = await asyncio.gather(*(read(client) for _ in range(30)))
        assert set(got) == {spoken("Yes.")}
        await network.close()


# ---- it fails


@pytest.mark.parametrize(
    ("behaviour", "said", "may_pass"),
    [
        (dies(sse(chunk(content="Yes"), done=False)), "broke off", True),
        pytest.param(hangs_up(), "broke off", True, id="hangs up"),
        (refuses(500), "answered 500", True),
        (refuses(503, retry_after="7"), "answered 503", False),
        (refuses(401), "answered 401", False),
        (refuses(429, retry_after="1"), "answered 429", False),
        (refuses(307, location="http://127.0.0.1:1/"), "answered 307", False),
        (is_silent(), "not answer in time", True),
        pytest.param(is_silent(b"data: "), "not answer in time", True, id="falls silent"),
    ],
)
async def test_every_failure_is_told_and_none_of_its_words(
    behaviour: Behaviour, said: str, *, may_pass: bool
) -> None:
    with pytest.raises(ServerFailed, match=said) as failed:
        await asked(behaviour, 0.2)
    assert failed.value.may_pass is may_pass
    assert failed.value.__cause__ is None
    assert KEY not in repr(failed.value)


@pytest.mark.parametrize(
    ("header", "ms"),
    [
        ("7", 7_000),
        ("0", 0),
        ("99999999", RETRY_AFTER_S_MAX * 1_000),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0),
        ("-3", 0),
        pytest.param("9" * 5_000, 0, id="endless"),
    ],
)
async def test_a_server_says_how_long_it_wants_to_be_left_alone(header: str, ms: int) -> None:
    with pytest.raises(ServerFailed) as failed:
        await asked(refuses(429, retry_after=header))
    assert (failed.value.status, failed.value.retry_after_ms) == (429, ms)


async def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    network = ModelNetwork()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        for place in (url, "http://nobody.invalid/v1"):
            with pytest.raises(ServerFailed, match="cannot be reached") as failed:
                await read(ModelClient(network, place, KEY, 5.0))
            assert failed.value.may_pass
    await network.close()


async def test_what_is_no_http_broke_off() -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    network = ModelNetwork()
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    with pytest.raises(ServerFailed, match="broke off"):
        await read(ModelClient(network, url, KEY, 5.0))
    await network.close()
    server.close()
    await server.wait_closed()


async def test_whoever_is_given_up_lets_its_connection_go() -> None:
    network = ModelNetwork()
    async with model_server(is_silent(b"data: ")) as model:
        client = ModelClient(network, model.url, KEY, 5.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await read(client)
        model.now(words("Yes."))
        assert await read(client) == spoken("Yes.")
        assert len(network.pool.connections) == 1
        await network.close()


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(BadTarget):
        ModelClient(ModelNetwork(), "ftp://models.example/v1", None, 5.0)
