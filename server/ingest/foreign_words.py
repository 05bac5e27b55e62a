"""Names of other tools' events in the language's words: which of them may be ours, and what they need for it."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import cast

from engine.events import Origin
from engine.signals import NAME_CACHE_MAX, language_name, snake_name
from server.ingest.commerce import SHOP_WORDS, in_product, product_words
from server.ingest.wording import field_name, name_depth

_OURS: frozenset[str] = frozenset(
    {
        "agent_message",
        "context",
        "hide",
        "message_dismissed",
        "message_displayed",
        "message_read",
        "reply_clicked",
        "session_start",
        "show",
        "tab_closed",
        "visitor_message",
        "voice_started",
        "widget_closed",
        "widget_displayed",
        "widget_opened",
    }
)
"""What only our widget, our people or the engine itself can say; another tool's event of such a name is the
site's own, under the tool's name: `segment_message_sent`."""

_CONSENTS = frozenset({"granted", "pending", "denied"})
_HEARTBEATS = frozenset({"active_ms", "scroll_percent", "visible"})
_LEAVES = frozenset({"dwell_ms", "scroll_percent"})


Reword = Callable[[dict[str, object]], None]
"""Puts fields into the language's words, in place."""


def foreign_words(
    wire_name: str, properties: dict[str, object], origin: Origin
) -> tuple[str, dict[str, object]]:
    """Put an event's name, and of its properties what depends on it, into the language's words.

    Args:
        wire_name: as the tool's client sent it.
        properties: with their names in snake case; changed in place.
        origin: the tool.
    """
    name = foreign_name(wire_name, origin)
    reword = _REWORDING.get(name)
    if reword is not None:
        reword(properties)
    elif name in _NEEDING:
        name = _NEEDING[name](properties) or _own_name(wire_name, origin)
    return name, properties


Words = tuple[str, Reword | None]
"""An event's name in rules, and what is done to its fields."""

NOT_PLAIN: Words = ("", None)
"""Said of events that `foreign_words` has to look at each time."""

PLAIN_CHARS_MAX = 512
"""Characters of an event's name and the names of its fields, together, that are remembered; those of a longer one
are looked up each time. test_long_names_are_not_remembered"""


class PlainWords(dict[tuple[str, ...], Words]):
    """What `foreign_words` does with events, by tool, name and the names of their fields; bounded.

    NOT_PLAIN where that depends on what the fields hold, a field has another name in rules, or the event's is
    none as it was sent.
    """

    def __missing__(self, key: tuple[str, ...]) -> Words:
        """Find it out, and remember it unless the names are long."""
        words = _plain_words(key)
        if sum(map(len, key)) <= PLAIN_CHARS_MAX:
            if len(self) >= NAME_CACHE_MAX:
                del self[next(iter(self))]
            self[key] = words
        return words


plain_words = PlainWords()


def _plain_words(key: tuple[str, ...]) -> Words:
    origin, wire_name, *fields = key
    if not wire_name or wire_name != wire_name.strip():
        return NOT_PLAIN
    name = foreign_name(wire_name, cast("Origin", origin))
    if name in _NEEDING or any(field_name(field) != field for field in fields):
        return NOT_PLAIN
    reword = _REWORDING.get(name)
    return name, product_words(fields) if reword is in_product else reword


@lru_cache(maxsize=NAME_CACHE_MAX)
def foreign_name(wire_name: str, origin: Origin) -> str:
    """Return an event's name in rules, one that is not kept for us."""
    name = language_name(wire_name)
    return _own_name(wire_name, origin) if name in _OURS else name


def _own_name(wire_name: str, origin: Origin) -> str:
    return f"{origin}_{snake_name(wire_name)}"


# ---- names that are ours only with what makes them so; "" otherwise


def _visibility(properties: dict[str, object]) -> str:
    visible = properties.get("visible")
    if not isinstance(visible, bool):
        return ""
    properties.clear()
    return "show" if visible else "hide"


def _heartbeat(properties: dict[str, object]) -> str:
    return "heartbeat" if _HEARTBEATS & properties.keys() else ""


def _page_leave(properties: dict[str, object]) -> str:
    return "page_leave" if _LEAVES & properties.keys() else ""


def _consent(properties: dict[str, object]) -> str:
    state = properties.get("state")
    return "consent" if isinstance(state, str) and state in _CONSENTS else ""


_REWORDING: Mapping[str, Reword] = {**SHOP_WORDS, "scroll": name_depth}
_NEEDING: Mapping[str, Callable[[dict[str, object]], str]] = {
    "visibility": _visibility,
    "heartbeat": _heartbeat,
    "page_leave": _page_leave,
    "consent": _consent,
}
