"""A configuration with two workspaces that have everything, and a server of it beside the test."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.clock import SystemClock
from tests.server.running import ListeningServer, listening, write_config

ORIGINS = {"a": "https://shop.example", "b": "https://other.example"}

_HEAD = """
[server]
port = 0
secret = "a secret of tests that is long enough"
[store]
url = "memory:"
[limits]
key_per_minute = 1000000
workspace_per_hour = 1000000
chat_per_session_per_minute = 1000000
chat_per_address_per_minute = 1000000
chat_per_workspace_per_minute = 1000000
failed_auth_per_minute = 1000000
"""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = "{ " + ", ".join(f'{day} = ["08:00-18:00"]' for day in _DAYS) + " }"

_WORKSPACE = """
[[workspaces]]
id = "ws_{x}"
name = "Workspace {x}"
timezone = "America/Chicago"
rules = "rules"
identity_secret = "an identity secret of {x} that is long"
  [[workspaces.api_keys]]
  name = "all"
  key = "{key}"
  [workspaces.jwt]
  secret = "a dashboard secret of {x}, long enough"
  [[workspaces.users]]
  name = "maria"
  role = "admin"
  password = "{password}"
  [[workspaces.sites]]
  source_id = "{site}"
  origins = ["{origin}"]
  [[workspaces.widget_tokens]]
  token = "wk_{x}"
  site = "{site}"
  [workspaces.widget]
  name = "Workspace {x}"
  theme_color = "#2563EB"
  greeting = "Hi! I'm here to help. What can I assist you with today?"
  logo = "https://shop.example/logo.svg"
  [[workspaces.assistants]]
  id = "{assistant}"
  agent_id = {agent}
  name = "Sales Support Agent"
  avatar_id = 1
  avatar_name = "Professional Avatar"
  avatar_url = "https://example.com/avatar.jpg"
  voice_id = "21m00Tcm4TlvDq8ikWAM"
  [workspaces.voice]
  numbers = ["{number}"]
  [[workspaces.calendars]]
  id = "cal_{x}"
  name = "Service visits"
  hours = {hours}
  slot_minutes = 120
  lead_time_minutes = 0
"""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One workspace's ids and credentials."""

    name: str
    key: str
    site: str
    assistant: str
    agent: int
    number: str
    password: str = "a long password"
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        headers = {"authorization": f"Bearer {self.key}", "x-workspace-id": self.workspace}
        object.__setattr__(self, "headers", headers)

    @property
    def workspace(self) -> str:
        return f"ws_{self.name}"

    @property
    def widget(self) -> dict[str, str]:
        return {"authorization": f"Bearer wk_{self.name}"}

    @property
    def agent_key(self) -> dict[str, str]:
        return {"x-api-key": self.key}


A = Tenant("a", "dev_key_of_workspace_a_01", "site_abc123", "asst-123", 123, "+14165559999")
B = Tenant("b", "dev_key_of_workspace_b_02", "site_of_b", "asst_of_b", 321, "+14165550000")


def whole_config() -> str:
    """Return the text of the configuration."""
    return _HEAD + "".join(
        _WORKSPACE.format(
            x=one.name,
            key=one.key,
            password=one.password,
            site=one.site,
            origin=ORIGINS[one.name],
            assistant=one.assistant,
            agent=one.agent,
            number=one.number,
            hours=_HOURS,
        )
        for one in (A, B)
    )


@contextmanager
def beside(folder: Path, text: str = "") -> Iterator[ListeningServer]:
    """Run a server on real time in a thread of its own, for clients that block."""
    started, running = threading.Event(), []
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        config = write_config(folder, text or whole_config())
        async with listening(config, SystemClock()) as live:
            running.append(live)
            started.set()
            await done.wait()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(10), "the server did not start"
    try:
        yield running[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
