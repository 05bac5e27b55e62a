"""The signals the engine computes and the events it knows, as the vocabulary of rules."""

import re
from functools import lru_cache

from rules.checked import AttributePlan, EventPlan, FieldPlan, Value, ValueKind, ValueType
from rules.schema import Schema

NAME_CACHE_MAX = 4_096

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_FOREIGN = re.compile(r"[^A-Za-z0-9]+")

_WIRE_NAMES = {
    "page_view": "view",
    "pageview": "view",
    "page": "view",
    "screen": "view",
    "page_viewed": "view",
    "product_added": "add_to_cart",
    "added_to_cart": "add_to_cart",
    "product_removed": "remove_from_cart",
    "product_viewed": "product_view",
    "view_item": "product_view",
    "checkout_started": "checkout_start",
    "begin_checkout": "checkout_start",
    "order_completed": "purchase",
    "active": "activity",
    "identified": "identify",
    "form_submitted": "form_submit",
    "form_started": "form_start",
    "chat_opened": "widget_opened",
    "chat_closed": "widget_closed",
    "quick_reply": "reply_clicked",
    "message_sent": "agent_message",
    "proactive_displayed": "message_displayed",
    "proactive_dismissed": "message_dismissed",
}
"""LANGUAGE.md 5.4 step 2, the rows that depend on the name alone."""

_WIRE_ONLY = {"visibility": "show", "heartbeat": "activity", "page_leave": "hide"}
"""Wire names that become an event by what they hold; in a rule the nearest event is suggested."""


def snake_name(wire_name: str) -> str:
    """Put a wire name in snake case (LANGUAGE.md 5.4 step 1): `productAdded` -> `product_added`.

    A name without any ASCII letter or digit becomes `event`.
    """
    words = _FOREIGN.sub("_", _CAMEL.sub("_", wire_name)).lower().strip("_")
    if not words:
        return "event"
    return f"e_{words}" if words[0].isdigit() else words


@lru_cache(maxsize=NAME_CACHE_MAX)
def language_name(wire_name: str) -> str:
    """Turn an event's wire name into its name in rules (LANGUAGE.md 5.4 steps 1 and 2).

    `visibility`, `heartbeat`, `page_leave`, `consent` and `set` come back in snake case: what they
    become depends on what they hold.
    """
    name = snake_name(wire_name)
    return _WIRE_NAMES.get(name, name)


def _always(name: str, kind: ValueKind, *options: str) -> AttributePlan:
    return AttributePlan(name, ValueType(kind, options), False, None, True)


def _optional(name: str) -> AttributePlan:
    return AttributePlan(name, ValueType("text"), True, None, True)


def _since_start(name: str, kind: ValueKind, default: Value) -> AttributePlan:
    return AttributePlan(name, ValueType(kind), False, default, True)


ATTRIBUTES = (
    _always("page.url", "text"),
    _always("page.path", "text"),
    _optional("page.title"),
    _always("time_on_page", "duration"),
    _always("time_on_site", "duration"),
    _always("page_age", "duration"),
    _always("session_age", "duration"),
    _always("scroll_depth", "percent"),
    _always("score", "number"),
    _always("visitor.id", "text"),
    _since_start("visitor.visits", "number", 1),
    _since_start("visitor.returning", "yes_no", False),
    _since_start("visitor.identified", "yes_no", False),
    _optional("visitor.name"),
    _optional("visitor.email"),
    AttributePlan(
        "device", ValueType("one_of", ("desktop", "mobile", "tablet")), False, "desktop", True
    ),
    _optional("country"),
    _optional("language"),
    _optional("referrer"),
    _optional("utm.source"),
    _optional("utm.medium"),
    _optional("utm.campaign"),
    _optional("utm.term"),
    _optional("utm.content"),
    _since_start("agents_online", "number", 0),
)
"""LANGUAGE.md 5.1; the defaults are what holds until the host says otherwise."""


def _event(name: str, *fields: FieldPlan, is_activity: bool) -> EventPlan:
    return EventPlan(name, fields, is_activity, True)


def _active(name: str, *fields: FieldPlan) -> EventPlan:
    return _event(name, *fields, is_activity=True)


def _silent(name: str, *fields: FieldPlan) -> EventPlan:
    return _event(name, *fields, is_activity=False)


def _texts(*names: str) -> tuple[FieldPlan, ...]:
    return tuple(FieldPlan(name, ValueType("text")) for name in names)


def _number(name: str) -> FieldPlan:
    return FieldPlan(name, ValueType("number"))


def _money(name: str) -> FieldPlan:
    return FieldPlan(name, ValueType("money"))


EVENTS = (
    _active("view", *_texts("path", "url", "title")),
    _active("scroll", FieldPlan("depth", ValueType("percent"))),
    _active("click", *_texts("target", "text", "href")),
    _active("show"),
    _silent("hide"),
    _active("activity"),
    _active("exit_intent"),
    _silent("idle", _number("seconds")),
    _active("form_start", *_texts("form", "page")),
    _active("form_submit", *_texts("form", "page")),
    _active("product_view", *_texts("id", "name", "category"), _money("price")),
    _active("add_to_cart", *_texts("id", "name"), _money("price"), _number("quantity")),
    _active("remove_from_cart", *_texts("id", "name"), _money("price"), _number("quantity")),
    _active("checkout_start", _money("total"), _number("items")),
    _active("purchase", _money("total"), _number("items"), *_texts("order")),
    _active("identify"),
    _silent("widget_displayed"),
    _active("widget_opened"),
    _active("widget_closed"),
    _silent("message_displayed", *_texts("rule", "variant")),
    _active("message_dismissed", *_texts("rule", "variant")),
    _active("reply_clicked", *_texts("text", "value", "action", "rule", "variant")),
    _active("visitor_message", *_texts("text")),
    _silent("agent_message", *_texts("text", "by")),
    _active("appointment_scheduled", *_texts("topic")),
    _active("quote_requested", *_texts("topic")),
    _active("handoff_requested", *_texts("topic")),
    _active("voice_started", *_texts("topic")),
)
"""LANGUAGE.md 5.3."""

SCHEMA = Schema(
    attributes={plan.name: plan for plan in ATTRIBUTES},
    events={plan.name: plan for plan in EVENTS},
    wire_names=_WIRE_NAMES | _WIRE_ONLY,
    open_prefixes=("page.query.",),
    trait_event="identify",
    trait_prefix="visitor.",
)
"""The engine's vocabulary, to be passed to `rules.check_folder` and its like."""
