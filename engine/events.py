"""The canonical event: what the engine takes in, whatever dialect it came from (API.md 8.3)."""

from typing import Literal

import msgspec

Origin = Literal["widget", "segment", "rudder", "posthog", "api", "engine"]
Scalar = str | int | float | bool | None

FOREIGN_ORIGINS: frozenset[str] = frozenset({"segment", "rudder", "posthog"})
"""Origins of events that other tools' clients sent."""

BROWSER_ORIGINS: frozenset[str] = FOREIGN_ORIGINS | {"widget"}


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One event in the language's words (LANGUAGE.md 5.3, 5.4), aliases already applied.

    `at_ms` is the event's own time, <= the receive time. `tab` and `sequence` order events of one page
    load; "" is the one tab of a sender that names none. `url` is the page the sender was on (for `view`
    the viewed page), as sent. `properties` are raw: they are converted to the declared types when the
    event is applied, so that a journal can be replayed under other declarations. `attributes` likewise,
    by their names in rules. What the engine itself makes (a tab that fell silent) has origin "engine".
    `counted` is set on receipt of an event that came too late for its place (LANGUAGE.md 10.5).
    """

    id: str
    name: str
    at_ms: int
    tab: str = ""
    sequence: int = 0
    url: str | None = None
    title: str | None = None
    referrer: str | None = None
    properties: dict[str, object] = {}
    attributes: dict[str, Scalar] = {}
    origin: Origin = "widget"
    counted: bool = False

    @property
    def from_browser(self) -> bool:
        """Tell whether a browser sent it: only such events can be activity."""
        return self.origin in BROWSER_ORIGINS
