"""What a visitor agreed to, and sites and browsers for which nothing is kept before it is told so."""

from collections.abc import Sequence

from engine.events import Event
from engine.runtime_types import ClientContext
from server.workspace_settings import Site


def is_guarded(site: Site, client: ClientContext) -> bool:
    """Tell whether nothing may be kept of a request before its visitor granted consent.

    So it is on a site that requires consent, and for a browser with a privacy signal (API.md 8.4).
    """
    return client.gpc or site.consent == "required"


def says_granted(client: ClientContext, events: Sequence[Event]) -> bool:
    """Tell whether a request itself says that consent was granted."""
    return client.consent == "granted" or any(_is_statement(event, "granted") for event in events)


def with_consent(client: ClientContext, events: list[Event], now_ms: int) -> list[Event]:
    """Put what a request says of consent, if anything, before its events."""
    if not (events or client.consent == "denied"):
        return events
    return consent_statement(client.consent, now_ms) + events


def consent_statement(state: str, now_ms: int) -> list[Event]:
    """Make the event that says what a visitor said of consent; none for ""."""
    properties: dict[str, object] = {"state": state}
    return [Event(id="", name="consent", at_ms=now_ms, properties=properties)] if state else []


def kept_of(events: list[Event], stored: str | None) -> list[Event]:
    """Return what may be kept of a guarded request that does not grant consent itself.

    Args:
        events: all of the request's.
        stored: what the visitor said of consent before; None for a visitor without a session.
    """
    if stored is None:
        return []
    if stored == "granted" and not any(_is_statement(event, "denied") for event in events):
        return events
    return [event for event in events if event.name == "consent"]


def may_talk(site: Site, client: ClientContext, stored: str) -> bool:
    """Tell whether a visitor's words may be kept: not after a denial, nor unasked where it is guarded."""
    state = client.consent or stored
    return state == "granted" if is_guarded(site, client) else state != "denied"


def _is_statement(event: Event, state: str) -> bool:
    return event.name == "consent" and event.properties.get("state") == state
