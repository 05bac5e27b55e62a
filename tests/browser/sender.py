"""Stands between a page and its socket: tells the page what the server did not, and refuses what the page sends."""

import json
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

SINCE = "2026-01-01T00:00:00Z"


class Sender:
    """Sends a page frames of its socket, in the place of the server. `heard` are the page's own frames."""

    def __init__(self, page: Page) -> None:
        self.sockets: list[WebSocketRoute] = []
        self.offset = 1_000
        self.epoch = ""
        self.heard: list[dict[str, Any]] = []
        self._refusals: list[tuple[str, str]] = []
        page.route_web_socket(lambda _: True, self._route)

    def message(self, **fields: object) -> None:
        """Send a message frame."""
        known = {"type": "message", "from": "assistant", "kind": "chat", "status": "sent"}
        self._send({**known, "id": f"msg_{self.offset}", "outcome": None, **fields})

    def event(self, name: str, **content: object) -> None:
        """Send an event frame."""
        self._send({"type": "event", "event": name, "data": content})

    def refuse_next(self, kind: str, reason: str) -> None:
        """Answer the page's next frame of a kind by a refusal, and keep it from the server."""
        self._refusals.append((kind, reason))

    def _send(self, frame: dict[str, object]) -> None:
        self.offset += 1
        place = {"timestamp": SINCE, "offset": self.offset, "epoch": self.epoch}
        self.sockets[-1].send(json.dumps({**frame, **place}))

    def _route(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        self.sockets.append(socket)

        def pass_on(text: str | bytes) -> None:
            self.epoch = json.loads(text).get("epoch", self.epoch)
            socket.send(text)

        def hear(text: str | bytes) -> None:
            frame = json.loads(text)
            self.heard.append(frame)
            if self._refusals and self._refusals[0][0] == frame["type"]:
                self._refuse(socket, frame)
            else:
                server.send(text)

        server.on_message(pass_on)
        socket.on_message(hear)

    def _refuse(self, socket: WebSocketRoute, frame: dict[str, Any]) -> None:
        _, reason = self._refusals.pop(0)
        told = {"type": "error", "code": "CONFLICT", "message": "No", "details": {"reason": reason}}
        socket.send(json.dumps({**told, "ref": frame["client_id"]}))
