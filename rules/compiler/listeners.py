"""Which generated functions an event runs: those of its name, written for the page it happens on."""

from collections.abc import Sequence
from typing import cast

from rules.checked import CheckedSet, Pattern
from rules.compiler.build import Folder, build
from rules.compiler.folds import ACTIVITY, fold_functions, listens
from rules.compiler.held import reads_scroll, stirring_cells
from rules.compiler.indexes import Heard, KnownPage
from rules.compiler.layout import Layout, patterns_of
from rules.compiler.registers import Register

FOLDS_MAX = 4_096
"""Kinds of (event, pages) remembered; beyond it the one written first is forgotten and written again."""

Listening = Sequence[tuple[int, Register]]


class Listeners:
    """Writes and remembers the functions of events.

    Pages that no pattern of an event tells apart share their functions, so that an event costs the
    registers that can hear it there, however many page lists the rules name.
    """

    def __init__(self, checked: CheckedSet, layout: Layout, namespace: dict[str, object]) -> None:
        """Note which names occur in patterns; nothing is written before it is needed."""
        self._checked = checked
        self._layout = layout
        self._namespace = namespace
        self._stirring = stirring_cells(checked, layout)
        self._stirring_names = frozenset({"scroll"} if reads_scroll(checked, layout) else ())
        self.names = self._stirring_names.union(
            pattern.event for register in layout.registers for pattern in patterns_of(register)
        )
        self._registers: dict[str, Listening] = {}
        self._page_masks: dict[str, int] = {}
        self._written: dict[tuple[str, int, bool], Heard] = {}

    def on_page(self, page: KnownPage, name: str) -> Heard:
        """Return what an event does on a page, remembered with the page."""
        event = name if name in self.names else ACTIVITY
        heard = page.heard.get(event)
        if heard is None:
            heard = page.heard[event] = self.in_order(event, page.bits)
        if name in self._checked.events:
            # Known names are few; those that visitors make up must not fill the page's memory.
            page.heard[name] = heard
        return heard

    def in_order(self, name: str, page_bits: int) -> Heard:
        """Return what an event does on pages with these bits."""
        return self._heard(name, page_bits, late=False)

    def late(self, name: str, page_bits: int) -> Heard:
        """Return what an event does that is more than 10 s late: it counts for the session and no more."""
        return self._heard(name, page_bits, late=True)

    def _heard(self, name: str, page_bits: int, *, late: bool) -> Heard:
        event = name if name in self.names else ACTIVITY
        listening = self._listening(event)
        told_apart = page_bits & self._page_masks[event]
        key = (event, told_apart, late)
        heard = self._written.get(key)
        if heard is None:
            heard = self._write(event, told_apart, _of_session(listening) if late else listening)
            if len(self._written) >= FOLDS_MAX:
                del self._written[next(iter(self._written))]
            self._written[key] = heard
        return heard

    def _listening(self, event: str) -> Listening:
        known = self._registers.get(event)
        if known is not None:
            return known
        mask = 0
        found: list[tuple[int, Register]] = []
        for number, register in enumerate(self._layout.registers):
            heard = [pattern for pattern in patterns_of(register) if listens(pattern, event)]
            if heard:
                found.append((number, register))
            for pattern in heard:
                mask |= self._page_bit(pattern)
        self._registers[event] = found
        self._page_masks[event] = mask
        return found

    def _write(self, event: str, page_bits: int, listening: Listening) -> Heard:
        hearing = [
            (number, register)
            for number, register in listening
            if any(
                listens(pattern, event)
                and (pattern.page is None or self._page_bit(pattern) & page_bits)
                for pattern in patterns_of(register)
            )
        ]
        functions = tuple(
            cast("Folder", build(function, self._namespace))
            for function in fold_functions(self._checked, self._layout, event, page_bits, hearing)
        )
        stirs = event in self._stirring_names or any(
            number in self._stirring for number, _ in hearing
        )
        return Heard(functions, stirs)

    def _page_bit(self, pattern: Pattern) -> int:
        return 0 if pattern.page is None else self._layout.bit(pattern.page)


def _of_session(listening: Listening) -> Listening:
    return [(number, cell) for number, cell in listening if cell.kind == "session_count"]
