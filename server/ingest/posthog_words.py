"""Names and fields of PostHog's events in the language's words (API.md 8.3, LANGUAGE.md 5.4)."""

from collections.abc import Mapping
from math import isfinite

from engine.signals import snake_name
from server.errors import ApiError
from server.ingest.foreign_words import foreign_words
from server.ingest.posthog_clicks import noticed
from server.ingest.wording import field_name
from server.wire.decoding import check_numbers

DWELL_S_MAX = 86_400
"""A page that is said to have been looked at for longer is not believed.
test_names_and_fields_become_the_language_s"""

NAME_FIELD = "$name"
"""The property that holds the name of an event as its client sent it, where rules know it by another."""

VIEWS = frozenset({"$pageview", "$screen"})
_OF_PEOPLE = {
    "$identify": "identify",
    "$set": "set",
    "$set_once": "set",
    "$unset": "set",
    "$groupidentify": "group",
    "$create_alias": "alias",
    "$merge_dangerously": "alias",
}
"""Events that tell who somebody is: all that they hold becomes attributes, or joins two ids."""

_TELEMETRY = frozenset(
    {
        "$snapshot", "$snapshot_items", "$performance_event", "$web_vitals", "$heatmap", "$$heatmap",
        "$feature_flag_called", "$$client_ingestion_warning",
    }
)  # fmt: skip
_TELEMETRY_STARTS = "$ai_"
_AROUND = frozenset({"token", "distinct_id"})
"""Properties that are no fields of the event: the client puts them among them."""

_PLAIN = frozenset({str, float, bool})

Fields = dict[str, object]


def is_telemetry(name: str) -> bool:
    """Tell whether an event is what a client says of itself and of the page's workings: nobody did it."""
    return name in _TELEMETRY or name.startswith(_TELEMETRY_STARTS)


def in_words(name: str, properties: Mapping[str, object]) -> tuple[str, Fields]:
    """Put an event's name and its fields into the language's words.

    An event of the client that has no counterpart is `posthog_NAME`: history, and rules may name it.
    """
    if name in VIEWS:
        return "view", _fields(properties)
    if name == "$pageleave":
        return "page_leave", _left(properties)
    if name in _OF_PEOPLE:
        return _OF_PEOPLE[name], {}
    seen = noticed(properties) if name == "$autocapture" else None
    if seen is not None:
        return seen
    if name.startswith("$"):
        return f"posthog_{snake_name(name)}", _fields(properties)
    known, fields = foreign_words(name, _fields(properties), "posthog")
    return known, fields if known == name else {**fields, NAME_FIELD: name}


def _left(properties: Mapping[str, object]) -> Fields:
    """Tell how long a page was looked at and how far down, in our own widget's units."""
    fields: Fields = {}
    seconds = _number(properties.get("$prev_pageview_duration"))
    if seconds is not None and 0 <= seconds <= DWELL_S_MAX:
        fields["dwell_ms"] = round(seconds * 1_000)
    share = _number(properties.get("$prev_pageview_max_scroll_percentage"))
    if share is not None and 0 <= share <= 1:
        fields["scroll_percent"] = round(share * 100, 1)
    return fields


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 and isfinite(value) else None


def _fields(properties: Mapping[str, object]) -> Fields:
    """Name the site's own fields as rules do; those of the client itself, and absent ones, are left out."""
    return {
        field_name(name): value
        for name, value in properties.items()
        if not name.startswith("$") and name not in _AROUND and _can_be_kept(value)
    }


def _can_be_kept(value: object) -> bool:
    if type(value) in _PLAIN:
        return True
    if value is None:
        return False
    try:
        check_numbers(value, "")
    except ApiError:
        return False
    return True
