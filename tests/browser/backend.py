"""A real `opportune serve` beside a browser, and what tests ask it over the platform's API."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx2
import msgspec
from playwright.sync_api import Page

from engine.clock import Stopwatch
from tests.faults.server import free_port

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 15.0
WAIT_S = 8.0
KEY = "dev_key_0123456789abcdef"
WIDGET = "ws_shop"
TOKEN = "wk_shop"
ASKING_TOKEN = "wk_asking"
"""Of a site that measures nothing before consent."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = "{ " + ", ".join(f'{day} = ["00:00-24:00"]' for day in _DAYS) + " }"

CONFIG = f"""\
[server]
host = "127.0.0.1"
secret = "a secret of tests that is long enough"
[store]
url = "sqlite:///shop.db"
[limits]
key_per_minute = 1000000
workspace_per_hour = 1000000
chat_per_session_per_minute = 1000000
chat_per_address_per_minute = 1000000
chat_per_workspace_per_minute = 1000000
failed_auth_per_minute = 1000000

[[workspaces]]
id = "{WIDGET}"
name = "Fernwood Outfitters"
timezone = "UTC"
rules = "rules"
identity_secret = "an identity secret that is long enough"
  [[workspaces.api_keys]]
  name = "all"
  key = "{KEY}"
  [[workspaces.sites]]
  source_id = "site_shop"
  origins = ["PAGES"]
  [[workspaces.sites]]
  source_id = "site_asking"
  origins = ["PAGES"]
  consent = "required"
  [[workspaces.widget_tokens]]
  token = "{TOKEN}"
  site = "site_shop"
  [[workspaces.widget_tokens]]
  token = "{ASKING_TOKEN}"
  site = "site_asking"
  [workspaces.widget]
  name = "Fernwood Outfitters"
  theme_color = "#0F766E"
  greeting = "Hi! What can we help you with?"
  [[workspaces.assistants]]
  id = "asst_shop"
  name = "Robin"
  fallback = "I don't know that yet. Shall I connect you with a person?"
  [[workspaces.calendars]]
  id = "fittings"
  name = "Fittings"
  hours = {_HOURS}
  slot_minutes = 120
  [workspaces.voice]
  numbers = ["+14165559999"]
"""

RULES = """\
site "shop" timezone "UTC"

attribute visitor.first_name: text optional
attribute cart.total: money optional

event cart_add {
  product: text
  price: number
}

pages offer = "/offer", "/offer/**"

policy {
  first message after 1s
  at most 50 per session
  at most 500 per 7d
  wait 1s after dismiss
  wait 1s after message
  wait 1s after chat
}

rule offer_help "Help with the offer" {
  on page offer
  when time_on_page >= 1s
  say "Hi {visitor.first_name | there}! Can I help you with the offer?"
    reply "Is it in stock?" -> say "Yes: it leaves today when you order before four."
    reply "Book a fitting"  -> schedule
    reply "No thanks"       -> dismiss
}

answer delivery "How long is the delivery?" {
  asked "delivery time", "when does it arrive", "how long is the delivery"
  say "Most parcels arrive within two days."
    reply "Call me"       -> call
    reply "See the guide" -> open "/guide"
}
"""


