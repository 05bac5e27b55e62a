"""What a request of a client says, read without our server's code: the ids of the events it brings."""

import base64
import gzip
import json
from urllib.parse import parse_qs

from tests.clients.listening import Asked

GZIP = b"\x1f\x8b"
NOT_KEPT = ("$feature_flag_called",)
"""What a client says of itself, not of its visitor; our server drops it."""


def event_ids(asked: Asked) -> list[str]:
    """Return the clients' own ids of a request's events, in their order, but for those nobody keeps."""
    kept = (one for one in _items(asked) if one.get("event") not in NOT_KEPT)
    return [one.get("messageId") or one["uuid"] for one in kept]


def _items(asked: Asked) -> list[dict]:
    body = asked.body
    if body.startswith(GZIP):
        body = gzip.decompress(body)
    if body.startswith(b"data="):
        body = base64.b64decode(parse_qs(body.decode())["data"][0])
    said = json.loads(body)
    if isinstance(said, list):
        return said
    return said.get("batch", [said])
