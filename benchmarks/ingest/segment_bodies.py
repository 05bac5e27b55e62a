"""Batches in Segment's words, as its client for Node sends them: each event with its context and a UUID."""

import random
import uuid

PATH = "/v1/batch"
_LIBRARY = {"name": "@segment/analytics-node", "version": "3.0.0"}
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
_TRACKS: tuple[tuple[str, dict[str, object]], ...] = (
    ("Product Viewed", {"product_id": "boots", "name": "Boots", "price": 40.0}),
    ("Product Added", {"product_id": "boots", "name": "Boots", "price": 40.0, "quantity": 1}),
    ("Plan Toggled", {"plan": "pro"}),
    ("Form Submitted", {"form": "quote"}),
)


def batch(visitors: list[str], events: int, random_source: random.Random) -> dict[str, object]:
    """Write a batch of `events`, spread evenly over the visitors, every fourth one a page."""
    items = [
        _item(visitors[number % len(visitors)], number, random_source) for number in range(events)
    ]
    return {"batch": items, "writeKey": "wk_bench"}


def _item(visitor: str, number: int, random_source: random.Random) -> dict[str, object]:
    page = f"/g{random_source.randrange(20)}/p{random_source.randrange(3)}"
    url = f"https://shop.example{page}"
    item: dict[str, object] = {
        "messageId": str(uuid.UUID(int=random_source.getrandbits(128), version=4)),
        "anonymousId": visitor,
        "context": {
            "library": _LIBRARY,
            "locale": "en-US",
            "userAgent": _AGENT,
            "page": {"url": url, "path": page, "title": "A page", "referrer": ""},
        },
        "integrations": {},
    }
    if number % 4 == 0:
        return item | {"type": "page", "properties": {"url": url, "path": page, "title": "A page"}}
    name, properties = _TRACKS[number // 4 % len(_TRACKS)]
    return item | {"type": "track", "event": name, "properties": properties}
