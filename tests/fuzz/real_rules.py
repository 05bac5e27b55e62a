"""Random visitors for rule sets that were written by hand: their own pages, events, fields, attributes."""

from collections.abc import Iterator
from datetime import date
from random import Random

from rules import checked as c
from rules.compiler.conditions import all_conditions
from rules.history import Happening
from rules.page_globs import PageGlob, address_key
from tests.strategies import SECOND_MS, START_MS, Pair

_TEXTS = ("", "Trial", "paid", "60601", "cooling")
_BUILT_IN = ("view", "view", "scroll", "click", "activity", "hide", "show", "visitor_message")


def real_pair(checked: c.CheckedSet, chance: Random) -> Pair:
    """Draw a visitor for a rule set."""
    some = [it for it in checked.attributes.values() if chance.random() < 0.5]
    given = {plan.name: _value(plan.type, chance) for plan in some}
    return Pair(checked, given, tuple(_happenings(checked, chance)))


def _happenings(checked: c.CheckedSet, chance: Random) -> Iterator[Happening]:
    pages = ["/", *map(_address, _globs(checked))]
    names = [*_BUILT_IN, *(name for name, plan in checked.events.items() if not plan.built_in)]
    at_ms, page_key = START_MS, ""
    for _ in range(chance.randint(3, 10)):
        name = chance.choice(names)
        plan = checked.events[name]
        if name == "view":
            page_key = address_key(chance.choice(pages))
        yield Happening(
            at_ms,
            name,
            page_key,
            fields={it.name: _value(it.type, chance) for it in plan.fields},
            is_activity=plan.is_activity,
            attributes=_changes(checked, chance),
            scroll_percent=chance.choice((20.0, 60.0, 90.0)) if name == "scroll" else 0.0,
        )
        at_ms += chance.choice((0, 1, 5, 10, 20, 30, 45)) * SECOND_MS


def _changes(checked: c.CheckedSet, chance: Random) -> dict[str, c.Value | None]:
    if chance.random() < 0.8:
        return {}
    plan = chance.choice(list(checked.attributes.values()))
    return {plan.name: _value(plan.type, chance)}


def _value(kind: c.ValueType, chance: Random) -> c.Value:
    match kind.kind:
        case "yes_no":
            return chance.random() < 0.5
        case "one_of":
            return chance.choice(kind.options)
        case "text":
            return chance.choice(_TEXTS)
        case "date":
            return date(2026, 5, chance.randint(1, 9)).toordinal()
        case "money":
            return chance.choice((0, 2_500, 9_900, 50_000))
        case _:
            return chance.choice((0, 1, 2, 20, 60))


def _globs(checked: c.CheckedSet) -> Iterator[PageGlob]:
    for rule in checked.rules:
        yield from () if rule.on is None else rule.on.globs
    for cond in all_conditions(checked):
        match cond:
            case c.PageTest():
                yield from cond.pages.globs
            case c.CountTest() | c.QuietFor() if cond.pattern.page is not None:
                yield from cond.pattern.page.globs
            case _:
                continue


def _address(glob: PageGlob) -> str:
    host = "" if glob.host is None else f"https://{glob.host.replace('*', 'a')}"
    return host + "/" + "/".join(segment.replace("*", "x") for segment in glob.segments)
