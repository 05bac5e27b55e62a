"""A scripted visit with a stopwatch in the page: what the server has stored and what rules see agree with it.

The visit takes 8 s; OPPORTUNE_VISIT_S=300 makes it one of five minutes, and its figures are printed with `-s`.
"""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest
from playwright.sync_api import Page

from tests.browser.backend import Backend, until
from tests.browser.conftest import Snippet
from tests.browser.pages import Pages
from tests.browser.witness import Witness

VISIT_S = float(os.environ.get("OPPORTUNE_VISIT_S", "8"))
APART_MS_MAX = 250
APART_PERCENT_MAX = 1
PATIENT_MS = 3_600_000

pytestmark = pytest.mark.timeout(60 + 2 * VISIT_S)

# Rules that never speak here: the instant at which they would tells how long they think the visit was.
RULES = """\
site "shop" timezone "UTC"

rule patient_site "An hour on the site" {
  on any page
  when time_on_site >= 1h
  say "You are still here."
}

rule patient_page "An hour on the page" {
  on any page
  when time_on_page >= 1h
  say "You are still on this page."
}
"""

# Nothing of the widget's: the monotonic clock while the document is visible, and the deepest edge that was seen.
STOPWATCH = """
const laps = JSON.parse(sessionStorage.getItem("laps") ?? "[]");
let seenMs, sinceMs, percent, url;
function look() {
  const root = document.documentElement;
  percent = Math.max(percent, (100 * (scrollY + innerHeight)) / root.scrollHeight);
}
const nowMs = () => seenMs + (sinceMs === null ? 0 : performance.now() - sinceMs);
function begin() {
  seenMs = 0;
  sinceMs = document.hidden ? null : performance.now();
  percent = 0;
  url = location.href;
}
function end() {
  look();
  laps.push({ url, ms: nowMs(), percent: Math.min(100, percent) });
  sessionStorage.setItem("laps", JSON.stringify(laps));
}
function turn() {
  seenMs = nowMs();
  sinceMs = document.hidden ? null : performance.now();
}
function go(address) {
  end();
  history.pushState({}, "", address);
  begin();
}
function siteMs() {
  return laps.reduce((sum, lap) => sum + lap.ms, nowMs());
}
begin();
document.addEventListener("visibilitychange", turn, true);
document.addEventListener("scroll", look, true);
addEventListener("pagehide", end, true);
"""


class Lap(NamedTuple):
    """One page of the visit, as the stopwatch or as the server has it."""

    url: str
    ms: float
    percent: float


@pytest.fixture
def patient(own_backend: Backend) -> Backend:
    """The server with rules that only measure."""
    own_backend.stop()
    (own_backend.folder / "rules" / "main.rules").write_text(RULES, encoding="utf-8")
    own_backend.start()
    return own_backend


def _hide(page: Page, *, hidden: bool = True) -> None:
    """Say that the tab was hidden or shown; a headless browser never does by itself."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", {value: hidden, configurable: true})
          document.dispatchEvent(new Event("visibilitychange"))
        }""",
        hidden,
    )


def _visit(page: Page, wait: Callable[[float], None]) -> None:
    """Read, scroll, look away and go on, by links and within a page; shares of `wait` add up to 1."""
    for top in (200, 700, 1_900):
        wait(0.04)
        page.evaluate("top => scrollTo(0, top)", top)
    wait(0.05)
    _hide(page)
    wait(0.12)
    _hide(page, hidden=False)
    page.mouse.move(200, 200)
    wait(0.06)
    page.evaluate("go('/visit/guide')")
    wait(0.03)
    page.evaluate("scrollTo(0, 1200); scrollTo(0, 300)")
    wait(0.05)
    page.click("a")
    wait(0.22)
    page.evaluate("scrollTo(0, 99999)")
    wait(0.02)
    _hide(page)
    page.evaluate("go('/visit/hidden')")
    wait(0.1)
    _hide(page, hidden=False)
    page.keyboard.press("a")
    wait(0.06)
    page.click("a")
    wait(0.1)
    page.reload()
    wait(0.07)


def _told(backend: Backend, visitor: str) -> list[Lap]:
    return [
        Lap(
            event["page"]["url"],
            event["properties"]["dwell_ms"],
            event["properties"]["scroll_percent"],
        )
        for event in backend.events(visitor, "page_leave")
    ]


def _seen_by_rules_ms(backend: Backend, session: str, now_ms: float) -> dict[str, float]:
    """Return what the rules count at an instant, by the names of the rules."""
    records: list[dict[str, Any]] = list(
        backend.call("GET", f"/v1/live-chat/sessions/{session}/why")
    )
    return {
        record["rule"]: PATIENT_MS - (record["earliest_ms"] - now_ms)
        for record in records
        if record["rule"].startswith("patient")
    }


def test_visible_time_and_scroll_of_a_visit_agree_with_a_stopwatch_in_the_page(
    page: Page, pages: Pages, patient: Backend, snippet: Snippet, witness: Witness
) -> None:
    page.set_viewport_size({"width": 800, "height": 500})
    head = f"<style>body{{margin:0}}</style><script>{STOPWATCH}</script>" + snippet()
    for name, height, other in (("tents", 5_000, "stoves"), ("stoves", 3_000, "tents")):
        tall = f'<a href="/visit/{other}">{other}</a><div style="height:{height}px">words</div>'
        pages.put(f"/visit/{name}", head=head, body=tall)
    page.goto(pages.address + "/visit/tents")
    until(lambda: witness.sessions, page=page)
    visitor, session = witness.started()["visitorId"], witness.started()["chatSessionId"]
    _visit(page, lambda share: page.wait_for_timeout(share * VISIT_S * 1_000))

    until(lambda: len(patient.events(visitor, "view")) == 6, page=page)
    now_ms, site_ms, page_ms = page.evaluate("[Date.now(), siteMs(), nowMs()]")
    by_rules = _seen_by_rules_ms(patient, session, now_ms)
    page.goto(pages.put("/visit/end"))
    laps = [Lap(**lap) for lap in page.evaluate("JSON.parse(sessionStorage.laps)")]
    told = until(lambda: found if len(found := _told(patient, visitor)) == len(laps) else [])

    figures = {
        "pages": [
            {"url": lap.url, "ms": seen.ms - lap.ms, "percent": seen.percent - lap.percent}
            for lap, seen in zip(laps, told, strict=True)
        ],
        "all_ms": sum(seen.ms for seen in told) - sum(lap.ms for lap in laps),
        "rules_site_ms": by_rules["patient_site"] - site_ms,
        "rules_page_ms": by_rules["patient_page"] - page_ms,
    }
    print(f"\nvisit of {site_ms / 1_000:.1f} s seen:", msgspec.json.encode(figures).decode())
    assert [seen.url for seen in told] == [lap.url for lap in laps]
    for lap, seen in zip(laps, told, strict=True):
        assert abs(seen.ms - lap.ms) <= APART_MS_MAX, (lap, seen)
        assert abs(seen.percent - lap.percent) <= APART_PERCENT_MAX, (lap, seen)
    assert abs(figures["rules_site_ms"]) <= APART_MS_MAX
    assert abs(figures["rules_page_ms"]) <= APART_MS_MAX
