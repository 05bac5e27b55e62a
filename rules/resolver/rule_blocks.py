"""Rule blocks: clauses into a plan, with the defaults of what is left out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar, assert_never

from rules.checked import (
    CapPlan,
    Cond,
    Constant,
    DayRange,
    PageList,
    RulePlan,
    ValueType,
    VariantPlan,
)
from rules.diagnostics import diagnose
from rules.durations import IN_SESSION
from rules.nodes import (
    About,
    Active,
    Allow,
    AssistantClause,
    During,
    Except,
    Expires,
    Limit,
    Name,
    On,
    OnAny,
    Owner,
    PageRef,
    Priority,
    Rule,
    RuleHoldout,
    RuleItem,
    Say,
    Tags,
    Unless,
    Variant,
    When,
)
from rules.resolver.canonical import short_hash
from rules.resolver.conditions import condition
from rules.resolver.declared_names import check_name
from rules.resolver.findings import mended
from rules.resolver.keys import conjunction
from rules.resolver.messages import message_plan
from rules.resolver.pages import page_list
from rules.resolver.policy import report_repeats
from rules.resolver.scope import Scope
from rules.resolver.times import cap, day_range
from rules.value_types import print_date

PRIORITY_DEFAULT = 50
PRIORITY_MAX = 100
LIMIT_MAX = 1_000
EXPIRES_MS = 120_000
VARIANTS_MAX = 5

ALWAYS = Constant(True, "always")

_Item = TypeVar("_Item", bound=RuleItem)


def _once_key(item: RuleItem) -> str | None:
    """Name a clause that may stand once, None for one that may repeat."""
    match item:
        case About() | Owner() | Tags() | Priority() | Active():
            return type(item).__name__.lower()
        case On():
            return "on page"
        case OnAny():
            return "on any page"
        case Expires():
            return "expires after"
        case AssistantClause():
            return "assistant"
        case RuleHoldout():
            return "holdout"
        case Limit() if item.scope.kind != "duration":
            return f"limit … per {item.scope.kind}"
        case Limit() | Except() | When() | Unless() | During() | Allow() | Variant() | Say():
            return None
        case never:
            assert_never(never)


def rule_plan(scope: Scope, node: Rule, number: int) -> RulePlan | None:
    """Resolve a rule; None when a part of it was reported."""
    before = len(scope.findings.diagnostics)
    report_repeats(scope, [(_once_key(item), item.span) for item in node.items])
    _report_places(scope, node)
    _report_messages(scope, node)
    when = _joined(scope, node)
    unless = [condition(scope, item.condition) for item in _all(node, Unless)]
    plan = RulePlan(
        number=number,
        name=node.name.text,
        title=node.title.value if node.title is not None else "",
        on=_pages(scope, node, On),
        except_on=_pages(scope, node, Except),
        when=ALWAYS if when is None else when,
        unless=tuple(item for item in unless if item is not None),
        priority=_priority(scope, node),
        limits=_limits(scope, node),
        active=_active(scope, node),
        during=_during(scope, node),
        expires_ms=_expires_ms(scope, node),
        assistant=_assistant(node),
        holdout_percent=_holdout_percent(scope, node),
        variants=_variants(scope, node),
        about=next((item.text.value for item in _all(node, About)), ""),
        tags=tuple(name.text for item in _all(node, Tags) for name in item.names),
        owner=next((item.text.value for item in _all(node, Owner)), ""),
        key="",
        span=node.span,
    )
    if _has_errors(scope, before):
        return None
    return _with_key(plan)


def _has_errors(scope: Scope, before: int) -> bool:
    return any(found.severity == "error" for found in scope.findings.diagnostics[before:])


def _with_key(plan: RulePlan) -> RulePlan:
    """Name a rule by everything that decides what it does; its place in the file does not."""
    return replace(plan, key=short_hash(replace(plan, number=0)))


def _all(node: Rule, kind: type[_Item]) -> list[_Item]:
    return [item for item in node.items if isinstance(item, kind)]


def _report_places(scope: Scope, node: Rule) -> None:
    has_pages, has_any = bool(_all(node, On)), bool(_all(node, OnAny))
    if has_pages and has_any:
        scope.findings.say(
            "OP138",
            node.name.span,
            f'rule {node.name.text} stands "on page" and "on any page" at once',
            "Only one of the two can hold; remove the other.",
        )
    elif not has_pages and not has_any:
        scope.findings.say(
            "OP138",
            node.name.span,
            f"rule {node.name.text} does not say on which pages it speaks",
            "A message fits a page; without one it would interrupt anywhere.",
            'on page "/pricing"',
            "on any page",
        )


def _report_messages(scope: Scope, node: Rule) -> None:
    says, variants = len(_all(node, Say)), len(_all(node, Variant))
    if (says == 1 and not variants) or (not says and variants):
        return
    name = node.name.text
    if not says:
        what, why = f"rule {name} has no message", "It would have nothing to tell the visitor."
    elif variants:
        what, why = f"rule {name} has a say and variants", "Nobody can tell which one is sent."
    else:
        what, why = f"rule {name} has {says} messages", "Nobody can tell which one is sent."
    tries = ('say "Can I help?"',) if not says else ()
    scope.findings.say("OP134", node.name.span, what, why, *tries)


def _joined(scope: Scope, node: Rule) -> Cond | None:
    items = [(condition(scope, item.condition), item.span) for item in _all(node, When)]
    found = [item for item, _ in items if item is not None]
    return conjunction(found, items[0][1]) if found else None


def _pages(scope: Scope, node: Rule, kind: type[On] | type[Except]) -> PageList | None:
    refs: Sequence[PageRef] = [ref for item in _all(node, kind) for ref in item.pages]
    return page_list(scope, refs) if refs else None


def _priority(scope: Scope, node: Rule) -> int:
    for item in _all(node, Priority):
        number = scope.whole(item.number, 0, PRIORITY_MAX, "a priority")
        return PRIORITY_DEFAULT if number is None else number
    return PRIORITY_DEFAULT


def _limits(scope: Scope, node: Rule) -> tuple[CapPlan, ...]:
    limits = []
    for item in _all(node, Limit):
        found = cap(scope, scope.whole(item.number, 1, LIMIT_MAX, "a limit"), item.scope)
        if found is not None:
            limits.append(found)
    if any(found.scope == "session" for found in limits):
        return tuple(limits)
    return (CapPlan(1, "session"), *limits)


def _active(scope: Scope, node: Rule) -> tuple[int, int] | None:
    for item in _all(node, Active):
        date_type = ValueType("date")
        first, last = scope.value(item.first, date_type), scope.value(item.last, date_type)
        if not isinstance(first, int) or not isinstance(last, int):
            return None
        if first > last:
            scope.findings.mend(
                "OP141",
                item.first.span.to(item.last.span),
                "this range of days has nothing in it",
                "It ends before it starts, so the rule would never speak.",
                f"{print_date(last)} to {print_date(first)}",
            )
            return None
        return first, last
    return None


def _during(scope: Scope, node: Rule) -> tuple[DayRange, ...]:
    ranges = [
        day_range(scope, item.start, item.end, item.clock, item.days) for item in _all(node, During)
    ]
    return tuple(found for found in ranges if found is not None)


def _expires_ms(scope: Scope, node: Rule) -> int:
    for item in _all(node, Expires):
        ms = scope.duration(item.duration, IN_SESSION)
        return EXPIRES_MS if ms is None else ms
    return EXPIRES_MS


def _assistant(node: Rule) -> str:
    for item in _all(node, AssistantClause):
        named = item.assistant
        return named.text if isinstance(named, Name) else named.value
    return "primary"


def _holdout_percent(scope: Scope, node: Rule) -> float:
    for item in _all(node, RuleHoldout):
        return scope.percent(item.share) or 0.0
    return 0.0


def _variants(scope: Scope, node: Rule) -> tuple[VariantPlan, ...]:
    for say in _all(node, Say):
        message = message_plan(scope, say)
        return () if message is None else (VariantPlan("", 100.0, message),)
    first: dict[str, Variant] = {}
    found = []
    for variant in _all(node, Variant):
        check_name(scope, "variant", variant.name)
        if variant.name.text in first:
            earlier = first[variant.name.text].name.span
            what = f'two variants are called "{variant.name.text}"'
            why = "Their results could not be told apart."
            second = diagnose("OP115", variant.name.span, what, why)
            scope.findings.twice(mended(second, f"{variant.name.text}_2"), earlier)
        first.setdefault(variant.name.text, variant)
        plan = _variant(scope, variant)
        found.extend([] if plan is None else [plan])
    if len(found) > VARIANTS_MAX:
        scope.findings.say(
            "OP105",
            _all(node, Variant)[VARIANTS_MAX].name.span,
            f"a rule has up to {VARIANTS_MAX} variants, and this one has {len(found)}",
            "With more, each is shown too seldom to learn anything.",
        )
    return tuple(found)


def _variant(scope: Scope, node: Variant) -> VariantPlan | None:
    percent = scope.percent(node.share)
    if len(node.messages) != 1:
        scope.findings.say(
            "OP134",
            node.name.span,
            f"variant {node.name.text} has {len(node.messages)} messages",
            "A variant is one message with its replies.",
            *(() if node.messages else ('say "Can I help?"',)),
        )
        return None
    message = message_plan(scope, node.messages[0])
    if percent is None or message is None:
        return None
    return VariantPlan(node.name.text, percent, message)
