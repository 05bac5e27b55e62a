"""Conditions and event patterns, made while the parser reduces."""

from rules import nodes
from rules.building.parts import PartBuilder, Parts
from rules.diagnostics import diagnose

SequencePart = nodes.EventPattern | nodes.Within | nodes.Window | nodes.ThenNo


class ConditionBuilder(PartBuilder):
    """Builds `when` and `unless` conditions and whatever stands in them."""

    def unary(self, parts: Parts) -> nodes.Condition:
        """Take the parentheses off a condition."""
        condition: nodes.Condition = parts[1]
        return condition

    def conj(self, parts: Parts) -> nodes.Condition:
        """Join conditions by `and`."""
        items = tuple(parts[::2])
        node = nodes.And(items, self.span(parts))
        self.nest(node, items)
        return node

    def disj(self, parts: Parts) -> nodes.Condition:
        """Join conditions by `or`."""
        items = tuple(parts[::2])
        node = nodes.Or(items, self.span(parts))
        self.nest(node, items)
        return node

    def negate(self, parts: Parts) -> nodes.Condition:
        """Negate a condition."""
        node = nodes.Not(parts[1], self.span(parts))
        self.nest(node, parts[1:])
        return node

    def held(self, parts: Parts) -> nodes.Condition:
        """Make `(condition) for duration`."""
        node = nodes.Held(parts[1], parts[4], self.span(parts))
        self.nest(node, parts[1:2])
        return node

    def compare(self, parts: Parts) -> nodes.Compare:
        """Make `ref OP value`."""
        return nodes.Compare(parts[0], to_op(parts[1]), parts[2], self.span(parts))

    def in_set(self, parts: Parts) -> nodes.InSet:
        """Make `ref in SET`."""
        return nodes.InSet(parts[0], negated=False, values=parts[-1], span=self.span(parts))

    def not_in_set(self, parts: Parts) -> nodes.InSet:
        """Make `ref not in SET`."""
        return nodes.InSet(parts[0], negated=True, values=parts[-1], span=self.span(parts))

    def between(self, parts: Parts) -> nodes.Between:
        """Make `ref between A and B`."""
        return nodes.Between(parts[0], parts[2], parts[4], self.span(parts))

    def contains(self, parts: Parts) -> nodes.TextTest:
        """Make `ref contains "x"`."""
        return nodes.TextTest(parts[0], "contains", self.to_text(parts[-1]), self.span(parts))

    def starts_with(self, parts: Parts) -> nodes.TextTest:
        """Make `ref starts with "x"`."""
        return nodes.TextTest(parts[0], "starts_with", self.to_text(parts[-1]), self.span(parts))

    def matches(self, parts: Parts) -> nodes.TextTest:
        """Make `ref matches "re"`."""
        return nodes.TextTest(parts[0], "matches", self.to_text(parts[-1]), self.span(parts))

    def is_known(self, parts: Parts) -> nodes.Presence:
        """Make `ref is known`."""
        return nodes.Presence(parts[0], known=True, span=self.span(parts))

    def is_unknown(self, parts: Parts) -> nodes.Presence:
        """Make `ref is unknown`."""
        return nodes.Presence(parts[0], known=False, span=self.span(parts))

    def truthy(self, parts: Parts) -> nodes.Truthy:
        """Make a reference that stands alone."""
        return nodes.Truthy(parts[0], self.span(parts))

    def on_page(self, parts: Parts) -> nodes.OnPage:
        """Make `page LIST` as a condition."""
        return nodes.OnPage(parts[1], self.span(parts))

    def seq(self, parts: Parts) -> tuple[SequencePart, ...]:
        """Keep a sequence's patterns and its tail."""
        return tuple(part for part in parts if not isinstance(part, str))

    def seen(self, parts: Parts) -> nodes.Seen:
        """Make `seen A then B ...`; a gap for a single event is a mistake that parses."""
        steps = tuple(part for part in parts[1] if isinstance(part, nodes.EventPattern))
        tail = parts[1][-1] if len(steps) < len(parts[1]) else None
        seen = nodes.Seen(steps, tail, self.span(parts))
        if len(steps) == 1 and isinstance(tail, nodes.Within):
            window = f"in last {tail.duration.text}"
            self.found.append(
                diagnose(
                    "OP014",
                    tail.span,
                    '"within" is the time between two events, and only one is named here',
                    'A time that ends now is "in last".',
                    (f"seen {steps[0].event.text} {window}",),
                )
            )
        return seen

    def within(self, parts: Parts) -> nodes.Within:
        """Make `within D`."""
        return nodes.Within(parts[1], self.span(parts))

    def in_last(self, parts: Parts) -> nodes.Window:
        """Make `in last D`."""
        return nodes.Window("in_last", parts[2], self.span(parts))

    def this_session(self, parts: Parts) -> nodes.Window:
        """Make `this session`."""
        return nodes.Window("this_session", None, self.span(parts))

    def this_page(self, parts: Parts) -> nodes.Window:
        """Make `this page`."""
        return nodes.Window("this_page", None, self.span(parts))

    def then_no(self, parts: Parts) -> nodes.ThenNo:
        """Make `then no PATTERN for D`."""
        return nodes.ThenNo(parts[2], parts[4], self.span(parts))

    def least(self, parts: Parts) -> str:
        """Keep the word of `at least`."""
        return str(parts[0])

    most = least

    def bound(self, parts: Parts) -> str:
        """Keep the word of a bound."""
        return str(parts[0])

    def count(self, parts: Parts) -> nodes.Count:
        """Make `at least|most N PATTERN [WINDOW]`."""
        window = parts[4] if len(parts) == 5 else None
        number = self.to_literal(parts[2])
        return nodes.Count(parts[1], number, parts[3], window, self.span(parts))

    def absent(self, parts: Parts) -> nodes.Absent:
        """Make `no PATTERN for D`."""
        return nodes.Absent(parts[1], parts[3], self.span(parts))

    def event_pat(self, parts: Parts) -> nodes.EventPattern:
        """Make `NAME [of PAGE] [(FILTER, ...)]`."""
        page = next(
            (part for part in parts if isinstance(part, nodes.Glob | nodes.PagesName)), None
        )
        filters = tuple(part for part in parts if isinstance(part, nodes.Filter))
        return nodes.EventPattern(self.to_name(parts[0]), page, filters, self.span(parts))

    def f_compare(self, parts: Parts) -> nodes.Filter:
        """Make the filter `field OP value`."""
        field, span = self.to_name(parts[0]), self.span(parts)
        return nodes.Filter(field, "compare", op=to_op(parts[1]), values=(parts[2],), span=span)

    def f_in(self, parts: Parts) -> nodes.Filter:
        """Make the filter `field in SET`."""
        field, values, span = self.to_name(parts[0]), parts[2], self.span(parts)
        if isinstance(values, nodes.Name):
            return nodes.Filter(field, "in", set_name=values, span=span)
        return nodes.Filter(field, "in", values=values.items, span=span)

    def f_between(self, parts: Parts) -> nodes.Filter:
        """Make the filter `field between A and B`."""
        field, span = self.to_name(parts[0]), self.span(parts)
        return nodes.Filter(field, "between", values=(parts[2], parts[4]), span=span)

    def f_contains(self, parts: Parts) -> nodes.Filter:
        """Make the filter `field contains "x"`."""
        values = (self.to_literal(parts[-1]),)
        return nodes.Filter(
            self.to_name(parts[0]), "contains", values=values, span=self.span(parts)
        )

    def f_starts_with(self, parts: Parts) -> nodes.Filter:
        """Make the filter `field starts with "x"`."""
        field, values = self.to_name(parts[0]), (self.to_literal(parts[-1]),)
        return nodes.Filter(field, "starts_with", values=values, span=self.span(parts))


def to_op(word: str) -> nodes.CompareOp:
    """Take a comparison sign as one of the six."""
    op: nodes.CompareOp = str(word)  # type: ignore[assignment]  # the grammar admits no other
    return op
