"""A headless Chromium, and what is measured in it."""

import math
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.outcome import Missing, Outcome, digest
from tests.browser.conftest import SWITCHES, find_chromium

WAIT_MS = 15_000
CALM_MS = 1_300
"""What a page is left alone once it is ready: longer than the second before a first message."""

TEXT = "May I help you?"
# The first frame in which the message has a height, on the clock that the caller reads too.
_VISIBLE = """
(selector) => new Promise((resolve) => {
  const look = () => {
    const host = document.querySelector("opportune-chat");
    const shown = (host ? host.shadowRoot : document).querySelector(selector);
    if (shown && shown.getBoundingClientRect().height > 0) resolve(performance.timeOrigin + performance.now());
    else requestAnimationFrame(look);
  };
  look();
})
"""
_WORK = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


@dataclass(slots=True)
class Course:
    """What a repetition saw, visit by visit."""

    visible_ms: list[float] = field(default_factory=list)
    load_ms: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)

    def outcome(self, seconds: float, sizes: dict[str, float]) -> Outcome:
        """Report the middle of it."""
        ordered = sorted(self.visible_ms)
        values = {
            "visible_ms": statistics.median(ordered),
            "visible_p95_ms": ordered[math.ceil(0.95 * len(ordered)) - 1],
            "load_ms": statistics.median(self.load_ms),
            "requests": statistics.median(self.requests),
        }
        seen = {"messages": digest([TEXT] * len(ordered))}
        return Outcome(len(ordered), seconds, seen, values | sizes)


def require() -> str:
    """Return the browser's path.

    Raises:
        Missing: there is none.
    """
    path = find_chromium()
    if path is None or shutil.which(path) is None:
        raise Missing("no Chromium is installed")
    return path


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=require(), args=SWITCHES.split())
        try:
            yield running
        finally:
            running.close()


Send = Callable[[Page], None]
"""Sends the message to the visitor of a page."""


def visit(
    browser: Browser, course: Course, addresses: Sequence[str], is_ready: str, send: Send
) -> None:
    """Load a page, without its script and with it, send a message, and note when it is visible.

    Args:
        addresses: of the page without a script, and of the page with it.
        is_ready: a function of JavaScript that is true once a message can come.
    """
    bare, whole = addresses
    context = browser.new_context()
    try:
        plain_ms = _work_of(context.new_page(), bare, "() => true")
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        course.load_ms.append(_work_of(page, whole, is_ready) - plain_ms)
        course.requests.append(len(asked) - 1)
        # `void`: what is evaluated is not waited for.
        page.evaluate(f"void (window.seen = ({_VISIBLE})('[data-measured], [part~=card]'))")
        began_ms = time.time() * 1_000
        send(page)
        course.visible_ms.append(page.evaluate("window.seen") - began_ms)
    finally:
        context.close()


def _work_of(page: Page, address: str, is_ready: str) -> float:
    """Load a page and return the milliseconds that its main thread worked until it was ready."""
    profiler = page.context.new_cdp_session(page)
    profiler.send("Performance.enable")
    page.goto(address)
    page.wait_for_function(is_ready, timeout=WAIT_MS)
    page.wait_for_timeout(CALM_MS)
    metrics: dict[str, float] = {
        one["name"]: one["value"] for one in profiler.send("Performance.getMetrics")["metrics"]
    }
    return sum(metrics[name] for name in _WORK) * 1_000
