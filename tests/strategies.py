"""Random rule sets in the checked form and random visitors, from any `random.Random`.

Hypothesis draws them through `st.randoms`, the fuzz command through a seed. All durations and times
are whole seconds, so that every change lies at a whole second or one millisecond after it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Literal as OneOf
from typing import TypeVar

from hypothesis import strategies as st

from rules import checked as c
from rules.history import Happening
from rules.page_globs import PageGlob, address_key

START_MS = 1_767_225_600_000
SECOND_MS = 1_000
HORIZON_S = 60
"""A visitor's last happening is earlier than this; bounds may lie behind it."""

T = TypeVar("T")

COMPARE_OPS: tuple[c.CompareOp, ...] = ("=", "!=", "<", "<=", ">", ">=")
EQUALITY_OPS: tuple[c.CompareOp, ...] = ("=", "!=")
TEXT_KINDS = ("text", "one_of")
STAGES = ("None", "trial", "paid")

_DAY = date(2026, 5, 1).toordinal()
_VALUES: dict[str, tuple[c.Value, ...]] = {
    "text": (" Ann ", "ANNA", "bo", "", "é"),
    "one_of": STAGES,
    "number": (0, 1, 2, 2.5, -1),
    "money": (0, 950, 1_200),
    "yes_no": (True, False),
    "date": (_DAY, _DAY + 1, _DAY + 2),
    "percent": (0.0, 40.0, 100.0),
}
_LITERALS: dict[str, tuple[c.Value, ...]] = {
    **_VALUES,
    "text": ("ann", "anna", "bo", "", "é"),
    "one_of": ("none", "trial", "paid"),
}
_PIECES = ("a", "an", "b", "", "é", "tri")


def _type(kind: c.ValueKind) -> c.ValueType:
    return c.ValueType(kind, STAGES if kind == "one_of" else ())


_TYPED: tuple[c.ValueKind, ...] = ("text", "number", "yes_no", "money", "date", "one_of")
_DEFAULTS: dict[str, c.Value] = {
    "text": "anna", "number": 1, "yes_no": False, "money": 950, "date": _DAY, "one_of": "None"
}  # fmt: skip

ATTRIBUTES: dict[str, c.AttributePlan] = {
    plan.name: plan
    for kind in _TYPED
    for plan in (
        c.AttributePlan(f"sure.{kind}", _type(kind), optional=False, default=_DEFAULTS[kind]),
        c.AttributePlan(f"maybe.{kind}", _type(kind), optional=True, default=None),
        c.AttributePlan(f"visitor.{kind}", _type(kind), optional=True, default=None),
    )
}


def _event(name: str, *fields: c.FieldPlan, is_activity: bool = True) -> c.EventPlan:
    return c.EventPlan(name, fields, is_activity)


EVENTS: dict[str, c.EventPlan] = {
    plan.name: plan
    for plan in (
        _event("view"),
        _event("scroll", c.FieldPlan("depth", _type("percent"))),
        _event("show"),
        _event("hide", is_activity=False),
        _event("activity"),
        _event("idle", c.FieldPlan("seconds", _type("number")), is_activity=False),
        _event("click", c.FieldPlan("target", _type("text"))),
        _event(
            "order",
            c.FieldPlan("total", _type("money")),
            c.FieldPlan("items", _type("number")),
            c.FieldPlan("stage", _type("one_of")),
            c.FieldPlan("gift", _type("yes_no")),
            c.FieldPlan("due", _type("date")),
        ),
    )
}
FAVOURITES = ("view", "click", "order", "activity", "scroll")
"""Each pair has three of these, for most of its patterns and happenings, so that they meet."""

ADDRESSES = (
    "/", "/pricing", "/pricing/teams", "/docs/a/b", "https://shop.example/cart?plan=pro",
    "https://eu.shop.example/cart", "/services/ac-repair",
)  # fmt: skip
PATTERNS = (
    "/", "/pricing", "/pricing/**", "/**", "/*", "/docs/**/b", "shop.example/cart", "*.shop.example/**",
    "/cart?plan=pro", "/cart?plan=*", "/services/*-repair",
)  # fmt: skip


