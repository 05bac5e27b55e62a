"""Seeded nonsense in every field of the widget's endpoints: refused with a reason, never a failure of ours."""

import random
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.api.widget_shop import shop, start
from tests.server.running import WIDGET, TestServer

pytestmark = pytest.mark.anyio
REQUESTS = 500
VALUES = (
    None, True, -1, 1e308, 2**70, "", " ", "s1", "a\nb", "\x00", "é" * 300, "x" * 5_000, [], {}, [[]],
    {"url": "\x00"}, {"url": "http://[::1"}, {"messageId": "m", "value": "v"}, {"jwt": "a.b.c"}, {"jwt": "é"},
    {"userId": "u", "hash": "é"}, "vt1.a.b", "chat_", "granted", "denied", "asst-123", "conv-1",
)  # fmt: skip
FIELDS = (
    "sessionId", "message", "assistantId", "conversationId", "visitorId", "visitorToken", "userId", "page",
    "quickReply", "messageId", "context", "token", "identity", "consent", "state",
)  # fmt: skip


async def ask(server: TestServer, chance: random.Random, token: str) -> int:
    """Send one request; returns its status."""
    fields = chance.sample(FIELDS, chance.randint(0, 6))
    body = {"sessionId": "s1", "message": "hi", **{name: chance.choice(VALUES) for name in fields}}
    if chance.random() < 0.2:
        path = (
            f"/api/widgets/ws_dev/messages?sessionId=s1&after={quote(str(chance.choice(VALUES)))}"
        )
        headers = {**WIDGET, "x-visitor-token": token}
        return (await server.send("GET", path, headers=headers)).status
    path = f"/api/widgets/ws_dev/{chance.choice(('chat', 'session', 'ack'))}"
    answered = await server.send("POST", path, body, WIDGET)
    if answered.status != 200:
        assert answered.json["success"] is False
        assert {"error", "code", "reason"} <= set(answered.json)
    return answered.status


async def test_no_nonsense_is_a_failure_of_ours(tmp_path: Path, anyio_backend: str) -> None:
    chance = random.Random(20_261_121)
    async with shop(tmp_path) as server:
        token = (await start(server, sessionId="s1")).json["visitorToken"]
        statuses = set()
        for number in range(REQUESTS):
            if number % 20 == 0:
                server.clock.advance(61_000)
            statuses.add(await ask(server, chance, token))
    assert {200, 400, 401} <= statuses <= {200, 400, 401, 403, 404, 429}
