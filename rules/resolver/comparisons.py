"""Comparisons: attributes, clocks, the score and the scroll depth against values."""

from collections.abc import Sequence
from itertools import chain

from rules.checked import (
    AttributePair,
    AttributePlan,
    ClockTest,
    CompareOp,
    Cond,
    Constant,
    FieldPlan,
    Known,
    ScoreTest,
    ScrollTest,
    TextCheck,
    Value,
)
from rules.nodes import Between, Compare, InSet, Literal, Presence, Ref, TextTest, Truthy
from rules.resolver.findings import Nameless
from rules.resolver.keys import (
    attribute_key,
    attribute_test,
    conjunction,
    disjunction,
    member,
    negation,
    value_key,
    yes_no,
)
from rules.resolver.literals import WORDS, quoted
from rules.resolver.patterns import ORDERED, ends_in_order, set_values
from rules.resolver.scope import Scope
from rules.schema import CLOCKS, COMPUTED
from rules.span import Span
from rules.value_types import fold

SCORE_MAX = 100

NO_ATTRIBUTE = Nameless(
    "OP110", "attribute", "It would never be known, so the rule would stay silent."
)


def attribute_of(scope: Scope, ref: Ref) -> AttributePlan | None:
    """Find the attribute a reference names, or report it (OP110, OP118)."""
    plan = scope.attribute(ref.name)
    if plan is None:
        if not scope.is_broken("attribute", ref.name):
            _report_unknown(scope, ref)
        return None
    if plan.name == "score" and scope.in_score:
        scope.findings.say(
            "OP118",
            ref.span,
            "a term of the score looks at the score",
            "The score cannot be its own reason; use what it is made of.",
            "+10 when time_on_page >= 45s",
        )
        return None
    return plan


def _report_unknown(scope: Scope, ref: Ref) -> None:
    name = ref.name
    if name in scope.defines:
        scope.findings.say(
            "OP110",
            ref.span,
            f'"{name}" is a define: it stands alone, without a comparison',
            "A define is a whole condition.",
        )
        return
    if name in scope.events:
        scope.findings.mend(
            "OP110",
            ref.span,
            f'"{name}" is an event, not an attribute',
            "Whether it happened is asked with seen.",
            f"seen {name}",
        )
        return
    known = chain(scope.attributes, scope.defines)
    line = f"attribute {name}: text optional"
    scope.findings.unknown(NO_ATTRIBUTE, ref.span, name, known, line)


def _report_operator(
    scope: Scope, node: Compare | Between | TextTest, operator: str, plan: AttributePlan
) -> None:
    kind = plan.type.kind
    usable = {"text": "=, !=, in, contains and starts with", "one_of": "=, != and in"}
    scope.findings.mend(
        "OP121",
        node.span,
        f'"{operator}" does not fit {plan.name}, which is {WORDS[kind]}',
        f"For {WORDS[kind]} there are {usable.get(kind, '=, !=, <, <=, >, >=, between and in')}."
        if kind != "yes_no"
        else "It stands alone, or with = yes and = no.",
        _mended_comparison(node, plan),
    )


def _mended_comparison(node: Compare | Between | TextTest, plan: AttributePlan) -> str:
    """Write what an author who orders texts may have meant; else a comparison that makes sense."""
    value = node.value if isinstance(node, Compare) else None
    if isinstance(value, Literal) and value.kind == plan.type.kind == "text":
        return f"{plan.name} = {quoted(value.text)}"
    return _comparison(plan)


def literal_test(plan: AttributePlan, op: CompareOp, value: Value, span: Span) -> Cond:
    """Compare an attribute of any kind with a value in checked units."""
    if plan.name in CLOCKS and isinstance(value, int):
        return ClockTest(plan.name, op, value, f"{plan.name} {op} {value}", span)
    if plan.name == "score" and isinstance(value, int | float):
        return ScoreTest(op, float(value), f"score {op} {value_key(value)}", span)
    if plan.name == "scroll_depth" and isinstance(value, int | float):
        return ScrollTest(op, float(value), f"scroll_depth {op} {value_key(value)}", span)
    return attribute_test(plan, op, value, span)


def _value(scope: Scope, plan: AttributePlan, literal: Literal) -> Value | None:
    value = scope.value(literal, plan.type)
    if plan.name == "score" and isinstance(value, int | float) and not 0 <= value <= SCORE_MAX:
        scope.findings.mend(
            "OP105",
            literal.span,
            f"the score is never {literal.text}",
            f"It is a whole number from 0 to {SCORE_MAX}.",
            str(SCORE_MAX if value > 0 else 0),
        )
        return None
    return value


def compare(scope: Scope, node: Compare) -> Cond | None:
    """Resolve `ref OP value`."""
    plan = attribute_of(scope, node.ref)
    if isinstance(node.value, Ref):
        other = attribute_of(scope, node.value)
        return None if plan is None or other is None else _pair(scope, node, plan, other)
    if plan is None:
        return None
    if node.op not in ("=", "!=") and plan.type.kind not in ORDERED:
        _report_operator(scope, node, node.op, plan)
        return None
    value = _value(scope, plan, node.value)
    return None if value is None else literal_test(plan, node.op, value, node.span)