def _glob(pattern: str) -> PageGlob:
    parsed = PageGlob.parse(pattern)
    assert isinstance(parsed, PageGlob)
    return parsed


GLOBS = tuple(_glob(pattern) for pattern in PATTERNS)


@dataclass(frozen=True)
class Maker:
    """Draws the parts of a rule set and a visitor from one source of chance."""

    chance: Random
    favourites: tuple[str, ...] = FAVOURITES

    def one(self, options: Sequence[T]) -> T:
        """Draw one of the options."""
        return options[self.chance.randrange(len(options))]

    def often(self, percent: int) -> bool:
        """Draw yes in so many of a hundred cases."""
        return self.chance.randrange(100) < percent

    def seconds(self) -> int:
        """Draw a duration of whole seconds; short ones, that happenings are often apart by."""
        return self.one((1, 2, 2, 3, 3, 4, 5, 5, 8, 13)) * SECOND_MS

    # ---- pages, patterns

    def pages(self) -> c.PageList:
        """Draw a list of one to three page patterns."""
        globs = tuple(self.one(GLOBS) for _ in range(self.chance.randint(1, 3)))
        return c.PageList(globs, ", ".join(glob.source for glob in globs))

    def pattern(self) -> c.Pattern:
        """Draw an event pattern, sometimes with pages and filters."""
        name = self.one(self.favourites) if self.often(85) else self.one(tuple(EVENTS))
        plan = EVENTS[name]
        page = self.pages() if self.often(20) else None
        filters: tuple[c.FieldFilter, ...] = ()
        if plan.fields and self.often(30):
            filters = tuple(self.filter(plan) for _ in range(self.chance.randint(1, 2)))
        where = "" if page is None else f" of {page.key}"
        return c.Pattern(name, page, filters, f"{name}{where} {list(map(_filter_key, filters))}")

    def filter(self, plan: c.EventPlan) -> c.FieldFilter:
        """Draw a test of one of an event's fields."""
        field = self.one(plan.fields)
        kind = field.type.kind
        literals = _LITERALS[kind]
        tests = ["compare", "compare", "in"]
        if kind == "text":
            tests += ["contains", "starts_with"]
        elif kind not in ("yes_no", "one_of"):
            tests.append("between")
        match self.one(tests):
            case "in":
                members = tuple(self.one(literals) for _ in range(self.chance.randint(1, 3)))
                return c.FieldFilter(field.name, kind, "in", None, members)
            case "contains":
                return c.FieldFilter(field.name, kind, "contains", None, (self.one(_PIECES),))
            case "starts_with":
                return c.FieldFilter(field.name, kind, "starts_with", None, (self.one(_PIECES),))
            case "between":
                ends = tuple(sorted((self.one(literals), self.one(literals))))
                return c.FieldFilter(field.name, kind, "between", None, ends)
            case _:
                return c.FieldFilter(
                    field.name, kind, "compare", self.op(kind), (self.one(literals),)
                )

    def op(self, kind: str) -> c.CompareOp:
        """Draw an operator that the type has."""
        equal_only = kind in (*TEXT_KINDS, "yes_no")
        return self.one(EQUALITY_OPS if equal_only else COMPARE_OPS)

    # ---- conditions

    def cond(self, depth: int, *, score: bool = True) -> c.Cond:
        """Draw a condition of at most so many levels; without score tests inside a score term."""
        makers: list[Callable[[], c.Cond]] = list(self.atoms)
        if not score:
            makers = [maker for maker in makers if maker != self.score_test]
        if depth > 0 and self.often(60):
            makers = [
                lambda: self.joined(depth - 1, score=score),
                lambda: self.negation(depth - 1, score=score),
                lambda: self.held(depth - 1, score=score),
            ]
        return self.one(makers)()

    def joined(self, depth: int, *, score: bool) -> c.Cond:
        """Draw two or three conditions joined by one word."""
        number = self.chance.randint(2, 3)
        items = tuple(self.cond(depth, score=score) for _ in range(number))
        if self.often(50):
            return c.All(items, f"({' and '.join(item.key for item in items)})")
        return c.AnyOf(items, f"({' or '.join(item.key for item in items)})")

    def negation(self, depth: int, *, score: bool) -> c.Cond:
        """Draw a negated condition."""
        item = self.cond(depth, score=score)
        return c.Negation(item, f"not {item.key}")

    def held(self, depth: int, *, score: bool) -> c.Cond:
        """Draw a held condition."""
        item, hold_ms = self.cond(depth, score=score), self.seconds()
        return c.Throughout(item, hold_ms, f"({item.key}) for {hold_ms}")

    @property
    def atoms(self) -> tuple[Callable[[], c.Cond], ...]:
        """List the makers of conditions without parts; those about time stand more than once."""
        timed = (self.clock_test, self.count_test, self.sequence_test, self.quiet_for)
        state = (self.score_test, self.score_test, self.scroll_test, self.page_test, self.constant)
        about_attributes = (
            self.attribute_test, self.attribute_pair, self.member, self.text_check, self.known, self.yes_no
        )  # fmt: skip
        return timed * 3 + state + about_attributes

    def clock_test(self) -> c.Cond:
        """Draw a test of a clock."""
        clocks: tuple[c.ClockName, ...] = (
            "time_on_page",
            "time_on_site",
            "page_age",
            "session_age",
        )
        clock, op, limit_ms = (
            self.one(clocks),
            self.one(COMPARE_OPS),
            self.seconds() + self.one((0, 0, 5_000, 20_000)),
        )
        return c.ClockTest(clock, op, limit_ms, f"{clock} {op} {limit_ms}")

    def score_test(self) -> c.Cond:
        """Draw a test of the score."""
        op, number = self.one(COMPARE_OPS), self.one((0, 1, 5, 12, 30, 50, 77, 99, 100))
        return c.ScoreTest(op, number, f"score {op} {number}")

    def scroll_test(self) -> c.Cond:
        """Draw a test of the scroll depth."""
        op, percent = self.one(COMPARE_OPS), self.one((0.0, 30.0, 40.0, 100.0))
        return c.ScrollTest(op, percent, f"scroll_depth {op} {percent}")

    def page_test(self) -> c.Cond:
        """Draw a test of the current page."""
        pages = self.pages()
        return c.PageTest(pages, f"page {pages.key}")

    def constant(self) -> c.Cond:
        """Draw always or never."""
        always = self.often(70)
        return c.Constant(always, "always" if always else "never")

    def attribute_test(self) -> c.Cond:
        """Draw an attribute against a literal."""
        plan = self.one(tuple(ATTRIBUTES.values()))
        op, literal = self.op(plan.type.kind), self.one(_LITERALS[plan.type.kind])
        return c.AttributeTest(plan, op, literal, f"{plan.name} {op} {literal!r}")

    def attribute_pair(self) -> c.Cond:
        """Draw an attribute against another of its type."""
        kind = self.one(_TYPED)
        names = (f"sure.{kind}", f"maybe.{kind}", f"visitor.{kind}")
        plan, other = ATTRIBUTES[self.one(names)], ATTRIBUTES[self.one(names)]
        op = self.op(kind)
        return c.AttributePair(plan, op, other, f"{plan.name} {op} {other.name}")

    def member(self) -> c.Cond:
        """Draw an attribute in a list."""
        plan = self.one(tuple(ATTRIBUTES.values()))
        literals = _LITERALS[plan.type.kind]
        values = tuple(self.one(literals) for _ in range(self.chance.randint(1, 3)))
        return c.Member(plan, values, f"{plan.name} in {values!r}")

    def text_check(self) -> c.Cond:
        """Draw a test of a part of a text."""
        plan = ATTRIBUTES[self.one(("sure.text", "maybe.text", "visitor.one_of"))]
        piece = self.one(_PIECES)
        if self.often(50):
            return c.TextCheck(plan, "contains", piece, f"{plan.name} contains {piece!r}")
        return c.TextCheck(plan, "starts_with", piece, f"{plan.name} starts with {piece!r}")

    def known(self) -> c.Cond:
        """Draw whether an attribute is known."""
        plan = self.one(tuple(ATTRIBUTES.values()))
        return c.Known(plan, f"{plan.name} is known")

    def yes_no(self) -> c.Cond:
        """Draw a yes_no attribute alone."""
        plan = ATTRIBUTES[self.one(("sure.yes_no", "maybe.yes_no"))]
        return c.YesNo(plan, plan.name)

    def count_test(self) -> c.Cond:
        """Draw a count in one of the three scopes."""
        pattern, number = self.pattern(), self.chance.randint(0, 3)
        bound: OneOf["least", "most"] = self.one(("least", "least", "most"))
        scope: OneOf["window", "session", "page"] = self.one(
            ("window", "window", "session", "page")
        )
        window_ms = self.seconds() if scope == "window" else None
        key = f"at {bound} {number} {pattern.key} {scope} {window_ms}"
        return c.CountTest(bound, number, pattern, scope, window_ms, key)

    def sequence_test(self) -> c.Cond:
        """Draw a sequence with any tail; with one step only `then no` is left."""
        steps = tuple(self.pattern() for _ in range(self.one((1, 2, 2, 2, 3))))
        key = "seen " + " then ".join(step.key for step in steps)
        tail = (
            self.one(("ever", "within", "within", "in_last", "then_no"))
            if len(steps) > 1
            else "then_no"
        )
        tail_ms = self.seconds()
        match tail:
            case "within":
                return c.SequenceTest(steps, "within", tail_ms, None, f"{key} within {tail_ms}")
            case "in_last":
                return c.SequenceTest(steps, "in_last", tail_ms, None, f"{key} in last {tail_ms}")
            case "then_no":
                absent = self.pattern()
                key = f"{key} then no {absent.key} for {tail_ms}"
                return c.SequenceTest(steps, "then_no", tail_ms, absent, key)
            case _:
                return c.SequenceTest(steps, "ever", None, None, key)

    def quiet_for(self) -> c.Cond:
        """Draw `no E for d`."""
        pattern, quiet_ms = self.pattern(), self.seconds()
        return c.QuietFor(pattern, quiet_ms, f"no {pattern.key} for {quiet_ms}")

    # ---- score, rules, sets

    def score_plan(self) -> c.ScorePlan:
        """Draw a score block of either form."""
        likelihood = self.often(40)
        terms = [self.term(likelihood=likelihood) for _ in range(self.chance.randint(0, 4))]
        start = c.StartTerm(self.amount(likelihood=likelihood))
        return c.ScorePlan(likelihood, tuple([start, *terms] if self.often(70) else terms))

    def amount(self, *, likelihood: bool) -> float:
        """Draw an amount: whole points, or log-odds."""
        sign = self.one((-1, 1, 1))
        return (
            sign * self.one((0.1, 0.35, 1.0, 2.25))
            if likelihood
            else sign * self.one((1, 5, 12, 40))
        )

    def term(self, *, likelihood: bool) -> c.Term:
        """Draw one term of a score."""
        amount = self.amount(likelihood=likelihood)
        up_to = (
            abs(amount) * self.one((1, 2.5, 4)) if likelihood else abs(amount) * self.one((1, 2, 4))
        )
        clocks: tuple[c.ClockName, ...] = (
            "time_on_page",
            "time_on_site",
            "page_age",
            "session_age",
        )
        match self.one(("when", "when", "time", "time", "event")):
            case "when":
                return c.WhenTerm(amount, self.cond(1, score=False))
            case "time":
                return c.TimeTerm(amount, self.one(clocks), self.seconds(), up_to)
            case _:
                return c.EventTerm(amount, self.pattern(), up_to)

    def rule(self, number: int) -> c.RulePlan:
        """Draw a rule's stages; what comes after them is fixed."""
        unless = tuple(self.cond(1) for _ in range(self.one((0, 0, 0, 1, 2))))
        return c.RulePlan(
            number=number,
            name=f"rule_{number}",
            title="",
            on=self.pages() if self.often(40) else None,
            except_on=self.pages() if self.often(15) else None,
            when=self.cond(self.one((0, 1, 2, 3))),
            unless=unless,
            priority=50,
            limits=(),
            active=None,
            during=(),
            expires_ms=120_000,
            assistant="primary",
            holdout_percent=0,
            variants=(c.VariantPlan("", 100, c.MessagePlan(c.Template(("Hello",), "Hello"), ())),),
            about="",
            tags=(),
            owner="",
            key=f"rule_{number}",
        )

    def rule_set(self) -> c.CheckedSet:
        """Draw a set of one to four rules."""
        return c.CheckedSet(
            site="default",
            timezone="UTC",
            attributes=ATTRIBUTES,
            events=EVENTS,
            pages={},
            policy=c.PolicyPlan(),
            score=self.score_plan(),
            rules=tuple(self.rule(number) for number in range(self.chance.randint(1, 4))),
            answers=(),
            goals=(),
            tests=(),
            currency="$",
            version="0" * 16,
        )

    # ---- visitors

    def visitor(self) -> tuple[Happening, ...]:
        """Draw a session: a first happening at its start, then some more, often at one instant."""
        at_s, page_key = 0, ""
        happenings: list[Happening] = []
        for _ in range(self.chance.randint(1, 14)):
            happening = self.happening(START_MS + at_s * SECOND_MS, page_key)
            if happening.event == "view" and not happening.counted_only:
                page_key = happening.page_key
            happenings.append(happening)
            at_s += self.one((0, 0, 1, 1, 2, 2, 3, 5, 8))
            if at_s >= HORIZON_S:
                break
        return tuple(happenings)

    def happening(self, at_ms: int, page_key: str) -> Happening:
        """Draw one happening on a page; one in twelve came too late and is only counted."""
        if self.often(12):
            return Happening(at_ms, "", page_key, attributes=self.attributes())
        name = self.one(self.favourites) if self.often(70) else self.one(tuple(EVENTS))
        plan = EVENTS[name]
        return Happening(
            at_ms,
            name,
            page_key=address_key(self.one(ADDRESSES)) if name == "view" else page_key,
            fields=self.fields(plan),
            is_activity=plan.is_activity and self.often(90),
            attributes=self.attributes() if self.often(15) else {},
            scroll_percent=self.one((0.0, 10.0, 30.0, 40.0, 100.0)) if name == "scroll" else 0.0,
            counted_only=self.often(8),
        )

    def fields(self, plan: c.EventPlan) -> dict[str, c.Value]:
        """Draw values for some of an event's fields."""
        return {
            field.name: self.one(_VALUES[field.type.kind])
            for field in plan.fields
            if self.often(75)
        }

    def attributes(self) -> dict[str, c.Value | None]:
        """Draw changes of one to three attributes; some become absent."""
        changes: dict[str, c.Value | None] = {}
        for _ in range(self.chance.randint(1, 3)):
            plan = self.one(tuple(ATTRIBUTES.values()))
            changes[plan.name] = None if self.often(20) else self.one(_VALUES[plan.type.kind])
        return changes

    def given(self) -> dict[str, c.Value]:
        """Draw the attributes that are there from the start."""
        some = [plan for plan in ATTRIBUTES.values() if self.often(40)]
        return {plan.name: self.one(_VALUES[plan.type.kind]) for plan in some}


def _filter_key(test: c.FieldFilter) -> str:
    return f"{test.field} {test.test} {test.op} {test.values!r}"


@dataclass(frozen=True)
class Pair:
    """A rule set and a visitor."""

    checked: c.CheckedSet
    given: dict[str, c.Value]
    happenings: tuple[Happening, ...]


def random_pair(chance: Random) -> Pair:
    """Draw a rule set and a visitor."""
    maker = Maker(chance, tuple(chance.sample(FAVOURITES, 3)))
    return Pair(maker.rule_set(), maker.given(), maker.visitor())


pairs = st.randoms(use_true_random=False).map(random_pair)
"""Rule sets with visitors, for laws."""

rule_sets = st.randoms(use_true_random=False).map(lambda chance: Maker(chance).rule_set())
"""Rule sets alone, for laws of the compiler."""
