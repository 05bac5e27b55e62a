"""The least that can show a message: a socket, and a script that writes what it says."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from playwright.sync_api import Page
from websockets.sync.server import Server, ServerConnection, serve

from benchmarks.outcome import Outcome
from benchmarks.widget.browsing import TEXT, Course, chromium, require, visit
from benchmarks.widget.workload import Workload
from tests.browser.pages import website

LABEL = "a bare socket and a div"

_SCRIPT = """
const socket = new WebSocket("ws://127.0.0.1:%d");
socket.onopen = () => { window.ready = true; };
socket.onmessage = ({ data }) => {
  const shown = document.createElement("div");
  shown.dataset.measured = "";
  shown.textContent = data;
  document.body.append(shown);
};
"""


def prepare(workload: Workload) -> Workload:
    """Look for a browser."""
    require()
    return workload


def run(prepared: Workload) -> Outcome:
    """Let the visitors come one after the other."""
    course, began_s = Course(), time.perf_counter()
    with website() as pages, _sockets() as (port, sockets), chromium() as browser:
        script = f"<script>{_SCRIPT % port}</script>"
        addresses = (
            pages.put("/bare", body="<h1>Tents</h1>"),
            pages.put("/", body="<h1>Tents</h1>" + script),
        )

        def send(_: Page) -> None:
            sockets.get().send(TEXT)

        for _ in range(prepared.visits):
            visit(browser, course, addresses, "() => window.ready", send)
    return course.outcome(time.perf_counter() - began_s, {})


@contextmanager
def _sockets() -> Iterator[tuple[int, "SimpleQueue[ServerConnection]"]]:
    """Serve sockets in a thread; yields the port, and where each open one is put."""
    opened: SimpleQueue[ServerConnection] = SimpleQueue()

    def keep(connection: ServerConnection) -> None:
        opened.put(connection)
        for _ in connection:
            pass

    server: Server = serve(keep, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.socket.getsockname()[1], opened
    finally:
        server.shutdown()
        thread.join(5)
