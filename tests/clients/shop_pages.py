"""Pages of a shop that carry a client of another tool, as the client's package holds it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.browser.pages import Pages
from tests.clients.fault_proxy import Fault

HERE = Path(__file__).parent
NODE_MODULES = HERE / "node" / "node_modules"
JAVASCRIPT = "text/javascript; charset=utf-8"


@dataclass(frozen=True, slots=True)
class BrowserClient:
    """A client for browsers: its file in its package, and our script that makes a visit with it.

    `survives` are the faults after which it tries again; one without tells all when the page goes.
    """

    bundle: str
    script: str
    options: Mapping[str, object] = field(default_factory=dict)
    before: str = ""
    survives: tuple[Fault, ...] = ("503", "429", "cut")


_SEGMENT = BrowserClient(
    "@segment/analytics-next/dist/umd/standalone.js",
    "segment.js",
    before="window.analytics = Object.assign([], {_writeKey: setup.key, _cdn: setup.address,"
    " _loadOptions: setup.options});",
)
_BATCHES = {"deliveryStrategy": {"strategy": "batching", "config": {"size": 10, "timeout": 300}}}
_RUDDER = BrowserClient(
    "@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js", "rudder.js"
)

BROWSER_CLIENTS = {
    "segment_browser": _SEGMENT,
    "segment_batches": replace(_SEGMENT, options={"integrations": {"Segment.io": _BATCHES}}),
    "rudder_browser": _RUDDER,
    "rudder_beacons": replace(_RUDDER, options={"useBeacon": True}, survives=()),
    # It takes a 429 for the end of a request, and never tells it again: one reason why we answer none.
    "posthog_browser": BrowserClient(
        "posthog-js/dist/array.js", "posthog.js", survives=("503", "cut")
    ),
}


def put_shop(pages: Pages, name: str, address: str, key: str) -> str:
    """Write the page "/tents" with a client on it, which speaks to an address; returns where the page is."""
    client = BROWSER_CLIENTS[name]
    setup = json.dumps({"address": address, "key": key, "options": client.options})
    pages.put_file("/client.js", (NODE_MODULES / client.bundle).read_bytes(), JAVASCRIPT)
    pages.put_file("/shop.js", (HERE / "browser" / client.script).read_bytes(), JAVASCRIPT)
    head = (
        f"<script>const setup = {setup}; {client.before}</script>"
        '<script src="/client.js"></script><script src="/shop.js"></script>'
    )
    return pages.put("/tents", head=head, body="<h1>Tents</h1>")
