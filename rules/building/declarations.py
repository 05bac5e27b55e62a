"""Declaring blocks, policy and score, made while the parser reduces."""

from rules import nodes
from rules.building.conditions import ConditionBuilder
from rules.building.parts import Chosen, Parts


class DeclarationBuilder(ConditionBuilder):
    """Builds the blocks that say what exists and how often to speak."""

    def import_stmt(self, parts: Parts) -> nodes.Import:
        """Make `import "file"`."""
        return nodes.Import(self.to_text(parts[1]), self.span(parts))

    def site_stmt(self, parts: Parts) -> nodes.Site:
        """Make `site "name" timezone "zone"`."""
        return nodes.Site(self.to_text(parts[1]), self.to_text(parts[3]), self.span(parts))

    def attr_stmt(self, parts: Parts) -> nodes.Attribute:
        """Make `attribute NAME: TYPE [PRESENCE]`."""
        presence = parts[4] if len(parts) == 5 else None
        return nodes.Attribute(parts[1], parts[3], presence, self.span(parts))

    def event_stmt(self, parts: Parts) -> nodes.Event:
        """Make `event NAME { FIELD ... }`."""
        return nodes.Event(self.to_name(parts[1]), tuple(parts[3:-1]), self.span(parts))

    def field(self, parts: Parts) -> nodes.Field:
        """Make one field of an event."""
        presence = parts[3] if len(parts) == 4 else None
        return nodes.Field(self.to_name(parts[0]), parts[2], presence, self.span(parts))

    def t_text(self, parts: Parts) -> nodes.TypeNode:
        """Make the type `text`."""
        return nodes.TypeNode("text", (), self.span(parts))

    def t_number(self, parts: Parts) -> nodes.TypeNode:
        """Make the type `number`."""
        return nodes.TypeNode("number", (), self.span(parts))

    def t_yes_no(self, parts: Parts) -> nodes.TypeNode:
        """Make the type `yes_no`."""
        return nodes.TypeNode("yes_no", (), self.span(parts))

    def t_money(self, parts: Parts) -> nodes.TypeNode:
        """Make the type `money`."""
        return nodes.TypeNode("money", (), self.span(parts))

    def t_date(self, parts: Parts) -> nodes.TypeNode:
        """Make the type `date`."""
        return nodes.TypeNode("date", (), self.span(parts))

    def t_one_of(self, parts: Parts) -> nodes.TypeNode:
        """Make the type `one_of [...]`."""
        return nodes.TypeNode("one_of", parts[1].items, self.span(parts))

    def optional(self, parts: Parts) -> nodes.PresenceClause:
        """Make `optional`."""
        return nodes.PresenceClause(None, self.span(parts))

    def default(self, parts: Parts) -> nodes.PresenceClause:
        """Make `default VALUE`."""
        return nodes.PresenceClause(parts[1], self.span(parts))

    def pages_stmt(self, parts: Parts) -> nodes.Pages:
        """Make `pages NAME = LIST`."""
        return nodes.Pages(self.to_name(parts[1]), parts[3], self.span(parts))

    def set_stmt(self, parts: Parts) -> nodes.SetBlock:
        """Make `set NAME = [..]`."""
        return nodes.SetBlock(self.to_name(parts[1]), parts[3], self.span(parts))

    def define_stmt(self, parts: Parts) -> nodes.Define:
        """Make `define NAME = CONDITION`."""
        return nodes.Define(self.to_name(parts[1]), parts[3], self.span(parts))

    def goal_stmt(self, parts: Parts) -> nodes.Goal:
        """Make `goal NAME = PATTERN, ... [within D]`."""
        patterns = tuple(part for part in parts if isinstance(part, nodes.EventPattern))
        within = parts[-1] if isinstance(parts[-1], nodes.Literal) else None
        return nodes.Goal(self.to_name(parts[1]), patterns, within, self.span(parts))

    # ---- policy

    def policy_block(self, parts: Parts) -> nodes.Policy:
        """Make the policy block."""
        return nodes.Policy(tuple(parts[2:-1]), self.span(parts))

    def first_after(self, parts: Parts) -> nodes.FirstAfter:
        """Make `first message after D`."""
        return nodes.FirstAfter(parts[3], self.span(parts))

    def cap(self, parts: Parts) -> nodes.Cap:
        """Make `at most N per SCOPE [unless engaged]`."""
        number, scope = self.to_literal(parts[2]), parts[4]
        return nodes.Cap(number, scope, unless_engaged=len(parts) == 7, span=self.span(parts))

    def cooldown(self, parts: Parts) -> nodes.Cooldown:
        """Make `wait D after dismiss|message|chat`."""
        return nodes.Cooldown(parts[1], parts[3].kind, self.span(parts))

    def dismiss(self, parts: Parts) -> Chosen:
        """Keep the word after which to wait."""
        return Chosen(str(parts[0]), self.span(parts))

    message_sent = chat = dismiss

    def quiet(self, parts: Parts) -> nodes.Quiet:
        """Make `quiet hours A to B in CLOCK time`."""
        start, end = self.to_literal(parts[2]), self.to_literal(parts[4])
        return nodes.Quiet(start, end, parts[6].kind, self.span(parts))

    def visitor_time(self, parts: Parts) -> Chosen:
        """Keep the first word of `visitor time` and `site time`."""
        return Chosen(str(parts[0]), self.span(parts))

    site_time = visitor_time

    def never_on(self, parts: Parts) -> nodes.NeverOn:
        """Make `never on page LIST`."""
        return nodes.NeverOn(parts[3], self.span(parts))

    def holdout(self, parts: Parts) -> nodes.PolicyHoldout:
        """Make `holdout P by UNIT`."""
        return nodes.PolicyHoldout(self.to_literal(parts[1]), parts[3].kind, self.span(parts))

    def company(self, parts: Parts) -> Chosen:
        """Keep the word of a unit that is no scope."""
        return Chosen(str(parts[0]), self.span(parts))

    def allow(self, parts: Parts) -> nodes.Allow:
        """Make `allow CODE because "..."`."""
        return nodes.Allow(str(parts[1]), self.to_text(parts[3]), self.span(parts))

    def scope(self, parts: Parts) -> nodes.Scope:
        """Make a scope that is a duration."""
        return nodes.Scope("duration", parts[0], self.span(parts))

    def session(self, parts: Parts) -> nodes.Scope:
        """Make the scope or unit `session`."""
        return nodes.Scope("session", None, self.span(parts))

    def visitor(self, parts: Parts) -> nodes.Scope:
        """Make the scope or unit `visitor`."""
        return nodes.Scope("visitor", None, self.span(parts))

    # ---- score

    def score_block(self, parts: Parts) -> nodes.Score:
        """Make the score block."""
        likelihood = str(parts[1]) == "likelihood"
        items = tuple(part for part in parts if not isinstance(part, str))
        return nodes.Score(likelihood, items, self.span(parts))

    def start_at(self, parts: Parts) -> nodes.StartAt:
        """Make `start N`."""
        return nodes.StartAt(self.to_literal(parts[1]), self.span(parts))

    def points_when(self, parts: Parts) -> nodes.PointsWhen:
        """Make `±N when CONDITION`."""
        return nodes.PointsWhen(self.to_literal(parts[0]), parts[2], self.span(parts))

    def points_per_time(self, parts: Parts) -> nodes.PointsPerTime:
        """Make `±N per D of CLOCK up to M`."""
        points, up_to = self.to_literal(parts[0]), self.to_literal(parts[7])
        clock = self.to_name(parts[4])
        return nodes.PointsPerTime(points, parts[2], clock, up_to, self.span(parts))

    def points_per_event(self, parts: Parts) -> nodes.PointsPerEvent:
        """Make `±N per PATTERN up to M`."""
        points, up_to = self.to_literal(parts[0]), self.to_literal(parts[5])
        return nodes.PointsPerEvent(points, parts[2], up_to, self.span(parts))
