"""The least engine that can carry a compiled program: one tab, one state, no gates."""

from dataclasses import dataclass, field

from rules.checked import Value
from rules.compiler.program import Program
from rules.history import Happening


@dataclass
class MiniState:
    """The fields that generated code reads and writes (`rules.facts.State`)."""

    start_ms: int
    clock_ms: int
    regs: list[object]
    attrs: dict[str, Value] = field(default_factory=dict)
    page_key: str = ""
    page_ms: int = -1
    page_seen_ms: int = 0
    page_since_ms: int = -1
    site_seen_ms: int = 0
    site_since_ms: int = -1
    scroll: float = 0.0


class MiniEngine:
    """Applies happenings to a state in their order and looks at it at instants."""

    def __init__(self, program: Program, start_ms: int, given: dict[str, Value]) -> None:
        """Begin a session with its tab visible."""
        self.program = program
        self.state = MiniState(start_ms, start_ms, program.new_registers(), dict(given))
        self.state.site_since_ms = start_ms
        self._steady_ms = 0

    def happen(self, happening: Happening) -> None:
        """Apply a happening at its instant, and look at what is held only when that can have changed."""
        if self._is_calm(happening):
            self.state.clock_ms = happening.at_ms
            self._apply(happening)
            return
        self.program.approach(self.state, happening.at_ms)
        self._apply(happening)
        self._steady_ms = self.program.look(self.state)

    def look(self, now_ms: int) -> None:
        """Bring the state to an instant without a happening: a wake-up."""
        self.program.advance(self.state, now_ms)

    def _is_calm(self, happening: Happening) -> bool:
        """Tell whether nothing that is held reads what a happening changes, as runs of the engine ask."""
        if happening.at_ms >= self._steady_ms or happening.attributes or happening.counted_only:
            return False
        if happening.event in ("", "view", "hide", "show"):
            return False
        page = self.program.page(self.state)
        return not self.program.heard(page, happening.event).stirs

    def _apply(self, happening: Happening) -> None:
        state = self.state
        for name, changed in happening.attributes.items():
            if changed is None:
                state.attrs.pop(name, None)
            else:
                state.attrs[name] = changed
        if happening.counted_only:
            self._count(happening)
            return
        match happening.event:
            case "view":
                self._start_page(happening)
            case "hide":
                self._hide(happening.at_ms)
            case "show":
                self._show(happening.at_ms)
            case "scroll" if state.page_ms >= 0:
                state.scroll = max(state.scroll, happening.scroll_percent)
        if happening.event:
            self.program.fold(
                state, happening.event, happening.fields, happening.is_activity, happening.at_ms
            )

    def _count(self, happening: Happening) -> None:
        """Count a late event with the page it happened on."""
        current = self.state.page_key
        self.state.page_key = happening.page_key
        if happening.event:
            self.program.fold_late(
                self.state, happening.event, happening.fields, happening.is_activity
            )
        self.state.page_key = current

    def _start_page(self, happening: Happening) -> None:
        state = self.state
        state.page_key, state.page_ms = happening.page_key, happening.at_ms
        state.page_seen_ms, state.scroll = 0, 0.0
        state.page_since_ms = happening.at_ms if state.site_since_ms >= 0 else -1
        for number in self.program.page_registers:
            state.regs[number] = 0

    def _hide(self, now_ms: int) -> None:
        state = self.state
        if state.site_since_ms >= 0:
            state.site_seen_ms += now_ms - state.site_since_ms
        if state.page_since_ms >= 0:
            state.page_seen_ms += now_ms - state.page_since_ms
        state.site_since_ms = state.page_since_ms = -1

    def _show(self, now_ms: int) -> None:
        state = self.state
        if state.site_since_ms < 0:
            state.site_since_ms = now_ms
            state.page_since_ms = now_ms if state.page_ms >= 0 else -1
