"""Events out of what messages of Segment's and RudderStack's clients say, and where they say it (API.md 8.3)."""

from collections.abc import Mapping

from engine.events import Event, Origin, Scalar
from engine.limits import VALUE_CHARS_MAX
from server.ingest.native import TITLE_CHARS_MAX, URL_CHARS_MAX
from server.ingest.segment_words import Said
from server.wire.segment import Campaign, Context, Message, Page

Stamp = tuple[str, int, int, Origin]
"""An event's id, when it was in our time, and by the client's clock (0 where that does not tell), and the tool."""

Place = tuple[str | None, str | None, str | None]
"""An address, its title, and where the visitor came from."""

_NO_PAGE = Page()
_DIRECT = "$direct"


def event_of(message: Message, context: Context, said: Said, stamp: Stamp) -> Event:
    """Make the event of a message."""
    name, properties, attributes = said
    identity, at_ms, sequence, origin = stamp
    page = context.page or _NO_PAGE
    url, title, referrer = page.url, page.title, page.referrer
    if name == "view":
        url, title, referrer = _viewed(message, page)
    if context.campaign is not None and not (url and "utm_" in url):
        attributes = {**_campaign(context.campaign), **attributes}
    # Mostly nothing is to be cut, and asking for that costs less than a slice of all.
    if url and len(url) > URL_CHARS_MAX:
        url = url[:URL_CHARS_MAX]
    if title and len(title) > TITLE_CHARS_MAX:
        title = title[:TITLE_CHARS_MAX]
    if referrer == _DIRECT:
        referrer = None
    # Events of one instant are in the order of the client's clock.
    return Event(
        identity,
        name,
        at_ms,
        "",
        sequence,
        url or None,
        title or None,
        referrer[:URL_CHARS_MAX] if referrer else None,
        properties,
        attributes,
        origin,
    )


def _viewed(message: Message, page: Page) -> Place:
    """Return where a view was: its own address is in its properties, else in its context."""
    own = message.properties
    if not own:
        return page.url or page.path, page.title or message.name, page.referrer
    return (
        _own(own, "url") or page.url or _own(own, "path") or page.path,
        _own(own, "title") or page.title or message.name,
        _own(own, "referrer") or page.referrer,
    )


def _own(properties: Mapping[str, object], name: str) -> str:
    value = properties.get(name)
    return value if type(value) is str else ""


def _campaign(campaign: Campaign) -> dict[str, Scalar]:
    """Return the campaign as attributes, all five of them when there is any."""
    told = {
        "utm.source": campaign.source,
        "utm.medium": campaign.medium,
        "utm.campaign": campaign.name,
        "utm.term": campaign.term,
        "utm.content": campaign.content,
    }
    if not any(told.values()):
        return {}
    return {name: value[:VALUE_CHARS_MAX] if value else None for name, value in told.items()}
