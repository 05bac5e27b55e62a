"""Batches in Segment's words, as its clients send them: each event with its context, its time and a UUID.

All that repeats is written beforehand: a client that is slower than the server measures itself.
"""

import json
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import count, islice
from time import time_ns

PATH = "/v1/batch"
PAGES = 60
_LIBRARY = {"name": "@segment/analytics-node", "version": "3.1.0"}
_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
_TRACKS: tuple[tuple[str, dict[str, object]], ...] = (
    ("Product Viewed", {"product_id": "boots", "name": "Boots", "price": 40.0}),
    ("Product Added", {"product_id": "boots", "name": "Boots", "price": 40.0, "quantity": 1}),
    ("Plan Toggled", {"plan": "pro"}),
    ("Form Submitted", {"form": "quote"}),
)
_PAGE_EVERY = 4
APART_MS = 20
"""How long after the one before each event of a batch happened."""


class Batches:
    """The batches of one connection; the messages of all connections have ids of their own."""

    def __init__(self, connection: int) -> None:
        """Begin with the first message."""
        self._ids = (f"{number:08x}-0000-4000-8000-{connection:012x}" for number in count())

    def write(self, visitors: list[str], events: int, page: int) -> bytes:
        """Write a batch of `events`, spread evenly over the visitors, from a page on; every fourth is a page view.

        It is sent now, and its last event just happened.
        """
        people, sent_ms = len(visitors), time_ns() // 1_000_000
        first_ms = sent_ms - APART_MS * events
        items = [
            f'{{"messageId":"{message}","anonymousId":"{visitors[number % people]}",'
            f'"timestamp":"{_instant(first_ms + APART_MS * number)}",'
            f"{_rest(number % (_PAGE_EVERY * len(_TRACKS)), (page + number) % PAGES)}"
            for number, message in enumerate(islice(self._ids, events))
        ]
        end = f'"writeKey":"wk_bench","sentAt":"{_instant(sent_ms)}"'
        return f'{{"batch":[{",".join(items)}],{end}}}'.encode()


def _instant(at_ms: int) -> str:
    second, ms = divmod(at_ms, 1_000)
    return f"{_second(second)}.{ms:03d}Z"


@lru_cache(maxsize=8)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@cache
def _rest(turn: int, page: int) -> str:
    """Write what stands behind an event's ids."""
    path = f"/g{page % 20}/p{page // 20}"
    url = f"https://shop.example{path}"
    context = {
        "library": _LIBRARY,
        "locale": "en-US",
        "userAgent": _AGENT,
        "page": {"url": url, "path": path, "title": "A page", "referrer": ""},
    }
    item: dict[str, object] = {"context": context, "integrations": {}}
    if turn % _PAGE_EVERY == 0:
        item |= {"type": "page", "properties": {"url": url, "path": path, "title": "A page"}}
    else:
        name, properties = _TRACKS[turn // _PAGE_EVERY]
        item |= {"type": "track", "event": name, "properties": properties}
    return json.dumps(item, separators=(",", ":"))[1:]
