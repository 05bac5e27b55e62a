"""Fixtures of tests that run in a real browser: Chromium, our server, a website of another origin.

What a test may ask for (all of it is synchronous; the API is `playwright.sync_api`):

- `browser: Browser` - headless Chromium, one a test module.
- `pages: Pages` - the website (tests/browser/pages.py): `pages.put("/offer", body="<h1>Tents</h1>")` writes a
  page and returns its address; `pages.address` is its origin, `pages.foreign_address` one that no site allows.
- `backend: Backend` - `opportune serve` in a process of its own, one a test module (tests/browser/backend.py):
  workspace `ws_shop`, tokens `wk_shop` and `wk_asking` (consent required), a rule that speaks one second after
  "/offer" was opened; `backend.send(session_id, text)`, `backend.events(visitor_id, "view")` and more.
- `own_backend: Backend` - the same for one test alone: to be stopped, killed and started again.
- `snippet: Snippet` - the script tag: `pages.put("/", head=snippet())`; further attributes by their names:
  `snippet(token="wk_asking", consent="required")`.
- `page: Page` - a new visitor's page, in a context of its own; at the end the test fails on whatever the
  console said as an error or a warning, and on every uncaught exception, unless `witness.allow(r"pattern")`.
- `open_page: OpenPage` - more of them: `open_page(color_scheme="dark", viewport={...})` is a page of another
  visitor; `page.context.new_page()` is a second tab of the same one.
- `witness: Witness` - what the pages of a test said and asked: `.console`, `.exceptions`, `.started()` (the
  answer of the latest `POST .../session`: `chatSessionId`, `visitorId` and the rest), `.requests("/track")`.
- `shot: Shot` - `shot(page, "card_dark")` keeps a picture in $OPPORTUNE_SHOTS when that is set.
- `until(look)` of tests/browser/backend.py waits for what the server knows, `until(look, page=page)` for what the
  witness hears; for what a page shows use `playwright.sync_api.expect` or `page.wait_for_function`.

Without a Chromium on the PATH, or in $OPPORTUNE_TEST_CHROMIUM, these tests skip; with CI set they fail.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.backend import TOKEN, WIDGET, Backend, serving
from tests.browser.pages import Pages, website
from tests.browser.witness import Witness

CHROMIUM = "OPPORTUNE_TEST_CHROMIUM"
SHOTS = "OPPORTUNE_SHOTS"
TIMEOUT_S = 60
WAIT_MS = 8_000
_NAMES = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage"
)


class OpenPage(Protocol):
    """Opens an empty page of a new visitor; options are those of `Browser.new_context`."""

    def __call__(self, **options: object) -> Page: ...


class Snippet(Protocol):
    """Writes the script tag; further attributes are `data-…`, with `_` for `-`."""

    def __call__(self, *, widget: str = WIDGET, token: str = TOKEN, **more: str) -> str: ...


class Shot(Protocol):
    """Keeps a picture of a page under a name."""

    def __call__(self, page: Page, name: str) -> None: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of this folder the time that a browser may need on a busy machine."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


def find_chromium() -> str | None:
    """Return the browser's path, None when there is none."""
    given = os.environ.get(CHROMIUM)
    if given:
        return given
    return next(filter(None, map(shutil.which, _NAMES)), None)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Find the browser; without one skip, loudly, and with CI set fail."""
    path = find_chromium()
    if path is None:
        words = f"NO CHROMIUM FOUND: install one, or set {CHROMIUM} to its path"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return path


# One a module and not one a run: while Playwright is on, its loop counts as running in this thread,
# and no asynchronous test of another module could run its own.
@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium_path, args=SWITCHES.split(), timeout=TIMEOUT_S * 1000
        )
        yield running
        running.close()


@pytest.fixture(scope="module")
def _website() -> Iterator[Pages]:
    with website() as pages:
        yield pages


@pytest.fixture
def pages(_website: Pages) -> Iterator[Pages]:
    """The website, empty at the start of each test."""
    _website.documents.clear()
    _website.asked.clear()
    return _website


@pytest.fixture(scope="module")
def backend(_website: Pages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with serving(tmp_path_factory.mktemp("backend"), (_website.address,)) as running:
        yield running


@pytest.fixture
def own_backend(_website: Pages, tmp_path: Path) -> Iterator[Backend]:
    with serving(tmp_path, (_website.address,)) as running:
        yield running


@pytest.fixture
def snippet(request: pytest.FixtureRequest) -> Snippet:
    """The tag of the server that the test asks for: its own, when it has one."""
    own = "own_backend" in request.fixturenames
    server: Backend = request.getfixturevalue("own_backend" if own else "backend")

    def write(*, widget: str = WIDGET, token: str = TOKEN, **more: str) -> str:
        given = {"widget": widget, "token": token, **more}
        attributes = "".join(
            f' data-{name.replace("_", "-")}="{value}"' for name, value in given.items()
        )
        return f'<script async src="{server.address}/widget.js"{attributes}></script>'

    return write


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def open_page(browser: Browser, witness: Witness) -> Iterator[OpenPage]:
    contexts: list[BrowserContext] = []

    def open_one(**options: object) -> Page:
        context = browser.new_context(**options)
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        witness.follow(context)
        return context.new_page()

    yield open_one
    for context in contexts:
        # What was said last is heard before the context goes.
        for page in context.pages:
            page.evaluate("0")
        context.close()
    witness.judge()


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()


@pytest.fixture
def shot() -> Shot:
    folder = os.environ.get(SHOTS)

    def keep(page: Page, name: str) -> None:
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png")

    return keep
