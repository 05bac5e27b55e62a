"""OP401: a condition negates an attribute that may be absent, and nobody decided what then."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rules.diagnostics import Diagnostic, Edit, Fix, diagnose, with_fix
from rules.nodes import (
    And,
    Between,
    Compare,
    Condition,
    Held,
    InSet,
    Not,
    Or,
    Presence,
    Ref,
    Rule,
    TextTest,
    Truthy,
    Unless,
    When,
)
from rules.resolver import Scope
from rules.span import Span

PARTS_MAX = 20_000
"""Parts of one rule's defines, written out, that are looked at; the rest is not analysed."""

DEPTH_MAX = 100


@dataclass(frozen=True, slots=True)
class _Part:
    """A condition as it counts: `negated` when an odd number of `not` and `unless` is above it.

    `span` is the name of the define it came through, so that the rule's own line is reported.
    """

    node: Condition
    negated: bool
    depth: int = 0
    span: Span | None = None

    def below(self, node: Condition) -> "_Part":
        return _Part(node, self.negated, self.depth + 1, self.span)


def unguarded(rule: Rule, scope: Scope) -> Iterator[Diagnostic]:
    """Report negated comparisons of optional attributes without a guard (LANGUAGE.md 8)."""
    parts = [_Part(item.condition, negated=False) for item in rule.items if isinstance(item, When)]
    parts += [
        _Part(item.condition, negated=True) for item in rule.items if isinstance(item, Unless)
    ]
    walk = _Walk(scope)
    walk.joined(parts, frozenset(), by_and=True)
    seen: set[Span] = set()
    for span, name, guard in walk.found:
        if span not in seen:
            seen.add(span)
            yield _finding(span, name, guard)


def _finding(span: Span, name: str, guard: str) -> Diagnostic:
    """Offer to speak to visitors without the attribute, or else to say that one does not."""
    found = diagnose(
        "OP401",
        span,
        f"nothing says what holds while {name} is unknown",
        "For a visitor without it this is neither true nor false, so the rule stays silent;"
        " say which visitors are meant.",
    )
    if not guard:
        return replace(found, help=f"{found.help}\ntry: when {name} is known")
    before = Edit(replace(span, end=span.start), f"({name} is {guard} ")
    after = Edit(replace(span, start=span.end), ")")
    fix = Fix(f"ask whether {name} is known", safe=False, edits=(before, after))
    return with_fix(replace(found, help=f"{found.help}\nor:  when {name} is known"), fix)


class _Walk:
    """Goes down a rule's conditions with the guards that hold at each place."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.found: list[tuple[Span, str, str]] = []
        self.parts = 0

    def joined(self, parts: Sequence[_Part], guards: frozenset[str], *, by_and: bool) -> None:
        """Walk parts that are joined; each guards the others, `is known` by `and`, `is unknown` by `or`."""
        flat = list(self._flat(parts, by_and=by_and))
        inner = guards | {name for part in flat for name in _guards(part, by_and=by_and)}
        for part in flat:
            self._part(part, inner)

    def _flat(self, parts: Sequence[_Part], *, by_and: bool) -> Iterator[_Part]:
        """Open what is joined in the same way; a negated `or` counts as an `and`."""
        for part in parts:
            node = self._opened(part)
            items = _items(node, by_and=by_and)
            if items is None or node.depth >= DEPTH_MAX or self.parts > PARTS_MAX:
                self.parts += node.span is not None
                yield node
            else:
                yield from self._flat([node.below(item) for item in items], by_and=by_and)

    def _opened(self, part: _Part) -> _Part:
        """Remove `not`s and look through the names of defines."""
        while part.depth < DEPTH_MAX:
            if isinstance(part.node, Not):
                part = _Part(part.node.item, not part.negated, part.depth + 1, part.span)
                continue
            block = None
            if isinstance(part.node, Truthy):
                block = self.scope.defines.get(part.node.ref.name)
            if block is None:
                return part
            span = part.span or part.node.span
            part = _Part(block.condition, part.negated, part.depth + 1, span)
        return part

    def _part(self, part: _Part, guards: frozenset[str]) -> None:
        node = part.node
        if self.parts > PARTS_MAX or part.depth >= DEPTH_MAX:
            return
        if isinstance(node, And | Or):
            by_and = isinstance(node, And) != part.negated
            self.joined([part.below(item) for item in node.items], guards, by_and=by_and)
        elif isinstance(node, Held):
            self.joined([part.below(node.item)], guards, by_and=True)
        elif part.negated != _negates(node):
            for ref in _compared(node):
                plan = self.scope.attributes.get(ref.name)
                if plan is not None and plan.optional and ref.name not in guards:
                    guard = "known and" if part.negated else "unknown or"
                    place = part.span or node.span
                    self.found.append((place, ref.name, "" if part.span else guard))


def _items(part: _Part, *, by_and: bool) -> tuple[Condition, ...] | None:
    """List what a part joins by `and` (or by `or`), None when it does not."""
    wanted: type[And | Or] = And if by_and != part.negated else Or
    return (
        part.node.items
        if isinstance(part.node, And | Or) and isinstance(part.node, wanted)
        else None
    )


def _guards(part: _Part, *, by_and: bool) -> Iterator[str]:
    if isinstance(part.node, Presence) and (part.node.known != part.negated) == by_and:
        yield part.node.ref.name


def _negates(node: Condition) -> bool:
    return (isinstance(node, Compare) and node.op == "!=") or (
        isinstance(node, InSet) and node.negated
    )


def _compared(node: Condition) -> tuple[Ref, ...]:
    """List the references of a comparison; other conditions are never unknown by themselves."""
    if isinstance(node, Compare):
        return (node.ref, node.value) if isinstance(node.value, Ref) else (node.ref,)
    if isinstance(node, InSet | Between | TextTest | Truthy):
        return (node.ref,)
    return ()
