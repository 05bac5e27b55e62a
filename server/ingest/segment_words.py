"""What each kind of message of Segment's and RudderStack's clients says, in the language's words (API.md 8.3)."""

from collections.abc import Callable, Mapping
from itertools import islice

from engine.events import Origin, Scalar
from engine.limits import VALUE_CHARS_MAX
from server.errors import ApiError
from server.ingest.arrivals import Unfit
from server.ingest.foreign_words import foreign_words, plain_words
from server.ingest.wording import field_name
from server.wire.decoding import DEPTH_MAX, INTEGER_MAX
from server.wire.segment import Context, Message

NAME_CHARS_MAX = 128
"""Characters of an event's name; a longer one is cut. test_a_long_event_name_is_cut"""

TRAITS_MAX = 200
"""Traits that one message sets; further ones are dropped. test_more_traits_than_are_set_are_dropped"""

PLAIN_FIELDS_MAX = 32
"""Properties of an event whose names are remembered together; those of a larger one are looked up one by one.
test_an_event_of_many_fields_is_said_as_one_of_few"""

Properties = dict[str, object]
Attributes = dict[str, Scalar]
Said = tuple[str, Properties, Attributes]
"""The event's name, its properties and the attributes it sets."""

Saying = Callable[[Message, Context, Origin], Said]

_OF_THE_PAGE = frozenset({"url", "path", "search", "title", "referrer"})
_PLAIN = frozenset({str, float, bool, type(None)})
_DEPTH = 3
"""How deep a list or an object lies that is a property: in the properties, which lie in the message."""


# ---- one function a type of message


def track(message: Message, context: Context, origin: Origin) -> Said:
    """Something happened; its name decides what.

    Raises Unfit.
    """
    event, properties = message.event or "", message.properties or {}
    if len(event) > NAME_CHARS_MAX or event == "set" or not _are_plain(properties):
        return _track_any(message, context, origin)
    name, reword = plain_words[origin, event, *properties]
    if not name:
        return _track_any(message, context, origin)
    if reword is not None:
        reword(properties)
    if name != event:
        properties["$name"] = event
    return name, properties, known_of(context) if context.traits else {}


def _track_any(message: Message, context: Context, origin: Origin) -> Said:
    """Say it, however its name is written and whatever its properties hold."""
    wire_name = (message.event or "").strip()[:NAME_CHARS_MAX]
    if not wire_name:
        raise Unfit("required")
    if wire_name == "set":
        return "set", {}, _attributes("", message.properties, str)
    name, properties = foreign_words(wire_name, fields_of(message.properties), origin)
    if name != wire_name:
        properties["$name"] = wire_name
    return name, properties, known_of(context) if context.traits else {}


def view(message: Message, context: Context, _: Origin) -> Said:
    """A page or a screen was shown; what is said of its address is told by the event itself."""
    given = message.properties
    properties = {} if not given or given.keys() <= _OF_THE_PAGE else _beside_the_page(given)
    if message.name:
        properties["name"] = message.name
    if message.category:
        properties["category"] = message.category
    return "view", properties, known_of(context) if context.traits else {}


def identify(message: Message, context: Context, _: Origin) -> Said:
    """The visitor is known, and this is known of them: RudderStack tells it in the context alone."""
    traits = {**(context.traits or {}), **(message.traits or {})}
    return "identify", {**_attributes("", traits)}, {}


def group(message: Message, context: Context, _: Origin) -> Said:
    """The visitor belongs to a company."""
    attributes = known_of(context) if context.traits else {}
    if message.group_id is not None:
        attributes["visitor.company"] = str(message.group_id)[:VALUE_CHARS_MAX]
    return "group", {}, {**attributes, **_attributes("company.", message.traits)}


def alias(_message: Message, context: Context, _: Origin) -> Said:
    """Two ids are one visitor: nothing else."""
    return "alias", {}, known_of(context) if context.traits else {}


SAYINGS: Mapping[str, Saying] = {
    "track": track,
    "page": view,
    "screen": view,
    "identify": identify,
    "group": group,
    "alias": alias,
}
"""What is said, by the type of message."""


# ---- fields


def _are_plain(properties: Properties) -> bool:
    """Tell whether few properties are kept as they are, all of them."""
    for value in properties.values():
        kind = type(value)
        if kind is str or kind in _PLAIN:
            continue
        if not (isinstance(value, int) and _is_kept(value)):
            return False
    return len(properties) <= PLAIN_FIELDS_MAX


def fields_of(given: Mapping[str, object] | None) -> Properties:
    """Name properties as rules do; a number that no store keeps exactly becomes text."""
    if not given:
        return {}
    return {
        field_name(name): value if type(value) in _PLAIN else _kept(value, _DEPTH)
        for name, value in given.items()
    }


def _beside_the_page(given: Mapping[str, object]) -> Properties:
    """Return the fields of a view that say nothing of its address; mostly there is none."""
    others = {name: value for name, value in given.items() if name not in _OF_THE_PAGE}
    return {n: value for n, value in fields_of(others).items() if n not in _OF_THE_PAGE}


def known_of(context: Context) -> Attributes:
    """Return what a message's context says of the visitor, as attributes."""
    return _attributes("visitor.", context.traits)


def _attributes(
    prefix: str, given: Mapping[str, object] | None, name_of: Callable[[str], str] = field_name
) -> Attributes:
    """Put traits into attributes' names; nested ones are dropped."""
    attributes: Attributes = {}
    for name, value in islice((given or {}).items(), TRAITS_MAX):
        if isinstance(value, str):
            attributes[prefix + name_of(name)] = value[:VALUE_CHARS_MAX]
        elif isinstance(value, int | float | None) and _is_kept(value):
            attributes[prefix + name_of(name)] = value
    return attributes


def _is_kept(value: float | None) -> bool:
    return not isinstance(value, int) or -INTEGER_MAX <= value <= INTEGER_MAX


def _kept(value: object, depth: int) -> object:
    """Return a value of a property as it is kept; `depth` is its own.

    Raises ApiError: malformed_json, of what is nested too deep.
    """
    if isinstance(value, int):
        return value if _is_kept(value) else str(value)
    if not isinstance(value, dict | list):
        return value
    if depth > DEPTH_MAX:
        raise ApiError("malformed_json")
    if isinstance(value, dict):
        return {name: _kept(inner, depth + 1) for name, inner in value.items()}
    return [_kept(inner, depth + 1) for inner in value]
