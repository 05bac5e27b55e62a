"""The fold of one event into a session's state: pages, attributes, clocks and registers.

Total, pure but for the state it is given, and deterministic: the journal is the truth (STORES.md 3).
"""

from collections.abc import Mapping

from engine.cart import (
    CART_EVENTS,
    CART_FIELDS,
    CART_TOTAL,
    in_units,
    is_of_cart,
    stated_total,
    total_after,
)
from engine.events import BROWSER_ORIGINS, FOREIGN_ORIGINS, Event
from engine.limits import (
    ATTRIBUTE_CHARS_MAX,
    ATTRIBUTES_MAX,
    SHORT_TEXT_CHARS,
    VALUE_CHARS_MAX,
)
from engine.session import State
from engine.tabs import (
    UTM_NAMES,
    close_tab,
    correct_dwell,
    enter_tab,
    hide_tab,
    show_tab,
    start_page,
)
from rules.addresses import address
from rules.checked import Value
from rules.compiler.program import Program
from rules.value_types import convert

NOT_EVENTS: frozenset[str] = frozenset(
    {
        "set",
        "consent",
        "page_leave",
        "heartbeat",
        "message_read",
    }
)
"""Names that correct or carry something and are no event of the language (LANGUAGE.md 5.4)."""


def apply_event(program: Program, state: State, event: Event) -> int:
    """Fold one event at its own time, or at the state's clock when that is ahead, and bring the clock to it.

    An event that is `counted` only sets attributes and counts for one-step `seen`, `this session` and
    the score's `per EVENT` terms.

    Returns:
        How many attribute values did not fit their declared type and were dropped.
    """
    if event.at_ms > state.clock_ms:
        program.approach(state, event.at_ms)
    rejected = absorb(program, state, event)
    program.observe(state, state.clock_ms)
    return rejected


def absorb(program: Program, state: State, event: Event) -> int:
    """Do all that `apply_event` does between bringing the clock to the event and looking at what is held.

    Returns:
        As `apply_event` does.
    """
    at_ms, name, attributes = event.at_ms, event.name, event.attributes
    rejected = 0
    # A referrer is the session's first page's, or nobody's.
    if attributes or name == "identify" or (event.referrer and state.page_ms < 0):
        rejected = set_attributes(program, state, event)
    if name in CART_EVENTS or (attributes and CART_TOTAL in attributes):
        _follow_cart(program, state, event)
    if at_ms > state.event_ms:  # noqa: PLR1730  # a call of max costs three times as much here
        state.event_ms = at_ms
    state.events += 1
    if event.counted or event.origin == "engine":
        _apply_aside(program, state, event)
        return rejected
    from_browser = event.origin in BROWSER_ORIGINS
    if from_browser:
        if name in OF_TAB or event.tab not in state.tabs:
            _apply_to_tab(program, state, event)
        else:
            enter_tab(program, state, event.tab, at_ms)
    state.last_event = name
    if name in NOT_EVENTS:
        if name == "heartbeat" and _is_active(event):
            program.fold(state, "activity", NO_FIELDS, True, at_ms)
        return rejected
    fields = event_fields(program, event) if name in program.field_plans else NO_FIELDS
    program.fold(state, name, fields, from_browser and name in program.activities, at_ms)
    return rejected


def is_activity(program: Program, event: Event) -> bool:
    """Tell whether the pattern `activity` matches: a browser sent it, and its kind counts as activity."""
    return event.name in program.activities and event.origin in BROWSER_ORIGINS


def event_fields(program: Program, event: Event) -> Mapping[str, Value]:
    """Convert the fields that some filter of the program reads; a value that does not fit is absent."""
    plans = program.field_plans.get(event.name)
    if not plans:
        return NO_FIELDS
    fields: dict[str, Value] = {}
    for plan in plans:
        raw = event.properties.get(plan.name)
        if raw is None and event.name == "view":
            raw = _of_view(event, plan.name)
        value = convert(plan.type, raw) if raw is not None else plan.default
        if value is not None:
            fields[plan.name] = value
    return fields


