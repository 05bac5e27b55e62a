"""Trying to parse a piece of a broken file, within a budget."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rules import nodes
from rules.diagnostics import Diagnostic

# About a second and a half of parsing; an attempt costs its letters and a fixed part.
_BUDGET = 600_000
_COST_OF_ONE = 150


@dataclass(frozen=True, slots=True)
class Piece:
    """What a text that parses holds."""

    blocks: tuple[nodes.Block, ...]
    comments: tuple[nodes.Comment, ...]
    found: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a text stops making sense, as an offset in its file, and what would fit there.

    `fitting` holds words and signs as they are typed, and the names of other terminals in capitals.
    """

    offset: int
    fitting: frozenset[str]
    too_deep: bool = False


Read = Callable[[str, str, int], Piece | Failure]

# What stands around a clause so that it can be parsed alone.
_SHELLS: dict[str, tuple[str, str]] = {
    "top": ("", ""),
    "head": ("", "\n}"),
    "policy": ("policy {\n", "\n}"),
    "score": ("score {\n", "\n}"),
    "event": ("event e {\n", "\n}"),
    "rule": ("rule r {\n", "\n}"),
    "variant": ("rule r {\nvariant v 50% {\n", "\n}\n}"),
    "variant head": ("rule r {\n", "\n}\n}"),
    "reply": ('rule r {\nsay "s"\n', "\n}"),
    "answer": ("answer a {\n", "\n}"),
    "test": ('test "t" {\n', "\n}"),
}


@dataclass(slots=True)
class Attempts:
    """Parses clauses alone, until the budget of one file is spent."""

    read: Read
    spent: int = field(default=0)

    @property
    def is_spent(self) -> bool:
        """Tell whether no more attempts are made."""
        return self.spent > _BUDGET

    def failure(self, context: str, text: str) -> Failure | None:
        """Parse a clause in its context; offsets count from the clause's start.

        Returns:
            None when it parses, and where it fails otherwise. With the budget spent, a failure
            about which nothing is known.
        """
        if self.is_spent:
            return Failure(0, frozenset())
        before, after = _SHELLS[context]
        whole = before + text + after
        self.spent += len(whole) + _COST_OF_ONE
        tried = self.read("", whole, -len(before))
        return tried if isinstance(tried, Failure) else None

    def parse(self, name: str, text: str, base: int) -> Piece | Failure:
        """Parse a part of a file; only one that fails spends of the budget."""
        tried = self.read(name, text, base)
        if isinstance(tried, Failure):
            self.spent += len(text) + _COST_OF_ONE
        return tried

    def passes(self, context: str, text: str) -> bool:
        """Tell whether a clause parses in its context."""
        return not self.is_spent and self.failure(context, text) is None
