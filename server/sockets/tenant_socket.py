"""The tenant socket: one dashboard's client, from its authentication to its close (API.md 9.2)."""

import asyncio
from contextlib import suppress

from starlette.types import Receive, Scope, Send

from server.access.jwt_tokens import DashboardPrincipal
from server.services import Services
from server.sockets.connection import UNAUTHENTICATED, Connection, Rejected
from server.sockets.feed import FeedReading
from server.sockets.tenant_frames import TenantFrames, person_of, read_auth, wanted_of
from server.wire.tenant import TenantAuthFrame, TenantFrame

SEND_WAIT_S = 30.0
"""A dashboard may pause, as tabs in the background do, while no more than 256 KB wait for it."""


class TenantSocket:
    """One dashboard's socket. It hears its own workspace and nothing else."""

    def __init__(self, services: Services, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one upgrade request."""
        self._services = services
        self._connection = Connection(services, scope, receive, send)
        self._frames: TenantFrames | None = None
        self._is_renewed = asyncio.Event()

    @property
    def principal(self) -> DashboardPrincipal:
        """Return who has it open."""
        assert self._frames is not None, "only an authenticated socket is listed"
        return self._frames.person

    async def serve(self) -> None:
        """Run the socket from upgrade to close."""
        await self._connection.serve(self._converse)

    def close_soon(self, code: int) -> None:
        """Close with a code as soon as the loop comes to it; a second call changes nothing."""
        self._connection.close_soon(code)

    async def _converse(self) -> int:
        """Authenticate, then serve frames both ways; returns the close code."""
        auth = read_auth(await self._connection.first_frame())
        try:
            person = person_of(self._services, auth.token)
        except Rejected:
            raise await self._connection.refused_credential() from None
        reading = FeedReading(
            self._services.feed, person.workspace.id, self._write, self._connection.close_soon
        )
        self._frames = TenantFrames(self._services, person, reading)
        self._services.tenant_sockets.add(self)
        try:
            return await self._open(auth, self._frames, reading)
        finally:
            self._services.tenant_sockets.remove(self)
            reading.end()

    async def _open(self, auth: TenantAuthFrame, frames: TenantFrames, reading: FeedReading) -> int:
        reading.wanted = wanted_of(auth)
        newest = await reading.begin(auth.resume)
        await self._write(frames.welcome(newest))
        return await self._connection.until_first_ends(
            self._read(frames), reading.run(), self._expire(frames)
        )

    async def _read(self, frames: TenantFrames) -> None:
        while True:
            raw = await self._connection.frame()
            self._check_time()
            answer = await frames.take(raw)
            self._is_renewed.set()
            if answer is not None:
                await self._write(answer)

    async def _expire(self, frames: TenantFrames) -> None:
        """End the socket when its token does; a new token moves that instant."""
        while True:
            self._check_time()
            left_s = (frames.ends_ms - self._services.clock.now_ms()) / 1_000
            self._is_renewed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.001, left_s)):
                    await self._is_renewed.wait()

    async def _write(self, frame: TenantFrame) -> None:
        """Send one frame, unless the token has expired meanwhile."""
        self._check_time()
        await self._connection.write(frame, SEND_WAIT_S)

    def _check_time(self) -> None:
        assert self._frames is not None, "who is not authenticated is sent nothing"
        if self._services.clock.now_ms() >= self._frames.ends_ms:
            raise Rejected(UNAUTHENTICATED)
