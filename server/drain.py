"""The orderly end of a worker's service: nothing new, what is under way ends, sockets go one after the other."""

import asyncio
from contextlib import suppress

from server.services import Services

RESTARTING = 1012
CLOSES_PER_S_MIN = 100
"""Sockets close at least this fast: only many of them take the whole time that is theirs."""

CLOSING_SHARE, FINISHING_SHARE = 0.5, 0.7
"""Shares of the grace: for closing all sockets, and for whatever is under way to end."""

LOOK_EVERY_S = 0.02


async def drain(services: Services, grace_s: float) -> None:
    """Take no new work, give owned partitions away, and let what is under way end.

    From the first instant new requests are refused with `shutting_down` and /readyz answers 503. Returns
    when everything has ended, at the latest after `FINISHING_SHARE` of `grace_s` seconds.
    """
    services.is_stopping = True
    with suppress(TimeoutError):
        async with asyncio.timeout(grace_s * FINISHING_SHARE):
            await asyncio.gather(
                services.runtime.ownership.release(),
                _close_sockets(services, grace_s * CLOSING_SHARE),
                _finish_requests(services),
            )


async def _close_sockets(services: Services, within_s: float) -> None:
    """Tell every socket to go, spread over the time that there is, and wait until they have gone."""
    open_now = tuple(services.connections)
    pause_s = min(within_s / max(1, len(open_now)), 1 / CLOSES_PER_S_MIN)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for number, connection in enumerate(open_now):
        connection.close_soon(RESTARTING)
        # A pause is as long as the loop makes it: what is late is not waited for.
        await asyncio.sleep(max(0.0, began_s + (number + 1) * pause_s - loop.time()))
    while services.connections:  # noqa: ASYNC110  # no other moment wants to know
        await asyncio.sleep(LOOK_EVERY_S)


async def _finish_requests(services: Services) -> None:
    while services.requests_under_way:  # noqa: ASYNC110  # as above
        await asyncio.sleep(LOOK_EVERY_S)
