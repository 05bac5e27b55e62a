"""Test blocks, made while the parser reduces."""

from rules import nodes
from rules.building.conditions import to_op
from rules.building.parts import Parts
from rules.building.rules import RuleBuilder


class TimelineBuilder(RuleBuilder):
    """Builds what is given, what happens and what is expected."""

    def test_block(self, parts: Parts) -> nodes.Test:
        """Make a test block; the grammar puts what is given before the steps."""
        steps = tuple(part for part in parts if isinstance(part, nodes.Step))
        givens = tuple(part for part in parts[3:-1] if not isinstance(part, nodes.Step))
        return nodes.Test(self.to_text(parts[1]), givens, steps, self.span(parts))

    def given_clock(self, parts: Parts) -> nodes.GivenClock:
        """Make `given clock "..."`."""
        return nodes.GivenClock(self.to_text(parts[2]), self.span(parts))

    def given_timezone(self, parts: Parts) -> nodes.GivenTimezone:
        """Make `given timezone "..."`."""
        return nodes.GivenTimezone(self.to_text(parts[2]), self.span(parts))

    def given_variant(self, parts: Parts) -> nodes.GivenVariant:
        """Make `given variant RULE = NAME`."""
        return nodes.GivenVariant(self.to_name(parts[2]), self.to_name(parts[4]), self.span(parts))

    def given_holdout(self, parts: Parts) -> nodes.GivenSwitch:
        """Make `given holdout yes|no`."""
        return nodes.GivenSwitch("holdout", self.to_name(parts[2]), self.span(parts))

    def given_display(self, parts: Parts) -> nodes.GivenSwitch:
        """Make `given display yes|no`."""
        return nodes.GivenSwitch("display", self.to_name(parts[2]), self.span(parts))

    def given_message(self, parts: Parts) -> nodes.GivenMessage:
        """Make `given message from RULE D ago`."""
        return nodes.GivenMessage(self.to_name(parts[3]), parts[4], self.span(parts))

    def given_dismiss(self, parts: Parts) -> nodes.GivenDismiss:
        """Make `given dismiss D ago`."""
        return nodes.GivenDismiss(parts[2], self.span(parts))

    def given_attr(self, parts: Parts) -> nodes.GivenAttribute:
        """Make `given ATTR = VALUE`."""
        return nodes.GivenAttribute(parts[1], parts[3], self.span(parts))

    def step(self, parts: Parts) -> nodes.Step:
        """Make one step: what happens, or what is expected."""
        return nodes.Step(parts[1], parts[-1], self.span(parts))

    def h_view(self, parts: Parts) -> nodes.Happening:
        """Make `view "/x"`."""
        return nodes.Happening("view", text=self.to_text(parts[1]), span=self.span(parts))

    def h_scroll(self, parts: Parts) -> nodes.Happening:
        """Make `scroll 40%`."""
        share = self.to_literal(parts[1])
        return nodes.Happening("scroll", literal=share, span=self.span(parts))

    def h_click(self, parts: Parts) -> nodes.Happening:
        """Make `click "target"`."""
        return nodes.Happening("click", text=self.to_text(parts[1]), span=self.span(parts))

    def h_hide(self, parts: Parts) -> nodes.Happening:
        """Make `hide`."""
        return nodes.Happening("hide", span=self.span(parts))

    def h_show(self, parts: Parts) -> nodes.Happening:
        """Make `show`."""
        return nodes.Happening("show", span=self.span(parts))

    def h_event(self, parts: Parts) -> nodes.Happening:
        """Make `event NAME(field = value)`."""
        name = self.to_name(parts[1])
        arguments = tuple(part for part in parts if isinstance(part, nodes.Argument))
        return nodes.Happening("event", name=name, arguments=arguments, span=self.span(parts))

    def arg(self, parts: Parts) -> nodes.Argument:
        """Make `field = value`."""
        return nodes.Argument(self.to_name(parts[0]), parts[2], self.span(parts))

    def h_set(self, parts: Parts) -> nodes.Happening:
        """Make `set ATTR = VALUE`."""
        return nodes.Happening("set", ref=parts[1], literal=parts[3], span=self.span(parts))

    def h_says(self, parts: Parts) -> nodes.Happening:
        """Make `says "..."`."""
        return nodes.Happening("says", text=self.to_text(parts[1]), span=self.span(parts))

    def h_reply(self, parts: Parts) -> nodes.Happening:
        """Make `reply "Text"`."""
        return nodes.Happening("reply", text=self.to_text(parts[1]), span=self.span(parts))

    def h_dismiss(self, parts: Parts) -> nodes.Happening:
        """Make `dismiss`."""
        return nodes.Happening("dismiss", span=self.span(parts))

    def h_late(self, parts: Parts) -> nodes.Happening:
        """Make `late 5s HAPPENING`."""
        late = nodes.Happening("late", literal=parts[1], inner=parts[2], span=self.span(parts))
        self.nest(late, [parts[2]])
        return late

    def h_duplicate(self, parts: Parts) -> nodes.Happening:
        """Make `duplicate`."""
        return nodes.Happening("duplicate", span=self.span(parts))

    def e_message(self, parts: Parts) -> nodes.Expectation:
        """Make `message from R [variant V]`."""
        name = self.to_name(parts[2])
        variant = self.to_name(parts[4]) if len(parts) == 5 else None
        return nodes.Expectation("message", name=name, other=variant, span=self.span(parts))

    def e_none(self, parts: Parts) -> nodes.Expectation:
        """Make `no message`."""
        return nodes.Expectation("no_message", span=self.span(parts))

    def e_score(self, parts: Parts) -> nodes.Expectation:
        """Make `score OP N`."""
        number = self.to_literal(parts[2])
        return nodes.Expectation("score", op=to_op(parts[1]), number=number, span=self.span(parts))

    def e_text(self, parts: Parts) -> nodes.Expectation:
        """Make `text contains "..."`."""
        return nodes.Expectation("text", text=self.to_text(parts[2]), span=self.span(parts))

    def e_blocked(self, parts: Parts) -> nodes.Expectation:
        """Make `blocked R by REASON`."""
        name, reason = self.to_name(parts[1]), self.to_name(parts[3])
        return nodes.Expectation("blocked", name=name, other=reason, span=self.span(parts))

    def e_expired(self, parts: Parts) -> nodes.Expectation:
        """Make `expired R`."""
        return nodes.Expectation("expired", name=self.to_name(parts[1]), span=self.span(parts))

    def e_answer(self, parts: Parts) -> nodes.Expectation:
        """Make `answer NAME`."""
        return nodes.Expectation("answer", name=self.to_name(parts[1]), span=self.span(parts))
