"""A shop whose widget talks: answer blocks, two assistants, a proactive card with replies of each kind."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.server.running import (
    AC_PAGE,
    CONFIG,
    WIDGET,
    Answered,
    TestServer,
    in_process,
    write_config,
)

IDENTITY_SECRET = "an identity secret of tests"
ASSISTANTS = """  [[workspaces.assistants]]
  id = "asst_dev"
  name = "Helper"
  fallback = "I don't know that yet."
  away_message = "We will answer here shortly."
  [[workspaces.assistants]]
  id = "asst-123"
  name = "Second"
  fallback = "The second does not know."
  away_message = "The second is away."
"""
SHOP = CONFIG.replace(
    '  [[workspaces.assistants]]\n  id = "asst_dev"\n  name = "Helper"\n', ASSISTANTS
).replace('rules = "rules"\n', f'rules = "rules"\nidentity_secret = "{IDENTITY_SECRET}"\n', 1)
RULES = """
site "dev" timezone "America/Chicago"

attribute visitor.user_id: text optional
attribute visitor.plan: text optional

policy {
  first message after 30s
  at most 1 per session unless engaged
  at most 2 per 7d
}

pages ac_repair = "/services/ac-repair"

rule ac_help "AC repair help" {
  on page ac_repair
  when time_on_page >= 45s
  say "Need help with your AC?"
    reply "Tell me more"     -> say "We repair and install."
    reply "Talk to a person" -> handoff
    reply "No thanks"        -> dismiss
}

answer pricing "What does it cost?" {
  asked "how much does it cost", "help with pricing"
  say "I'd be happy to help with pricing!"
    reply "Get a quote" -> quote
}
"""


@asynccontextmanager
async def shop(folder: Path, text: str = SHOP, rules: str = RULES) -> AsyncIterator[TestServer]:
    """Run the shop's server without a network."""
    async with in_process(write_config(folder, text, rules)) as server:
        yield server


async def chat(
    server: TestServer, headers: dict[str, str] | None = None, **body: object
) -> Answered:
    """Send words of the session `s1`, unless others are given."""
    whole = {"sessionId": "s1", "message": "How much does it cost?", **body}
    path = "/api/widgets/ws_dev/chat"
    return await server.send("POST", path, whole, WIDGET if headers is None else headers)


async def start(
    server: TestServer, headers: dict[str, str] | None = None, **body: object
) -> Answered:
    """Begin a session."""
    path = "/api/widgets/ws_dev/session"
    return await server.send("POST", path, body, WIDGET if headers is None else headers)


async def meet_card(server: TestServer, **body: object) -> dict:
    """Look at the AC page until the card comes, and return it."""
    view = {"sessionId": "s1", "event": "page_view", "page": {"url": AC_PAGE}, **body}
    assert (await server.track(view)).status == 200
    await server.pass_time(45_000)
    poll = {"sessionId": "s1", "event": "active", "deliver": True, **body}
    (card,) = (await server.track(poll)).json["messages"]
    return card


def proof(user: str) -> dict[str, str]:
    """Prove to be a user."""
    digest = hmac.digest(IDENTITY_SECRET.encode(), user.encode(), hashlib.sha256)
    return {"userId": user, "hash": digest.hex()}
