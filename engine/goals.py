"""Goals: which events are a conversion, and the message it counts for (LANGUAGE.md 7.4)."""

from collections.abc import Mapping

import msgspec

from engine.causes import Converted, Money
from engine.conversations.lifecycle import card_of
from engine.counts import Counted
from engine.effect import Ground
from engine.events import Event
from engine.fold import is_activity
from engine.profile import Grant
from engine.telling import count_of_message, tell
from rules.checked import GoalPlan, Value
from rules.compiler.folds import ACTIVITY
from rules.compiler.program import Program
from rules.history import Happening, pattern_matches
from rules.value_types import convert

_S_MS = 1_000
_CURRENCY_CHARS = 8


class Exposure(msgspec.Struct, frozen=True):
    """A message that a conversion counts for: on screen, or held out at the instant it would have been."""

    message: str
    rule: str
    variant: str
    campaign: str
    held_out: bool
    at_ms: int


def note_goals(ground: Ground, event: Event) -> None:
    """Record each goal that an event reaches, the first time in the session."""
    program, session = ground.program, ground.session
    if event.name not in program.goal_events and ACTIVITY not in program.goal_events:
        return
    for goal in program.checked.goals:
        if goal.name in session.goals or not reaches(program, goal, event, session.state.page_key):
            continue
        session.goals = [*session.goals, goal.name]
        exposure = _exposure(ground, goal, event.at_ms)
        if exposure is not None:
            _count(ground, exposure, first=len(session.goals) == 1)
        tell(ground, event.at_ms, _converted(ground, goal, event, exposure), goal.name)


def reaches(program: Program, goal: GoalPlan, event: Event, page_key: str) -> bool:
    """Tell whether an event matches any pattern of a goal on a page."""
    happening = Happening(
        at_ms=event.at_ms,
        event=event.name,
        page_key=page_key,
        fields=_fields(program, event),
        is_activity=is_activity(program, event),
    )
    return any(pattern_matches(pattern, happening) for pattern in goal.patterns)


def _fields(program: Program, event: Event) -> Mapping[str, Value]:
    plan = program.checked.events.get(event.name)
    fields: dict[str, Value] = {}
    for field in plan.fields if plan else ():
        raw = event.properties.get(field.name)
        value = field.default if raw is None else convert(field.type, raw)
        if value is not None:
            fields[field.name] = value
    return fields


def _exposure(ground: Ground, goal: GoalPlan, at_ms: int) -> Exposure | None:
    """Find the newest exposure in the session; else, with `within`, among the visitor's earlier ones."""
    for message in reversed(ground.session.messages):
        held_out = message.outcome == "held_out"
        if message.kind != "proactive" or not (held_out or message.displayed_ms >= 0):
            continue
        seen_ms = message.sent_ms if held_out else message.displayed_ms
        return Exposure(
            message.id, message.rule, message.variant, message.campaign, held_out, seen_ms
        )
    if goal.within_ms is None:
        return None
    earliest_ms = at_ms - goal.within_ms
    grants = [g for g in ground.profile.grants if g.at_ms >= earliest_ms]
    return _of_grant(grants[-1]) if grants else None


def _of_grant(grant: Grant) -> Exposure:
    return Exposure(grant.message, grant.rule, grant.variant, "", grant.held_out, grant.at_ms)


def _count(ground: Ground, exposure: Exposure, *, first: bool) -> None:
    """Count a message as converted once, by its first goal."""
    if first:
        what: Counted = "converted_held_out" if exposure.held_out else "converted"
        count_of_message(ground, exposure.rule, exposure.variant, exposure.campaign, what)


def _converted(
    ground: Ground, goal: GoalPlan, event: Event, exposure: Exposure | None
) -> Converted:
    value, currency = event.properties.get("total"), event.properties.get("currency")
    amount: Money | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        amount = value
    card = None if ground.session.talk is None else card_of(ground, event.at_ms)
    text = currency[:_CURRENCY_CHARS] if isinstance(currency, str) else None
    if exposure is None:
        return Converted(goal.name, amount, text, card=card)
    return Converted(
        goal=goal.name,
        value=amount,
        currency=text,
        message=exposure.message,
        rule=exposure.rule or None,
        variant=exposure.variant,
        campaign=exposure.campaign,
        held_out=exposure.held_out,
        seconds_since_message=max(0, event.at_ms - exposure.at_ms) // _S_MS,
        card=card,
    )
