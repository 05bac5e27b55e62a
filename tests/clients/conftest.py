"""Fixtures of tests in which unmodified clients of other tools speak to our server.

- `backend: Backend` - `opportune serve` in a process of its own, one a module (tests/browser/backend.py): the
  write key is `TOKEN`, and a rule speaks when a visit of tests/clients has come in whole.
- `proxy: FaultProxy` - what the clients are told is the server; `proxy.faults` befall the next requests that
  bring events (tests/clients/fault_proxy.py).
- `client: str` - each client for servers in turn; `browser_client: str` - each one for browsers that tells
  while the page is there; `leaving_client: str` - each one for browsers, also one that tells when it goes.
- `pages`, `page`, `witness` and the rest of tests/browser/conftest.py.

The clients of npm need node and `npm ci --prefix tests/clients/node`; without them their tests skip, and with CI
set they fail. Browser clients need a Chromium besides.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.backend import CONFIG, Backend
from tests.browser.conftest import (
    _website,
    browser,
    chromium_path,
    open_page,
    page,
    pages,
    witness,
)
from tests.browser.pages import Pages
from tests.clients.fault_proxy import FaultProxy, failing
from tests.clients.shop_pages import BROWSER_CLIENTS, NODE_MODULES
from tests.clients.visits import PROGRAMS
from tests.faults.server import free_port

__all__ = ["_website", "browser", "chromium_path", "open_page", "page", "pages", "witness"]

TIMEOUT_S = 60
RULES = """\
site "shop" timezone "UTC"

attribute visitor.first_name: text optional

event size_guide_opened {}

pages tents = "/tents"

policy {
  first message after 1ms
}

rule keep_the_tent "Everything of the visit came in" {
  on page tents
  when seen view of tents and seen product_view and seen add_to_cart
  when visitor.first_name = "Ada"
  say "{visitor.first_name | there}, shall we keep the tent for you until tomorrow?"
    reply "Yes please" -> say "It is yours until tomorrow evening."
    reply "No thanks"  -> dismiss
}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of this folder the time that programs of their own may need on a busy machine."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


def _miss(words: str) -> None:
    """Skip, loudly; with CI set fail."""
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)


def _need_packages() -> None:
    if not NODE_MODULES.is_dir():
        _miss("NO CLIENTS OF NPM: run npm ci --prefix tests/clients/node")


@pytest.fixture(params=PROGRAMS)
def client(request: pytest.FixtureRequest) -> str:
    """Each client for servers; those of npm are there when they are installed."""
    name: str = request.param
    if PROGRAMS[name].runs == "node":
        if shutil.which("node") is None:
            _miss("NO NODE FOUND: install Node.js 20 or later")
        _need_packages()
    return name


@pytest.fixture(params=[name for name, one in BROWSER_CLIENTS.items() if one.survives])
def browser_client(request: pytest.FixtureRequest) -> str:
    """Each client for browsers that tells while the page is there, when its package is installed."""
    _need_packages()
    name: str = request.param
    return name


@pytest.fixture(params=BROWSER_CLIENTS)
def leaving_client(request: pytest.FixtureRequest) -> str:
    """Each client for browsers, also one that tells when the page goes."""
    _need_packages()
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def _standing() -> Iterator[FaultProxy]:
    with failing(free_port()) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def backend(
    _website: Pages, _standing: FaultProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    folder = tmp_path_factory.mktemp("backend")
    (folder / "rules").mkdir()
    (folder / "rules" / "main.rules").write_text(RULES, encoding="utf-8")
    config = CONFIG.replace("PAGES", _website.address)
    # What the server says of its own address is the proxy's.
    config = config.replace("[server]", f'[server]\npublic_url = "{_standing.address}"')
    (folder / "opportune.toml").write_text(config, encoding="utf-8")
    running = Backend(folder, _standing.upstream)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def proxy(backend: Backend, _standing: FaultProxy) -> FaultProxy:
    _standing.clear()
    return _standing
