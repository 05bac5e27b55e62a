"""What a visitor agreed to, as events; and a site that keeps nothing before it is told so."""

from engine.events import Event
from engine.runtime_types import ClientContext
from server.workspace_settings import Site


def with_consent(
    site: Site, client: ClientContext, events: list[Event], now_ms: int
) -> list[Event]:
    """Put what a request says of consent before its events.

    A privacy signal of the browser denies it, unless the request says that it was granted. On a site
    that requires consent, a request that does not say so is kept only as far as it tells of consent.
    """
    state = "denied" if client.gpc and client.consent != "granted" else client.consent
    if site.consent == "required" and state != "granted":
        granted = any(_grants(event) for event in events)
        events = events if granted else [event for event in events if event.name == "consent"]
    if not state or not (events or state == "denied"):
        return events
    if client.gpc and any(_grants(event) for event in events):
        return events
    return [Event(id="", name="consent", at_ms=now_ms, properties={"state": state}), *events]


def _grants(event: Event) -> bool:
    return event.name == "consent" and event.properties.get("state") == "granted"
