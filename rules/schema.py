"""What a host offers to rules: its attributes, its events, and other systems' names for them."""

from collections.abc import Mapping
from dataclasses import dataclass

from rules.checked import AttributePlan, ClockName, EventPlan, ValueType

CLOCKS: tuple[ClockName, ...] = ("time_on_page", "time_on_site", "page_age", "session_age")
COMPUTED = frozenset({*CLOCKS, "score", "scroll_depth"})
"""Attributes that are computed at the instant of the question: nothing stores a value for them."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The built-in vocabulary of LANGUAGE.md 5, passed in by the host.

    `open_prefixes` are namespaces in which every name is an optional text (`page.query.`).
    `wire_names` maps names of other systems, in snake case, to the event's name in rules.
    `trait_prefix` and `trait_event` name the event whose fields are attributes of that namespace.
    """

    attributes: Mapping[str, AttributePlan]
    events: Mapping[str, EventPlan]
    wire_names: Mapping[str, str]
    open_prefixes: tuple[str, ...] = ()
    trait_event: str = ""
    trait_prefix: str = ""

    def attribute(self, name: str) -> AttributePlan | None:
        """Find a built-in attribute, also one of an open namespace."""
        found = self.attributes.get(name)
        if found is None and name.startswith(self.open_prefixes):
            return AttributePlan(name, ValueType("text"), True, None, True)
        return found
