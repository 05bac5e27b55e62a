"""What PostHog's events say of people: who they are, who they were until now, what is known of them."""

from collections.abc import Mapping
from itertools import islice
from math import isfinite

from engine.events import Scalar
from engine.limits import VALUE_CHARS_MAX
from engine.signals import snake_name
from server.ingest.event_ids import id_text
from server.ingest.nobody import names_nobody
from server.wire.decoding import INTEGER_MAX
from server.wire.posthog import CaptureItem

TRAITS_MAX = 50
"""Properties of a person, or of a group, that one event sets; further ones are dropped.
test_attributes_are_bounded_in_number_and_length"""

TRAIT_NAME_CHARS_MAX = 64
"""A property with a longer name is dropped. test_attributes_are_bounded_in_number_and_length"""

GROUPS_MAX = 5
"""Groups that one event names; further ones are dropped. test_attributes_are_bounded_in_number_and_length"""

_ALIASES = frozenset({"$create_alias", "$merge_dangerously"})

Attributes = dict[str, Scalar]


def person_of(item: CaptureItem, properties: Mapping[str, object]) -> tuple[str, str]:
    """Say whose an event is, and under which id the same visitor came until now; "" for none.

    An alias is the id that a visitor has from now on. Ids that stand for nobody are joined with none.
    """
    visitor = id_text(item.distinct_id) or id_text(properties.get("distinct_id"))
    former = ""
    if item.event == "$identify":
        former = id_text(properties.get("$anon_distinct_id"))
    elif item.event in _ALIASES:
        alias = id_text(properties.get("alias"))
        visitor, former = (alias, visitor) if alias else (visitor, "")
    if former == visitor or names_nobody(former) or names_nobody(visitor):
        former = ""
    return visitor, former


def user_of(item: CaptureItem, properties: Mapping[str, object], visitor: str) -> str:
    """Return the user id that an event claims; "" for none."""
    user = id_text(properties.get("$user_id"))
    if not user and item.event == "$identify":
        user = visitor
    return "" if names_nobody(user) else user


def is_of_group(item: CaptureItem, properties: Mapping[str, object]) -> bool:
    """Tell whether an event is about a group alone: its sender makes up an id where it names no person."""
    if item.event != "$groupidentify":
        return False
    kind, key = id_text(properties.get("$group_type")), id_text(properties.get("$group_key"))
    return id_text(item.distinct_id) == f"${kind}_{key}"


# ---- what is known of them


def traits_of(item: CaptureItem, properties: Mapping[str, object]) -> Attributes:
    """Return the attributes that an event sets: those of the person, and of the groups it names."""
    traits = _traits("visitor.", properties.get("$set"), item.set)
    for gone in (item.unset, properties.get("$unset")):
        names = (name for name in gone if isinstance(name, str)) if isinstance(gone, list) else ()
        traits |= _traits("visitor.", dict.fromkeys(islice(names, TRAITS_MAX)))
    groups = properties.get("$groups")
    if isinstance(groups, dict):
        for kind, key in islice(groups.items(), GROUPS_MAX):
            traits |= _group(kind, key, None)
    if item.event == "$groupidentify":
        kind = properties.get("$group_type")
        traits |= _group(kind, properties.get("$group_key"), properties.get("$group_set"))
    return traits


def first_traits_of(item: CaptureItem, properties: Mapping[str, object]) -> Attributes:
    """Return the attributes that an event sets where nothing is known yet."""
    first = _traits("visitor.", properties.get("$set_once"), item.set_once)
    return {name: value for name, value in first.items() if value is not None}


def _group(kind: object, key: object, given: object) -> Attributes:
    """Name a group as an attribute of the person, and what is known of it in its own namespace."""
    name, group = snake_name(kind) if isinstance(kind, str) and kind else "", id_text(key)
    if not name or not group or len(name) > TRAIT_NAME_CHARS_MAX:
        return {}
    return {f"visitor.{name}": group[:VALUE_CHARS_MAX], **_traits(f"{name}.", given)}


def _traits(prefix: str, *given: object) -> Attributes:
    """Put given properties into attributes' names; nested ones and those of the client itself are dropped."""
    traits: Attributes = {}
    for properties in given:
        if not isinstance(properties, dict):
            continue
        for name, value in properties.items():
            if len(traits) >= TRAITS_MAX:
                return traits
            if not name.startswith("$") and len(name) <= TRAIT_NAME_CHARS_MAX and _is_scalar(value):
                short = value[:VALUE_CHARS_MAX] if isinstance(value, str) else value
                traits[prefix + snake_name(name)] = short
    return traits


def _is_scalar(value: object) -> bool:
    if isinstance(value, int):
        return -INTEGER_MAX <= value <= INTEGER_MAX
    if isinstance(value, float):
        return isfinite(value)
    return value is None or isinstance(value, str)
