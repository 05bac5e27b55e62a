"""Stands in for every server that the clients speak to: says yes to all, and keeps what was asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.clients.listening import Answered, Asked, listening

_CONFIG = {"supportedCompression": ["gzip-js"], "sessionRecording": False}
_CONFIG_JS = (
    "((keys) => Object.assign(window, {_POSTHOG_REMOTE_CONFIG: {wk_shop: {config: keys}}}))"
    f"({json.dumps(_CONFIG)});"
)
_ANSWERS: dict[str, object] = {
    "/sourceConfig": {
        "source": {
            "id": "site_shop",
            "name": "site_shop",
            "writeKey": "wk_shop",
            "enabled": True,
            "config": {},
            "destinations": [],
            "dataplanes": {},
        },
        "updatedAt": "2026-01-01T00:00:00.000Z",
    },
    "/flags": {"flags": {}, "errorsWhileComputingFlags": False, "requestId": "req_1"},
    "/config": _CONFIG,
}
_YES = {"success": True, "status": 1}


@dataclass(slots=True)
class Recorder:
    """What was asked, in the order in which it arrived."""

    address: str = ""
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Answered:
        """Keep a request and say yes to it."""
        headers = (
            ("Content-Type", "application/json"),
            ("Access-Control-Allow-Origin", asked.header("Origin") or "*"),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Allow-Headers", asked.header("Access-Control-Request-Headers")),
        )
        self.asked.append(asked)
        if asked.method == "OPTIONS":
            return Answered(204, headers=headers)
        ends = asked.path.rstrip("/")
        if ends.endswith("/config.js"):
            script = (("Content-Type", "text/javascript"), *headers[1:])
            return Answered(200, _CONFIG_JS.encode(), script)
        if ends.endswith("/settings"):
            return Answered(200, json.dumps(_settings(asked)).encode(), headers)
        said = next((answer for end, answer in _ANSWERS.items() if ends.endswith(end)), _YES)
        return Answered(200, json.dumps(said).encode(), headers)


def _settings(asked: Asked) -> object:
    place = {"apiHost": f"{asked.header('Host')}/v1", "protocol": "http", "apiKey": "wk_shop"}
    return {"integrations": {"Segment.io": place}, "plan": {}, "edgeFunction": {}}


@contextmanager
def recording() -> Iterator[Recorder]:
    """Keep what is asked of `address`."""
    recorder = Recorder()
    with listening(recorder.answer) as port:
        recorder.address = f"http://127.0.0.1:{port}"
        yield recorder