def _of_view(event: Event, field: str) -> str | None:
    """Return what a view says of its page outside its properties."""
    if field == "title":
        return event.title
    if not event.url:
        return None
    return address(event.url).path if field == "path" else event.url


def set_attributes(program: Program, state: State, event: Event) -> int:
    """Write the attributes an event carries, and an `identify`'s traits as `visitor.NAME`.

    `null` makes an attribute absent; an undeclared name and a value that does not fit are dropped.
    """
    rejected = 0
    if event.origin == "engine":
        # What the engine itself carries over is in the rules' units already.
        state.attrs.update({name: v for name, v in event.attributes.items() if v is not None})
    elif event.attributes:
        for name, raw in event.attributes.items():
            rejected += _set_attribute(program, state, name, raw)
    if event.name == "identify":
        state.attrs["visitor.identified"] = True
        for name, trait in event.properties.items():
            if trait is None or isinstance(trait, str | int | float | bool):
                rejected += _set_attribute(program, state, "visitor." + name, trait)
    if event.referrer and "referrer" not in state.attrs and state.page_ms < 0:
        state.attrs["referrer"] = event.referrer
    return rejected


def show_cart(program: Program, state: State) -> None:
    """Write the cart's total, as far as it is known, into the attribute that rules declare for it."""
    if state.cart < 0:
        return
    plan = program.checked.attributes.get(CART_TOTAL)
    if plan is None:
        return
    kind, attrs = plan.type.kind, state.attrs
    value = state.cart if kind == "money" else in_units(kind, state.cart)
    if value is not None and (CART_TOTAL in attrs or _has_room(state, CART_TOTAL, value)):
        attrs[CART_TOTAL] = value


def _follow_cart(program: Program, state: State, event: Event) -> None:
    """Keep the cart's total; what an event itself says of it wins, and stands in the attribute already."""
    if event.origin == "engine":
        # What it carries over is in the rules' units, and of no client's cart.
        return
    stated = stated_total(event) if event.attributes else None
    if stated is not None:
        state.cart = stated
        return
    state.cart = total_after(state.cart, event)
    show_cart(program, state)


OF_TAB = frozenset({"view", "hide", "show", "scroll", "heartbeat", "page_leave"})
"""Events that say something of their tab or its page; any other only says that the tab is heard of."""

_READ_WHOLE = frozenset({"scroll", "heartbeat", "page_leave", "identify", "tab_closed"})
NO_FIELDS: Mapping[str, Value] = {}
_NOTHING: dict[str, object] = {}
_SETTABLE_BUILT_IN = frozenset(
    {"visitor.name", "visitor.email", "country", "language", "device", "agents_online"}
) | {f"utm.{name}" for name in UTM_NAMES}


def _set_attribute(program: Program, state: State, name: str, raw: object) -> int:
    plan = program.checked.attributes.get(name)
    if plan is None or (plan.built_in and name not in _SETTABLE_BUILT_IN):
        return 1
    if raw is None:
        state.attrs.pop(name, None)
        return 0
    value = convert(plan.type, raw)
    if isinstance(value, str):
        value = value[:VALUE_CHARS_MAX]
    if value is None or not _has_room(state, name, value):
        return 1
    state.attrs[name] = value
    return 0


def _has_room(state: State, name: str, value: Value) -> bool:
    if name not in state.attrs and len(state.attrs) >= ATTRIBUTES_MAX:
        return False
    if not isinstance(value, str) or len(value) <= SHORT_TEXT_CHARS:
        return True
    kept = sum(len(v) for n, v in state.attrs.items() if isinstance(v, str) and n != name)
    return kept + len(value) <= ATTRIBUTE_CHARS_MAX


def _count_late(program: Program, state: State, event: Event) -> None:
    """Count an event on the page that it names, which need not be the current one."""
    current = state.page_key
    if event.url:
        state.page_key = address(event.url).key
    fields = event_fields(program, event)
    program.fold_late(state, event.name, fields, is_activity(program, event))
    state.page_key = current


