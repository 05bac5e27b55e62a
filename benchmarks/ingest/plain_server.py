"""The same uvicorn with handlers that only read the body and answer: a bare one, and in our frame.

python -m benchmarks.ingest.plain_server bare|thin PORT
"""

import asyncio
import shutil
import sys

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.servers import workspace_folder
from engine.clock import SystemClock
from server.assembly import assemble
from server.config import load_config
from server.middleware import check_head, check_transport, read_body, request_id_of, send_answer
from server.routes.track import BODY_BYTES_MAX, is_track
from server.services import Services
from server.wire.envelope import Answer

_BODY = b'{"success":true}'
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"16")],
}
_ANSWER = {"type": "http.response.body", "body": _BODY}


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body and answer."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send(_START)
    await send(_ANSWER)


class Thin:
    """Our server's frame around a handler that understands nothing: limits, request id, headers."""

    def __init__(self, services: Services) -> None:
        """Use the settings of a server."""
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body under our limits and answer in our envelope."""
        if scope["type"] != "http" or not is_track(scope):
            await bare(scope, receive, send)
            return
        services = self._services
        headers = dict(scope["headers"])
        request_id = request_id_of(headers, services.request_ids, services.clock.now_ms())
        check_head(scope, headers)
        check_transport(services.config, scope)
        await read_body(headers, receive, services.body_deadlines, BODY_BYTES_MAX)
        await send_answer(send, Answer(200, _BODY), request_id, services.plain_headers)


async def _thin() -> Thin:
    folder = workspace_folder({}, "memory:", "D0")
    config = load_config(folder / "opportune.toml", {}, {})
    parts = await assemble(config, clock=SystemClock())
    # The server ends by a signal, after which nothing would remove its folder.
    shutil.rmtree(folder)
    return Thin(parts.app.services)


def main() -> None:
    """Serve until a signal."""
    application: ASGIApp = bare if sys.argv[1] == "bare" else asyncio.run(_thin())
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=65,
    )


if __name__ == "__main__":
    main()
