"""Which rules a page and an event concern: whole numbers as bit sets, learned once a page (LANGUAGE.md 18)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rules.checked import (
    CheckedSet,
    Cond,
    CountTest,
    EventTerm,
    QuietFor,
    RulePlan,
    ScoreTest,
    ScrollTest,
    SequenceTest,
)
from rules.compiler.build import Decider, Folder
from rules.compiler.conditions import score_conditions, walk
from rules.compiler.layout import Layout, attributes_of
from rules.compiler.plans import Plan
from rules.page_globs import SegmentTrie

PAGES_MAX = 2_048
"""Pages remembered with their bits; beyond it the one learned first is forgotten and learned again."""

PAGE_EVENTS = frozenset({"view", "show", "hide"})
"""They can change the current page, and with it everything."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an event does on a page: the functions it runs, and whether held conditions read what they change.

    An event that does not stir them can only be activity, which `Program.look` takes into account.
    """

    functions: tuple[Folder, ...]
    stirs: bool


@dataclass(slots=True)
class KnownPage:
    """What a program knows of one page: bits of the tested lists, the mask of rules that may speak.

    `plan` decides all these rules, `decide` alone once one function does, and `heard` is what events do
    here, by name: all are made when they are first asked for.
    """

    bits: int
    rules: int
    plan: Plan | None = None
    decide: Decider | None = None
    heard: dict[str, Heard] = field(default_factory=dict)


class PageIndex(dict[str, KnownPage]):
    """What is known of each page, by its key: a page costs one walk over the trie, then one look-up.

    "" is no page, where only rules of any page may speak.
    """

    def __init__(self, rules: Iterable[RulePlan], layout: Layout) -> None:
        """Index the tested lists first, so that their bits stay small, then those of the rules."""
        lists = {pages.key: pages for pages in layout.tested_lists}
        self._tested = (1 << len(lists)) - 1
        self._anywhere = 0
        self._on: dict[str, int] = {}
        self._except: dict[str, int] = {}
        for rule in rules:
            bit = 1 << rule.number
            if rule.on is None:
                self._anywhere |= bit
            else:
                lists.setdefault(rule.on.key, rule.on)
                self._on[rule.on.key] = self._on.get(rule.on.key, 0) | bit
            if rule.except_on is not None:
                lists.setdefault(rule.except_on.key, rule.except_on)
                self._except[rule.except_on.key] = self._except.get(rule.except_on.key, 0) | bit
        self._keys = tuple(lists)
        self._trie = SegmentTrie([pages.globs for pages in lists.values()])

    def __missing__(self, page_key: str) -> KnownPage:
        """Learn a page, and forget the one learned first when there are too many."""
        bits = self._trie.bits(page_key) if page_key else 0
        allowed, denied, rest = self._anywhere, 0, bits
        while rest:
            lowest = rest & -rest
            key = self._keys[lowest.bit_length() - 1]
            allowed |= self._on.get(key, 0)
            denied |= self._except.get(key, 0)
            rest ^= lowest
        known = KnownPage(bits & self._tested, allowed & ~denied)
        if len(self) >= PAGES_MAX:
            del self[next(iter(self))]
        self[page_key] = known
        return known


@dataclass(slots=True)
class _Reads:
    """What a condition's value hangs on besides the clock."""

    events: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    score: bool = False

    def add(self, cond: Cond) -> None:
        match cond:
            case CountTest() | QuietFor():
                self.events.add(cond.pattern.event)
            case SequenceTest():
                self.events.update(step.event for step in cond.steps)
                if cond.absent is not None:
                    self.events.add(cond.absent.event)
            case ScoreTest():
                self.score = True
            case ScrollTest():
                self.events.add("scroll")
            case _:
                self.attributes.update(plan.name for plan in attributes_of(cond))

    def join(self, other: "_Reads") -> None:
        self.events |= other.events
        self.attributes |= other.attributes


class EventIndex:
    """Which rules an event, or an attribute that changed, concerns."""

    def __init__(self, checked: CheckedSet) -> None:
        """Read every rule once."""
        self._by_event: dict[str, int] = {}
        self._by_attribute: dict[str, int] = {}
        score = _score_reads(checked)
        for rule in checked.rules:
            bit = 1 << rule.number
            reads = _rule_reads(rule)
            if reads.score:
                reads.join(score)
            for event in reads.events:
                self._by_event[event] = self._by_event.get(event, 0) | bit
            for name in reads.attributes:
                self._by_attribute[name] = self._by_attribute.get(name, 0) | bit

    def of_event(self, name: str) -> int:
        """Return the rules that an event can change; -1, all of them, when the page may change."""
        if name in PAGE_EVENTS:
            return -1
        return self._by_event.get(name, 0) | self._by_event.get("activity", 0)

    def of_attributes(self, names: Iterable[str]) -> int:
        """Return the rules that read one of the attributes."""
        found = 0
        for name in names:
            found |= self._by_attribute.get(name, 0)
        return found


def _rule_reads(rule: RulePlan) -> _Reads:
    reads = _Reads()
    for root in (rule.when, *rule.unless):
        for cond in walk(root):
            reads.add(cond)
    return reads


def _score_reads(checked: CheckedSet) -> _Reads:
    reads = _Reads()
    for cond in score_conditions(checked):
        reads.add(cond)
    for term in checked.score.terms:
        if isinstance(term, EventTerm):
            reads.events.add(term.pattern.event)
    return reads