def slim_event(program: Program, event: Event) -> Event:
    """Leave out what a second fold of the event does not read."""
    name = event.name
    properties, attributes = event.properties, event.attributes
    if properties and name not in _READ_WHOLE:
        is_read = name in program.field_plans or name in CART_EVENTS
        properties = _read_again(program, event) if is_read else _NOTHING
    if attributes:
        known = program.checked.attributes
        attributes = {n: value for n, value in attributes.items() if n in known or n == CART_TOTAL}
    url = title = referrer = None
    if name == "view" or event.counted:
        url, title, referrer = event.url, event.title, event.referrer
    return Event(
        "", name, event.at_ms, event.tab, event.sequence, url, title, referrer,
        properties, attributes, event.origin, event.counted,
    )  # fmt: skip


def _read_again(program: Program, event: Event) -> dict[str, object]:
    """Return the properties that a second fold reads."""
    properties = event.properties
    kept: dict[str, object] = {}
    if event.name in program.field_plans:
        for plan in program.field_plans[event.name]:
            if plan.name in properties:
                kept[plan.name] = properties[plan.name]
    if is_of_cart(event):
        for field in CART_FIELDS:
            if field in properties:
                kept[field] = properties[field]
    return kept


def text_chars(event: Event) -> int:
    """Count the characters of an event's texts that would be kept with it."""
    chars = 0
    for value in event.properties.values():
        if isinstance(value, str):
            chars += len(value)
    for raw in event.attributes.values():
        if isinstance(raw, str):
            chars += len(raw)
    return chars


def _apply_aside(program: Program, state: State, event: Event) -> None:
    """Fold what has no place of its own in the order of the visitor's events."""
    if event.origin == "engine":
        _apply_own(program, state, event)
    elif event.name not in NOT_EVENTS:
        _count_late(program, state, event)


def _apply_own(program: Program, state: State, event: Event) -> None:
    """Fold what the engine itself says: no event of the language, but for a tab that it hides."""
    if event.name == "hide":
        hide_tab(program, state, event.tab, event.at_ms, silent=True)
        program.fold(state, "hide", NO_FIELDS, False, event.at_ms)
    elif event.name == "tab_closed":
        close_tab(state, event.tab, event.properties.get("hidden_ms"))


def _apply_to_tab(program: Program, state: State, event: Event) -> None:
    if event.name == "hide":
        hide_tab(program, state, event.tab, event.at_ms, silent=False)
        state.tabs[event.tab].measured = True
        return
    is_first = event.tab not in state.tabs
    entry = enter_tab(program, state, event.tab, event.at_ms)
    if is_first or event.name == "view":
        entry.foreign = event.origin in FOREIGN_ORIGINS
    match event.name:
        case "view":
            start_page(program, state, event.url, event.title, event.at_ms)
        case "show":
            entry.measured = True
            show_tab(state, entry, event.at_ms)
        case "scroll":
            _deepen(state, event.properties.get("depth"))
        case "heartbeat":
            entry.heartbeat = True
            _deepen(state, event.properties.get("scroll_percent"))
            _follow_visibility(program, state, event)
        case "page_leave":
            _deepen(state, event.properties.get("scroll_percent"))
            dwell_ms = event.properties.get("dwell_ms")
            if isinstance(dwell_ms, int | float) and event.tab == state.tab:
                correct_dwell(state, int(dwell_ms), event.at_ms)
            hide_tab(program, state, event.tab, event.at_ms, silent=True)
        case _:
            return


def _follow_visibility(program: Program, state: State, event: Event) -> None:
    visible = event.properties.get("visible")
    if visible is False:
        hide_tab(program, state, event.tab, event.at_ms, silent=False)
    elif visible is True:
        show_tab(state, state.tabs[event.tab], event.at_ms)


def _deepen(state: State, percent: object) -> None:
    if isinstance(percent, int | float) and not isinstance(percent, bool) and state.page_ms >= 0:
        state.scroll = max(state.scroll, min(100.0, max(0.0, float(percent))))


def _is_active(event: Event) -> bool:
    active_ms = event.properties.get("active_ms")
    return isinstance(active_ms, int | float) and active_ms > 0
