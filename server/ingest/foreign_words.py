"""Names of other tools' events in the language's words: which of them may be ours, and what they need for it."""

from collections.abc import Callable, Mapping
from functools import lru_cache

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


@lru_cache(maxsize=NAME_CACHE_MAX)
def plain_words(origin: Origin, wire_name: str, *fields: str) -> tuple[str, Reword | None] | None:
    """Say what `foreign_words` does with events of a name that have fields of these names.

    None where that depends on what the fields hold, a field has another name in rules, or the event's is
    none as it was sent.
    """
    if not wire_name or wire_name != wire_name.strip():
        return None
    name = foreign_name(wire_name, origin)
    if name in _NEEDING or any(field_name(field) != field for field in fields):
        return None
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
