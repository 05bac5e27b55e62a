"""The diagnostics of one check, collected as they are found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from rules.diagnostics import Diagnostic, Edit, Fix, Related, diagnose, with_fix, with_related
from rules.nearest import nearest
from rules.span import Span

LISTED_MAX = 20
COMPARISONS_MAX = 50_000
"""Names compared in one check in search of near ones; then no more are proposed, for it costs time."""


@dataclass(frozen=True, slots=True)
class Nameless:
    """A kind of name that can be misspelt: its code, how it is called, and why it matters."""

    code: str
    what: str
    why: str


class Findings:
    """Collects diagnostics; hints are left out unless they are wanted."""

    def __init__(self, *, hints: bool) -> None:
        """Start with none."""
        self.hints = hints
        self.diagnostics: list[Diagnostic] = []
        self.comparisons = 0

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic."""
        if diagnostic.severity != "hint" or self.hints:
            self.diagnostics.append(diagnostic)

    def say(self, code: str, span: Span, message: str, why: str, *tries: str) -> None:
        """Report a mistake; `tries` are lines to paste, the best first."""
        self.add(diagnose(code, span, message, why, tries))

    def mend(self, code: str, span: Span, message: str, why: str, text: str) -> None:
        """Report a mistake that is mended when the text of its span is replaced by `text`."""
        self.add(mended(diagnose(code, span, message, why), text))

    def unknown(
        self, kind: Nameless, span: Span, name: str, known: Iterable[str], *tries: str
    ) -> None:
        """Report a name that nothing has; mended when exactly one known name is near.

        Without a near name, `tries` are shown, or else the known names when they are few.
        """
        names = self._affordable(known)
        message = f'there is no {kind.what} called "{name}"'
        near = nearest(name, names)
        if near is not None:
            self.mend(kind.code, span, f'{message}; did you mean "{near}"?', kind.why, near)
        elif tries or not 0 < len(names) <= LISTED_MAX:
            self.say(kind.code, span, message, kind.why, *tries)
        else:
            self.mend(kind.code, span, message, f"{kind.why} There is {_listed(names)}.", names[0])

    def near(self, name: str, known: Iterable[str]) -> str | None:
        """Find the one known name that is near, as long as looking for it is affordable."""
        return nearest(name, self._affordable(known))

    def _affordable(self, known: Iterable[str]) -> list[str]:
        """List the known names, none when they are more than may still be compared."""
        left = COMPARISONS_MAX - self.comparisons
        names = list(islice(known, left + 1))
        self.comparisons += min(len(names), left)
        return names if len(names) <= left else []

    def twice(self, second: Diagnostic, first: Span) -> None:
        """Report the second of two things of which there may be one."""
        self.add(with_related(second, Related(first, "the first one is here")))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def mended(diagnostic: Diagnostic, text: str) -> Diagnostic:
    """Add a fix that replaces the diagnostic's own span."""
    edit = Edit(diagnostic.span, text)
    title = f"write {text}" if text else "remove it"
    return with_fix(diagnostic, Fix(title, safe=False, edits=(edit,)))
