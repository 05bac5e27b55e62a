"""A server whose workspace has calendars and telephone numbers, for the tests of both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.server.running import CONFIG, TestServer, in_process, write_config

OFFICE = """
  greeting = "Hello there"
  [workspaces.voice]
  numbers = ["+14165559999", "+14165550000"]
  hold = "10m"
  [[workspaces.calendars]]
  id = "main"
  name = "Service visits"
  hours = { mon = ["08:00-18:00"], tue = ["08:00-18:00"], wed = ["08:00-18:00"] }
  closed = ["2025-06-18"]
  [[workspaces.calendars]]
  id = "short"
  timezone = "Europe/Berlin"
  hours = { mon = ["09:00-10:00"] }
  slot_minutes = 30
  capacity = 2
"""

NOBODY = """
[[workspaces]]
id = "ws_empty"
name = "Nobody there"
  [workspaces.voice]
  numbers = ["+14165551111"]
  [[workspaces.sites]]
  source_id = "site_empty"
  origins = []
  [[workspaces.widget_tokens]]
  token = "wk_empty"
  site = "site_empty"
"""


def office_config(text: str = OFFICE) -> str:
    """Give the workspace `ws_dev` of the tests what `text` says; another one has no assistant."""
    place = '\n  greeting = "Hello there"\n'
    assert place in CONFIG
    return CONFIG.replace(place, text) + NOBODY


@asynccontextmanager
async def office(folder: Path, text: str = OFFICE) -> AsyncIterator[TestServer]:
    """Run a server with calendars and numbers."""
    async with in_process(write_config(folder, office_config(text))) as running:
        yield running
