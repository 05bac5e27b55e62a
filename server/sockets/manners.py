"""What a socket's client may say and have kept: consent, the chat budget, room, a place at the assistant."""

from collections.abc import Mapping

from starlette.types import Scope

from engine.conversations.places import Seat
from engine.events import Event
from engine.limits import MESSAGES_MAX
from engine.runtime_types import ClientContext, SessionView
from server.access.client_address import client_address
from server.errors import ApiError
from server.ingest.client import client_of
from server.ingest.consent import is_guarded, kept_of, may_talk, says_granted
from server.services import Services
from server.wire.widgets import ContextBody
from server.workspace_settings import Site, Workspace


class Manners:
    """The manners of one client of a session's socket."""

    def __init__(self, services: Services, view: SessionView, scope: Scope) -> None:
        """Judge the client of an upgrade request."""
        self._services = services
        self._ref = view.ref
        self._assistant = view.assistant
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self._headers = headers
        self._address = client_address(scope, headers, services.config)
        workspace = services.config.workspace(view.ref.workspace)
        site = None if workspace is None else workspace.site(view.source)
        assert workspace is not None, "an admitted session's workspace is configured"
        assert site is not None, "an admitted session's site is configured"
        self._workspace: Workspace = workspace
        self._site: Site = site
        self.client: ClientContext = client_of(services.config.privacy, headers, None)

    def meet(self, context: ContextBody | None) -> None:
        """Learn what the client says of its browser."""
        self.client = client_of(self._services.config.privacy, self._headers, context)

    async def kept(self, events: list[Event]) -> list[Event]:
        """Return the events that may be kept: none of a guarded visitor who has not granted consent."""
        if not is_guarded(self._site, self.client) or says_granted(self.client, events):
            return events
        return kept_of(events, await self._consent())

    async def check_words(self, offset: int) -> None:
        """Count words of the visitor, whose session has come to `offset`.

        Raises ApiError: no_consent, too_many, chat_*.
        """
        if not may_talk(self._site, self.client, await self._consent()):
            raise ApiError("no_consent")
        if offset >= MESSAGES_MAX:
            words = f"This session has had its {MESSAGES_MAX:,} messages; begin another session"
            raise ApiError("too_many", words)
        limits, session = self._services.rate_limits, self._ref.session
        await limits.chat_budget(self._workspace, session, self._address)

    async def seat(self) -> Seat:
        """Ask for a place at the session's assistant, where places are limited."""
        primary = self._workspace.primary_assistant
        assistant = self._assistant or (primary.id if primary else "")
        return await self._services.desk.enter(self._ref, assistant)

    async def queue(self, seat: Seat) -> None:
        """Let a conversation wait that began with the words just said, when there was no place."""
        if seat.queued:
            wait_s = seat.estimated_wait_s
            await self._services.runtime.seat(self._ref, queued=True, estimated_wait_s=wait_s)

    async def _consent(self) -> str:
        found = await self._services.runtime.read(self._ref)
        return "" if found is None else found[1].consent
