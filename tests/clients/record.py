"""Writes down what the clients send today: python -m tests.clients.record [CLIENT…], into recorded/."""

import base64
import json
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import SWITCHES, find_chromium
from tests.browser.pages import website
from tests.clients.listening import Asked
from tests.clients.recorder import recording
from tests.clients.shop_pages import BROWSER_CLIENTS, put_shop
from tests.clients.visits import PROGRAMS, make_visit

RECORDED = Path(__file__).parent / "recorded"
HEADERS = (
    *("authorization", "content-type", "content-encoding", "anonymousid", "sentat", "user-agent"),
    *("access-control-request-method", "access-control-request-headers"),
)
QUIET_MS = 3_000
"""Longer than a client waits with what it gathers."""

_BROWSER_VISIT = """
tell.page("Tents");
tell.track("Product Viewed", {product_id: "T-2", name: "Two-person tent", price: 129.9});
tell.identify("user-1", {first_name: "Ada"});
tell.track("Product Added", {product_id: "T-2", price: 129.9, quantity: 2});
"""


def _written(asked: Asked) -> dict[str, object]:
    kept = {name: value for name in HEADERS if (value := asked.header(name))}
    line: dict[str, object] = {"method": asked.method, "target": asked.target, "headers": kept}
    try:
        return {**line, "body": asked.body.decode()}
    except UnicodeDecodeError:
        return {**line, "body_base64": base64.b64encode(asked.body).decode()}


def _keep(name: str, asked: list[Asked]) -> None:
    text = json.dumps([_written(one) for one in asked], indent=1, ensure_ascii=False)
    (RECORDED / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"{name}: {len(asked)} requests")


def _record_program(name: str) -> None:
    with recording() as recorder:
        visit = make_visit(name, recorder.address, "wk_shop", "visitor-1", "user-1")
        assert not visit.errors, visit
        _keep(name, recorder.asked)


def _record_page(name: str) -> None:
    with sync_playwright() as playwright, website() as pages, recording() as recorder:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=SWITCHES.split())
        page = browser.new_page()
        page.goto(put_shop(pages, name, recorder.address, "wk_shop") + "?utm_source=news")
        page.evaluate("tell.ready")
        page.evaluate(_BROWSER_VISIT)
        page.wait_for_timeout(QUIET_MS)
        page.evaluate('tell.track("Last Words")')
        page.close()
        time.sleep(1)
        browser.close()
        _keep(name, recorder.asked)


def main() -> None:
    """Record the clients that are named, or all of them."""
    for name in sys.argv[1:] or (*PROGRAMS, *BROWSER_CLIENTS):
        if name in PROGRAMS:
            _record_program(name)
        else:
            _record_page(name)


if __name__ == "__main__":
    main()