def _pair(scope: Scope, node: Compare, plan: AttributePlan, other: AttributePlan) -> Cond | None:
    kinds = {"text" if side.type.kind == "one_of" else side.type.kind for side in (plan, other)}
    if len(kinds) > 1:
        scope.findings.say(
            "OP120",
            node.span,
            f"{plan.name} is {WORDS[plan.type.kind]}, and {other.name} is {WORDS[other.type.kind]}",
            "Values of two types are never equal, so the condition could never hold.",
        )
        return None
    if node.op not in ("=", "!=") and plan.type.kind not in ORDERED:
        _report_operator(scope, node, node.op, plan)
        return None
    if plan.name in COMPUTED or other.name in COMPUTED:
        computed = plan if plan.name in COMPUTED else other
        scope.findings.say(
            "OP121",
            node.span,
            f"{computed.name} is compared with a literal only",
            "It changes by itself; a second moving side has no bound.",
        )
        return None
    key = f"{attribute_key(plan)} {node.op} {attribute_key(other)}"
    return AttributePair(plan, node.op, other, key, node.span)


def between(scope: Scope, node: Between) -> Cond | None:
    """Resolve `ref between A and B`: both ends are included."""
    plan = attribute_of(scope, node.ref)
    if plan is None:
        return None
    if plan.type.kind not in ORDERED:
        _report_operator(scope, node, "between", plan)
        return None
    low, high = _value(scope, plan, node.low), _value(scope, plan, node.high)
    if low is None or high is None or not ends_in_order(scope, (node.low, node.high), (low, high)):
        return None
    ends = (
        literal_test(plan, ">=", low, node.span),
        literal_test(plan, "<=", high, node.span),
    )
    return conjunction(ends, node.span)


def in_set(scope: Scope, node: InSet) -> Cond | None:
    """Resolve `ref in SET` and `ref not in SET`."""
    plan = attribute_of(scope, node.ref)
    if plan is None:
        return None
    values = set_values(scope, node.values, FieldPlan(plan.name, plan.type))
    if values is None:
        return None
    found = _among(plan, values, node.span)
    return negation(found, node.span) if node.negated else found


def _among(plan: AttributePlan, values: Sequence[Value], span: Span) -> Cond:
    if plan.name not in COMPUTED:
        return member(plan, values, span)
    return disjunction([literal_test(plan, "=", value, span) for value in values], span)


def text_test(scope: Scope, node: TextTest) -> Cond | None:
    """Resolve `contains`, `starts with` and `matches`."""
    plan = attribute_of(scope, node.ref)
    if plan is None:
        return None
    operator = "starts with" if node.test == "starts_with" else node.test
    if plan.type.kind not in ("text", "one_of"):
        _report_operator(scope, node, operator, plan)
        return None
    if node.test == "matches":
        _report_regex(scope, node)
        return None
    text = fold(node.text.value)
    return TextCheck(
        plan, node.test, text, f"{attribute_key(plan)} {node.test} {value_key(text)}", node.span
    )


def _report_regex(scope: Scope, node: TextTest) -> None:
    plain = "".join(char if char.isalnum() or char in " -_/=" else "\n" for char in node.text.value)
    longest = max(plain.split("\n"), key=len)
    if scope.allow_regex:
        message = '"matches" has no engine in this installation'
        why = "Only one that takes linear time may run beside visitors; contains does most of it."
    else:
        message = '"matches" is off'
        why = (
            "Regular expressions are off in this workspace; contains and starts with do most of it."
        )
    text = f"{node.ref.name} contains {quoted(longest or 'text')}"
    scope.findings.mend("OP127", node.span, message, why, text)


def presence(scope: Scope, node: Presence) -> Cond | None:
    """Resolve `is known` and `is unknown`."""
    plan = attribute_of(scope, node.ref)
    if plan is None:
        return None
    if plan.name in COMPUTED:
        return Constant(node.known, "always" if node.known else "never", node.span)
    known = Known(plan, f"{attribute_key(plan)} is known", node.span)
    return known if node.known else negation(known, node.span)


def truthy(scope: Scope, node: Truthy) -> Cond | None:
    """Resolve an attribute that stands alone; only a yes_no can (OP123)."""
    if not scope.is_whole and len(node.ref.parts) == 1 and scope.attribute(node.ref.name) is None:
        # It may be a define of the part that could not be read.
        return None
    plan = attribute_of(scope, node.ref)
    if plan is None:
        return None
    if plan.type.kind != "yes_no":
        scope.findings.mend(
            "OP123",
            node.ref.span,
            f"{plan.name} is {WORDS[plan.type.kind]}, not yes or no",
            "Alone it is neither true nor false; compare it with something.",
            _comparison(plan),
        )
        return None
    return yes_no(plan, node.span)


def _comparison(plan: AttributePlan) -> str:
    """Write a comparison that makes sense for an attribute."""
    match plan.type.kind:
        case "text":
            return f"{plan.name} is known"
        case "yes_no":
            return plan.name
        case "one_of":
            return f"{plan.name} = {quoted(plan.type.options[0])}"
        case "money":
            return f"{plan.name} >= $1"
        case "date":
            return f"{plan.name} >= 2026-01-01"
        case "duration":
            return f"{plan.name} >= 45s"
        case "percent":
            return f"{plan.name} >= 50%"
        case _:
            return f"{plan.name} >= 1"