@dataclass(slots=True)
class Backend:
    """A server of its own process on a port that stays its own over a restart."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Return the server's origin, which is its `public_url` too."""
        return f"http://127.0.0.1:{self.port}"

    # ---- its life

    def start(self) -> None:
        """Start it, and wait until it serves."""
        said = self.folder / "said.txt"
        with said.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server.cli.main", "serve", "--port", str(self.port)],
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        watch = Stopwatch()
        while "Stop: Ctrl-C" not in said.read_text(encoding="utf-8"):
            assert self.process.poll() is None, said.read_text(encoding="utf-8")
            assert watch.elapsed_ms() < DEADLINE_S * 1000, said.read_text(encoding="utf-8")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in order, or do nothing when it does not run."""
        if self.process is not None:
            self.process.terminate()
            self._gone()

    def kill(self) -> None:
        """End it at once, as a fault would."""
        assert self.process is not None, "only what runs can be killed"
        self.process.kill()
        self._gone()

    def _gone(self) -> None:
        assert self.process is not None, "asked of a process that was started"
        self.process.wait(timeout=DEADLINE_S)
        self.process = None

    # ---- what it is asked, with the workspace's key

    def call(self, method: str, path: str, body: object = None) -> dict:
        """Make a request of the platform's API; returns `data`, or the list of a page."""
        answered = self._request(method, path, body)
        assert answered.status_code == 200, f"{method} {path}: {answered.text}"
        return answered.json()["data"]

    def send(self, session_id: str, message: str, **more: object) -> str:
        """Send a proactive message; returns its id. `options` may hold `display`, `expires_in` and more."""
        body = {"session_id": session_id, "message": message, **more}
        return self.call("POST", "/v1/outbound/live-chat/message", body)["message_id"]

    def progress(self, message_id: str) -> dict:
        """Return what became of a proactive message."""
        return self.call("GET", f"/v1/outbound/live-chat/message/{message_id}")

    def say(self, session_id: str, text: str, **more: object) -> dict:
        """Say something in a session, as a person of the company by default."""
        body = {"text": text, **more}
        return self.call("POST", f"/v1/live-chat/sessions/{session_id}/messages", body)

    def messages(self, session_id: str) -> list[dict]:
        """Return the messages of a session, oldest first."""
        rows = self.call("GET", f"/v1/live-chat/sessions/{session_id}/messages?limit=100")
        return list(rows)

    def session(self, session_id: str) -> dict:
        """Return a session as the platform's API shows it."""
        return self.call("GET", f"/v1/live-chat/sessions/{session_id}")

    def visitors(self) -> list[dict]:
        """Return the workspace's visitors."""
        return list(self.call("GET", "/v1/visitors?limit=100"))

    def events(self, visitor_id: str, *names: str) -> list[dict]:
        """Return a visitor's stored events in their order; of some names only, when any are given.

        Names are the engine's: a `page_view` is stored as `view`.
        """
        return [
            line
            for line in self.export(visitor_id)
            if line.get("kind") == "event" and (not names or line["name"] in names)
        ]

    def export(self, visitor_id: str) -> list[dict]:
        """Return every line of all that is stored of a visitor; nothing for one who is not known."""
        answered = self._request("GET", f"/v1/visitors/{visitor_id}/export", None)
        if answered.status_code == 404:
            return []
        assert answered.status_code == 200, answered.text
        return [msgspec.json.decode(line) for line in answered.content.splitlines()]

    def _request(self, method: str, path: str, body: object) -> httpx2.Response:
        headers = {"authorization": f"Bearer {KEY}", "x-workspace-id": WIDGET}
        content = None if body is None else msgspec.json.encode(body)
        if content is not None:
            headers["content-type"] = "application/json"
        return httpx2.request(method, self.address + path, content=content, headers=headers)


@contextmanager
def serving(folder: Path, origins: tuple[str, ...], config: str = CONFIG) -> Iterator[Backend]:
    """Run a server in a folder; `PAGES` in the configuration becomes the origins of its sites."""
    (folder / "rules").mkdir()
    (folder / "rules" / "main.rules").write_text(RULES, encoding="utf-8")
    text = config.replace('"PAGES"', ", ".join(f'"{origin}"' for origin in origins))
    (folder / "opportune.toml").write_text(text, encoding="utf-8")
    backend = Backend(folder, free_port())
    try:
        backend.start()
        yield backend
    finally:
        backend.stop()


def until(look: Callable[[], T], *, page: Page | None = None, within_s: float = WAIT_S) -> T:
    """Look again and again until what is seen is true, and return it.

    `page` is needed to look at what a page tells by events, as a witness hears it: they are heard only
    while Playwright waits.
    """
    watch = Stopwatch()
    while not (seen := look()):
        assert watch.elapsed_ms() < within_s * 1000, f"still {seen!r} after {within_s:g} s"
        if page is None:
            time.sleep(0.05)
        else:
            page.wait_for_timeout(50)
    return seen
