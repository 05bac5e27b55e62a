"""Our widget, served by `opportune serve`, on a page of another origin."""

import http.client
import json
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.outcome import Outcome
from benchmarks.scratch import scratch_folder
from benchmarks.widget.browsing import TEXT, Course, chromium, require, visit
from benchmarks.widget.workload import Workload
from tests.browser.backend import KEY, TOKEN, WIDGET, serving
from tests.browser.pages import website

LABEL = "Opportune, the card"

_ROOT = Path(__file__).parents[2]
_READY = "() => window.ready !== undefined"
_LISTEN = "document.addEventListener('opportune:ready', (e) => { window.ready = e.detail; });"
_REPLIES = [{"text": "Yes", "action": "say"}, {"text": "No", "action": "dismiss"}]


def prepare(workload: Workload) -> Workload:
    """Look for a browser."""
    require()
    return workload


def run(prepared: Workload) -> Outcome:
    """Let the visitors come one after the other."""
    course, began_s = Course(), time.perf_counter()
    with ExitStack() as stack:
        pages = stack.enter_context(website())
        backend = stack.enter_context(serving(scratch_folder(), (pages.address,)))
        browser = stack.enter_context(chromium())
        caller = Caller(backend.port)
        stack.callback(caller.close)
        tag = (
            f'<script>{_LISTEN}</script><script async src="{backend.address}/widget.js"'
            f' data-widget="{WIDGET}" data-token="{TOKEN}"></script>'
        )
        bare = pages.put("/bare", body="<h1>Tents</h1>")
        addresses = (bare, pages.put("/", body="<h1>Tents</h1>" + tag))

        def send(page: Page) -> None:
            caller.send(page.evaluate("window.ready.sessionId"))

        for _ in range(prepared.visits):
            visit(browser, course, addresses, _READY, send)
    return course.outcome(time.perf_counter() - began_s, _sizes())


class Caller:
    """A server of the site, which keeps its connection open."""

    def __init__(self, port: int) -> None:
        """Connect at the first call."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def send(self, session_id: str) -> None:
        """Send the message to a session."""
        body = {"session_id": session_id, "message": TEXT, "quick_replies": _REPLIES}
        headers = {
            "authorization": f"Bearer {KEY}",
            "x-workspace-id": WIDGET,
            "content-type": "application/json",
        }
        path = "/v1/outbound/live-chat/message"
        self._connection.request("POST", path, json.dumps(body), headers)
        answer = self._connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _sizes() -> dict[str, float]:
    """Weigh the script as it is served, and tracker and transport alone where Node can build them."""
    built = _ROOT / "server" / "static" / "widget.js"
    sizes = {
        "all_gz": float(built.with_suffix(".js.gz").stat().st_size),
        "all_br": float(built.with_suffix(".js.br").stat().st_size),
    }
    measured = subprocess.run(
        ("node", "build.mjs", "--sizes"),
        cwd=_ROOT / "web",
        capture_output=True,
        text=True,
        check=False,
    )
    for line in measured.stdout.splitlines():
        name, _, size = line.partition(" ")
        if name == "measuring.js":
            sizes["measuring_gz"] = float(size)
    return sizes
