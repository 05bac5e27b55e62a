"""Short makers of checked conditions and of one-tab histories, for tests that need no rule text."""

from collections.abc import Mapping
from typing import Literal as OneOf

from rules import checked as c
from rules.history import Happening, History
from rules.page_globs import PageGlob

T0 = 1_767_225_600_000
"""The start of every session here."""

NO_SCORE = c.ScorePlan(likelihood=False, terms=())


def s(seconds: float) -> int:
    """Return seconds as milliseconds."""
    return round(seconds * 1_000)


def at(seconds: float) -> int:
    """Return the instant so many seconds after the start."""
    return T0 + s(seconds)


def pages(*patterns: str) -> c.PageList:
    globs = tuple(PageGlob.parse(pattern) for pattern in patterns)
    assert all(isinstance(glob, PageGlob) for glob in globs)
    return c.PageList(tuple(g for g in globs if isinstance(g, PageGlob)), ", ".join(patterns))


def pattern(event: str, page: c.PageList | None = None, *filters: c.FieldFilter) -> c.Pattern:
    return c.Pattern(event, page, filters, f"{event} {page and page.key} {filters}")


def attribute(
    name: str, kind: c.ValueKind = "text", default: c.Value | None = None
) -> c.AttributePlan:
    return c.AttributePlan(name, c.ValueType(kind), optional=default is None, default=default)


def count(bound: str, number: int, event: str, window_s: float | None = None) -> c.CountTest:
    key = f"at {bound} {number} {event} {window_s}"
    which: OneOf["least", "most"] = "least" if bound == "least" else "most"
    if window_s is None:
        return c.CountTest(which, number, pattern(event), "session", None, key)
    return c.CountTest(which, number, pattern(event), "window", s(window_s), key)


def quiet(event: str, seconds: float) -> c.QuietFor:
    return c.QuietFor(pattern(event), s(seconds), f"no {event} for {seconds}")


def clock(name: c.ClockName, op: c.CompareOp, seconds: float) -> c.ClockTest:
    return c.ClockTest(name, op, s(seconds), f"{name} {op} {seconds}")


def held(item: c.Cond, seconds: float) -> c.Throughout:
    return c.Throughout(item, s(seconds), f"({item.key}) for {seconds}")


def both(*items: c.Cond) -> c.All:
    return c.All(items, " and ".join(item.key for item in items))


def either(*items: c.Cond) -> c.AnyOf:
    return c.AnyOf(items, " or ".join(item.key for item in items))


def negated(item: c.Cond) -> c.Negation:
    return c.Negation(item, f"not {item.key}")


def always() -> c.Constant:
    return c.Constant(value=True, key="always")


def never() -> c.Constant:
    return c.Constant(value=False, key="never")


def unknown() -> c.Cond:
    """Return a condition that is unknown in every history without attributes."""
    return c.AttributeTest(attribute("visitor.absent"), "=", "x", "visitor.absent = x")


def sequence(*events: str, within_s: float | None = None) -> c.SequenceTest:
    tail_ms = None if within_s is None else s(within_s)
    steps = tuple(pattern(event) for event in events)
    return c.SequenceTest(
        steps, "ever" if within_s is None else "within", tail_ms, None, f"{events} within {tail_ms}"
    )


def ended_in_last(*events: str, seconds: float) -> c.SequenceTest:
    steps = tuple(pattern(event) for event in events)
    return c.SequenceTest(steps, "in_last", s(seconds), None, f"{events} in last {seconds}")


def then_no(*events: str, absent: str, seconds: float) -> c.SequenceTest:
    steps = tuple(pattern(event) for event in events)
    key = f"{events} then no {absent} for {seconds}"
    return c.SequenceTest(steps, "then_no", s(seconds), pattern(absent), key)


def rule(
    when: c.Cond, *unless: c.Cond, on: c.PageList | None = None, off: c.PageList | None = None
) -> c.RulePlan:
    """Return a rule with these stages; what comes after them is of no interest here."""
    message = c.MessagePlan(c.Template(("Hello",), "Hello"), ())
    return c.RulePlan(
        number=0, name="greet", title="", on=on, except_on=off, when=when, unless=unless, priority=50,
        limits=(), active=None, during=(), expires_ms=120_000, assistant="primary", holdout_percent=0,
        variants=(c.VariantPlan("", 100, message),), about="", tags=(), owner="", key="greet",
    )  # fmt: skip


def event(seconds: float, name: str, page: str = "/a", /, **fields: c.Value) -> Happening:
    return Happening(at(seconds), name, page, fields, is_activity=name not in ("hide", "idle"))


def change(seconds: float, **attributes: c.Value | None) -> Happening:
    """Return a bare change of attributes; `__` in a name stands for the dot."""
    changes = {name.replace("__", "."): changed for name, changed in attributes.items()}
    return Happening(at(seconds), "", attributes=changes)


def late(seconds: float, name: str, page: str = "/a") -> Happening:
    """Return an event that came more than ten seconds late."""
    return Happening(at(seconds), name, page, is_activity=True, counted_only=True)


def history(
    *happenings: Happening,
    score: c.ScorePlan = NO_SCORE,
    given: Mapping[str, c.Value] | None = None,
) -> History:
    return History(score, T0, happenings, given or {})
