"""Rule and answer blocks, their clauses and messages, made while the parser reduces."""

from typing import Any

from rules import nodes
from rules.building.declarations import DeclarationBuilder
from rules.building.parts import Parts


class RuleBuilder(DeclarationBuilder):
    """Builds what speaks: rules, variants, answers, messages and replies."""

    def rule_block(self, parts: Parts) -> nodes.Rule:
        """Make a rule block."""
        name, title, items = self._head_and_items(parts)
        return nodes.Rule(name, title, items, self.span(parts))

    def answer_block(self, parts: Parts) -> nodes.Answer:
        """Make an answer block."""
        name, title, items = self._head_and_items(parts)
        return nodes.Answer(name, title, items, self.span(parts))

    def _head_and_items(
        self, parts: Parts
    ) -> tuple[nodes.Name, nodes.Text | None, tuple[Any, ...]]:
        title = self.to_text(parts[2]) if parts[2].type == "STRING" else None
        items = tuple(part for part in parts if not isinstance(part, str))
        return self.to_name(parts[1]), title, items

    def about(self, parts: Parts) -> nodes.About:
        """Make `about "..."`."""
        return nodes.About(self.to_text(parts[1]), self.span(parts))

    def asked(self, parts: Parts) -> nodes.Asked:
        """Make `asked "...", "..."`."""
        return nodes.Asked(tuple(self.to_text(part) for part in parts[1::2]), self.span(parts))

    def asked_anything(self, parts: Parts) -> nodes.AskedAnything:
        """Make `asked anything`."""
        return nodes.AskedAnything(self.span(parts))

    def owner(self, parts: Parts) -> nodes.Owner:
        """Make `owner "..."`."""
        return nodes.Owner(self.to_text(parts[1]), self.span(parts))

    def tags(self, parts: Parts) -> nodes.Tags:
        """Make `tags A, B`."""
        return nodes.Tags(tuple(self.to_name(part) for part in parts[1::2]), self.span(parts))

    def on(self, parts: Parts) -> nodes.On:
        """Make `on page LIST`."""
        return nodes.On(parts[2], self.span(parts))

    def on_any(self, parts: Parts) -> nodes.OnAny:
        """Make `on any page`."""
        return nodes.OnAny(self.span(parts))

    def except_on(self, parts: Parts) -> nodes.Except:
        """Make `except page LIST`."""
        return nodes.Except(parts[2], self.span(parts))

    def when(self, parts: Parts) -> nodes.When:
        """Make `when CONDITION`."""
        return nodes.When(parts[1], self.span(parts))

    def unless(self, parts: Parts) -> nodes.Unless:
        """Make `unless CONDITION`."""
        return nodes.Unless(parts[1], self.span(parts))

    def priority(self, parts: Parts) -> nodes.Priority:
        """Make `priority N`."""
        return nodes.Priority(self.to_literal(parts[1]), self.span(parts))

    def limit(self, parts: Parts) -> nodes.Limit:
        """Make `limit N per SCOPE`."""
        return nodes.Limit(self.to_literal(parts[1]), parts[3], self.span(parts))

    def active(self, parts: Parts) -> nodes.Active:
        """Make `active DATE to DATE`."""
        return nodes.Active(self.to_literal(parts[1]), self.to_literal(parts[3]), self.span(parts))

    def during(self, parts: Parts) -> nodes.During:
        """Make `during A to B [on DAYS] in CLOCK time`."""
        start, end = self.to_literal(parts[1]), self.to_literal(parts[3])
        days = parts[5] if str(parts[4]) == "on" else ()
        return nodes.During(start, end, days, parts[-1].kind, self.span(parts))

    def days(self, parts: Parts) -> tuple[nodes.Name, ...]:
        """Make a list of days."""
        return tuple(self.to_name(part) for part in parts[::2])

    def expires(self, parts: Parts) -> nodes.Expires:
        """Make `expires after D`."""
        return nodes.Expires(parts[2], self.span(parts))

    def assistant(self, parts: Parts) -> nodes.AssistantClause:
        """Make `assistant NAME` or `assistant "ID"`."""
        word = parts[1]
        chosen = self.to_text(word) if word.type == "STRING" else self.to_name(word)
        return nodes.AssistantClause(chosen, self.span(parts))

    def rule_holdout(self, parts: Parts) -> nodes.RuleHoldout:
        """Make `holdout P` of a rule."""
        return nodes.RuleHoldout(self.to_literal(parts[1]), self.span(parts))

    def variant(self, parts: Parts) -> nodes.Variant:
        """Make `variant NAME P { message ... }`."""
        name, share = self.to_name(parts[1]), self.to_literal(parts[2])
        return nodes.Variant(name, share, tuple(parts[4:-1]), self.span(parts))

    def message(self, parts: Parts) -> nodes.Say:
        """Make `say "..."` with its replies."""
        return nodes.Say(self.to_text(parts[1]), tuple(parts[2:]), self.span(parts))

    def reply(self, parts: Parts) -> nodes.Reply:
        """Make `reply "Text" -> ACTION [STRING] [as NAME]`."""
        action = parts[3]
        payload = self.to_text(action[1]) if len(action) == 2 else None
        value = self.to_name(parts[5]) if len(parts) == 6 else None
        return nodes.Reply(
            self.to_text(parts[1]), _action(action[0]), payload, value, self.span(parts)
        )

    def a_say(self, parts: Parts) -> tuple[str, ...]:
        """Keep an action's word and its text, if any, as they were matched."""
        return tuple(parts)

    a_ask = a_open = a_handoff = a_quote = a_schedule = a_call = a_dismiss = a_say


def _action(word: str) -> nodes.ActionName:
    action: nodes.ActionName = str(word)  # type: ignore[assignment]  # the grammar admits no other
    return action
