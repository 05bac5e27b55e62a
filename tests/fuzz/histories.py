"""Histories for the law: one remembers its answers, one knows no bounds and only looks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal as OneOf
from typing import Self, TypeVar, cast

from rules.checked import Cond, Pattern, SequenceTest, Throughout
from rules.facts import SequenceState
from rules.history import Happening, History
from tests.strategies import SECOND_MS

T = TypeVar("T")


@dataclass(frozen=True)
class RememberingHistory(History):
    """A history that answers each question once: the same answers, only sooner.

    All histories of one session share `answers`; a question names how many happenings it is about.
    """

    answers: dict[tuple[object, ...], object] = field(default_factory=dict)

    def once(self, question: tuple[object, ...], answer: Callable[[], T]) -> T:
        """Return the answer to a question about this history, found at most once."""
        key = (len(self.happenings), *question)
        if key not in self.answers:
            self.answers[key] = answer()
        return cast("T", self.answers[key])

    def first(self, number: int) -> Self:
        """Return the history of the first happenings."""
        if number == len(self.happenings):
            return self
        key = ("first", number)
        if key not in self.answers:
            self.answers[key] = replace(self, happenings=self.happenings[:number])
        return cast("Self", self.answers[key])

    def count(self, pattern: Pattern, scope: OneOf["session", "page"]) -> int:
        """Count as a history does."""
        return self.once(
            ("count", pattern.key, scope),
            lambda: super(RememberingHistory, self).count(pattern, scope),
        )

    def times(self, pattern: Pattern, number: int) -> Sequence[int]:
        """List as a history does."""
        return self.once(
            ("times", pattern.key, number),
            lambda: super(RememberingHistory, self).times(pattern, number),
        )

    def sequence(self, test: SequenceTest) -> SequenceState:
        """Search as a history does."""
        return self.once(
            ("sequence", test.key), lambda: super(RememberingHistory, self).sequence(test)
        )

    def since(self, test: Throughout, now_ms: int) -> int | None:
        """Walk as a history does."""
        return self.once(
            ("since", test.key, now_ms), lambda: super(RememberingHistory, self).since(test, now_ms)
        )

    def held(self, cond: Cond, number: int, at_ms: int) -> bool:
        """Look as a history does."""
        past = self.first(number)
        return past.once(
            ("held", cond.key, at_ms),
            lambda: super(RememberingHistory, self).held(cond, number, at_ms),
        )

    def changes(self, cond: Cond, number: int, at_ms: int) -> int:
        """Bound as a history does."""
        past = self.first(number)
        return past.once(
            ("changes", cond.key, at_ms),
            lambda: super(RememberingHistory, self).changes(cond, number, at_ms),
        )


@dataclass(frozen=True)
class PolledHistory(RememberingHistory):
    """A history that knows no bounds: how long a condition held is found by looking each instant."""

    def since(self, test: Throughout, now_ms: int) -> int | None:
        """Look at every instant from the start to now."""
        since: int | None = None
        for number, at_ms in _looks(self.happenings, now_ms):
            if not self.held(test.item, number, at_ms):
                since = None
            elif since is None:
                since = at_ms
        return since


def _looks(happenings: Sequence[Happening], now_ms: int) -> Iterator[tuple[int, int]]:
    """List (number of happenings, instant) in order: after each happening, then until the next."""
    for number, happening in enumerate(happenings, start=1):
        is_last = number == len(happenings)
        end_ms = now_ms if is_last else happenings[number].at_ms - 1
        for at_ms in polling_instants(happening.at_ms, max(happening.at_ms, end_ms)):
            yield number, at_ms


def polling_instants(from_ms: int, to_ms: int) -> tuple[int, ...]:
    """List whole seconds and the milliseconds after them, both ends included."""
    seconds = range(from_ms, to_ms + 1, SECOND_MS)
    return tuple(at for second in seconds for at in (second, second + 1) if at <= to_ms)
