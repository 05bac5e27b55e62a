"""What each frame of a dashboard means: who it is, what it wants to hear, a sign of life."""

from server.access.jwt_tokens import LEEWAY_S, DashboardPrincipal
from server.errors import ApiError
from server.services import Services
from server.sockets.connection import MALFORMED, UNAUTHENTICATED, Rejected
from server.sockets.feed import FeedReading
from server.sockets.topics import ALL, Wanted
from server.wire.decoding import Reader
from server.wire.server_frames import PongOut, error_out
from server.wire.sockets import PingFrame, frame_type
from server.wire.tenant import (
    READERS,
    AuthOkContent,
    AuthOkOut,
    SubscribeFrame,
    SubscribeOkContent,
    SubscribeOkOut,
    TenantAuthFrame,
    TenantFrame,
)

_auth_reader = Reader(TenantAuthFrame)


def read_auth(raw: bytes) -> TenantAuthFrame:
    """Read the first frame.

    Raises Rejected: 4401 when it brings no token, 4400 when it is malformed.
    """
    try:
        if frame_type(raw) != "auth":
            raise Rejected(UNAUTHENTICATED)
        return _auth_reader.read(raw)
    except ApiError as error:
        raise Rejected(UNAUTHENTICATED if error.field == "token" else MALFORMED) from None


def person_of(services: Services, token: str) -> DashboardPrincipal:
    """Return who a token speaks for; any failure is Rejected with 4401."""
    try:
        return services.credentials.dashboard(token, services.clock.now_ms())
    except ApiError:
        raise Rejected(UNAUTHENTICATED) from None


def ends_ms(person: DashboardPrincipal, now_ms: int) -> int:
    """Return when a socket of this token ends; one that came within the leeway has the rest of it."""
    return person.exp_ms if person.exp_ms > now_ms else person.exp_ms + LEEWAY_S * 1_000


def wanted_of(auth: TenantAuthFrame) -> Wanted:
    """Return what a dashboard wants that authenticates: everything, or what it says."""
    return Wanted(auth.topics or ALL, auth.filter)


class TenantFrames:
    """Takes the frames of one authenticated dashboard. `person` and `ends_ms` change with a new token."""

    def __init__(
        self, services: Services, person: DashboardPrincipal, reading: FeedReading
    ) -> None:
        """Serve the workspace of `person`."""
        self._services = services
        self._reading = reading
        self.person = person
        self.ends_ms = ends_ms(person, services.clock.now_ms())

    async def take(self, raw: bytes) -> TenantFrame | None:
        """Carry out one frame; returns the frame that answers it, if any.

        Raises Rejected for a frame without a type and for a token that does not prolong the socket.
        """
        try:
            kind = frame_type(raw)
        except ApiError:
            raise Rejected(MALFORMED) from None
        reader = READERS.get(kind)
        if reader is None:
            return None
        try:
            frame = reader.read(raw)
        except ApiError as error:
            if kind == "auth":
                return self._refused_auth(error)
            return error_out(error, None)
        match frame:
            case TenantAuthFrame():
                return await self._renew(frame)
            case SubscribeFrame(topics, wanted):
                self._reading.wanted = Wanted(topics, wanted)
                return SubscribeOkOut(SubscribeOkContent(topics, wanted))
            case PingFrame(ping_id):
                return PongOut(ping_id)

    def welcome(self, offset: int) -> AuthOkOut:
        """Answer an authentication; `offset` is the feed's newest."""
        person = self.person
        data = AuthOkContent(person.workspace.id, person.role, self._reading.epoch, offset)
        return AuthOkOut(data)

    async def _renew(self, frame: TenantAuthFrame) -> AuthOkOut:
        """Go on under a new token of the same person in the same workspace."""
        person = person_of(self._services, frame.token)
        known = self.person
        if (person.workspace.id, person.sub) != (known.workspace.id, known.sub):
            raise Rejected(UNAUTHENTICATED)
        self.person = person
        self.ends_ms = ends_ms(person, self._services.clock.now_ms())
        if frame.topics is not None or frame.filter is not None:
            self._reading.wanted = wanted_of(frame)
        return self.welcome(self._reading.offset)

    @staticmethod
    def _refused_auth(error: ApiError) -> TenantFrame:
        if error.field == "token":
            raise Rejected(UNAUTHENTICATED)
        return error_out(error, None)
