"""Synthetic visits of a site: events of twelve kinds and more with their times, drawn from a seed."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.events import Event, Scalar

FIRST_MS = 1_767_960_000_000
"""2026-01-09 12:00 UTC."""
SPREAD_MS = 4 * 3_600_000
BACK_AFTER_MS = 3 * 3_600_000


@dataclass(frozen=True, slots=True)
class Site:
    """What visitors of a site do: pages and happenings are drawn by weight.

    `happenings` maps an event's name to (weight, choices of its fields); `traits` maps an attribute to
    the values it is set to.
    """

    name: str
    host: str
    pages: Mapping[str, int]
    happenings: Mapping[str, tuple[int, tuple[dict[str, object], ...]]]
    traits: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Logged:
    """One event of the log: whose it is, on which site, and the event."""

    site: str
    visitor: str
    event: Event


BROWSING: dict[str, tuple[int, tuple[dict[str, object], ...]]] = {
    "view": (24, ({},)),
    "scroll": (26, tuple({"depth": depth} for depth in (10, 25, 40, 50, 60, 75, 90, 100))),
    "click": (14, ({"target": "menu"}, {"target": "reviews", "text": "Reviews"})),
    "hide": (8, ({},)),
    "activity": (8, ({},)),
    "exit_intent": (2, ({},)),
    "form_start": (2, ({"form": "contact"},)),
    "form_submit": (2, ({"form": "contact"},)),
    "set": (5, ({},)),
}
"""What happens on every site; after a `hide` the next event of the tab is `show`."""


def log_of(site: Site, sessions: int, random_source: random.Random) -> list[Logged]:
    """Draw a site's sessions; a sixth of the sessions is a visitor's second. In no order of time."""
    log: list[Logged] = []
    starts_ms: list[int] = []
    for number in range(sessions):
        is_back = number > 0 and number % 6 == 0
        visitor = f"{site.name}-{number - 5 if is_back else number}"
        start_ms = FIRST_MS + int(random_source.random() * SPREAD_MS)
        if is_back:
            start_ms = starts_ms[number - 5] + BACK_AFTER_MS
        starts_ms.append(start_ms)
        load = f"{random_source.getrandbits(32):08x}"
        log.extend(
            Logged(site.name, visitor, event)
            for event in _visit(site, load, start_ms, random_source)
        )
    return log


def _visit(site: Site, load: str, start_ms: int, random_source: random.Random) -> Iterator[Event]:
    names = list(site.happenings)
    weights = [site.happenings[name][0] for name in names]
    at_ms, page, hidden = start_ms, "", False
    for number in range(1, random_source.randint(5, 22)):
        name = random_source.choices(names, weights)[0] if number > 1 else "view"
        if hidden:
            name = "show"
        hidden = name == "hide"
        if name == "view":
            page = random_source.choices(list(site.pages), list(site.pages.values()))[0]
        choices = site.happenings[name][1] if name != "show" else ({},)
        attributes: dict[str, Scalar] = {}
        if name == "set" and site.traits:
            trait = random_source.choice(list(site.traits))
            attributes = {trait: random_source.choice(site.traits[trait])}
        yield Event(
            id=f"{load}-{number}",
            name=name,
            at_ms=at_ms,
            tab=load,
            sequence=number,
            url=f"https://{site.host}{page}",
            properties=dict(random_source.choice(choices)),
            attributes=attributes,
        )
        at_ms += int(
            random_source.choice((700, 2_500, 6_000, 14_000, 33_000))
            * (0.5 + random_source.random())
        )
