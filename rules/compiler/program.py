"""Compiled rules as a value: what the engine folds, advances and asks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from rules.checked import CheckedSet, FieldPlan, PageList, RulePlan, Value
from rules.compiler.build import GENERATED, Decider, Evaluator, build, new_namespace
from rules.compiler.decides import decide_function
from rules.compiler.folds import ACTIVITY
from rules.compiler.held import look_functions, next_functions, observe_functions
from rules.compiler.indexes import EventIndex, Heard, KnownPage, PageIndex
from rules.compiler.layout import lay_out
from rules.compiler.listeners import Listeners
from rules.compiler.mentions import attribute_names, field_plans, query_names
from rules.compiler.plans import Plans
from rules.compiler.registers import Register
from rules.compiler.score_bounds import move_functions, turn_function
from rules.compiler.scoring import score_function
from rules.facts import NEVER_MS, State
from rules.span import Source


class Program:
    """A rule set as generated Python. Its answers are those of `interpreter.py`; its state is the caller's.

    Functions are written when they are first asked for; `warm` writes them ahead, piece by piece.
    `registers` say what each cell of `State.regs` remembers and `cell_numbers` where, by the register's
    key. `page_registers` are the cells to set to 0 at each view.
    """

    def __init__(self, checked: CheckedSet, sources: Mapping[str, Source]) -> None:
        """Number registers and page lists and write the score; see `compile_program`."""
        layout = lay_out(checked, sources)
        self.checked = checked
        self.sources: Mapping[str, Source] = sources
        self.version = checked.version
        self.rules: tuple[RulePlan, ...] = checked.rules
        self.rule_names: frozenset[str] = frozenset(rule.name for rule in checked.rules)
        self.registers: tuple[Register, ...] = layout.registers
        self._empty_cells = [register.empty_cell() for register in layout.registers]
        self.cell_numbers: dict[str, int] = layout.numbers
        self.page_registers: tuple[int, ...] = tuple(
            number for number, cell in enumerate(layout.registers) if cell.kind == "page_count"
        )
        self.attribute_names: frozenset[str] = attribute_names(checked, layout)
        self.query_names: frozenset[str] = query_names(self.attribute_names)
        self.field_plans: dict[str, tuple[FieldPlan, ...]] = field_plans(checked, layout)
        self.activities: frozenset[str] = frozenset(
            name for name, event in checked.events.items() if event.is_activity
        )
        self.goal_events: frozenset[str] = frozenset(
            pattern.event for goal in checked.goals for pattern in goal.patterns
        )
        self.read_events: frozenset[str] = self.goal_events.union(self.field_plans)
        never_on = checked.policy.never_on
        self.never_on_bit: int = 0 if never_on is None else layout.bit(never_on)
        self.has_held: bool = any(cell.kind == "held" for cell in layout.registers)
        self._layout = layout
        self._namespace = new_namespace()
        self._pages = PageIndex(checked.rules, layout)
        self._events = EventIndex(checked)
        self._plans = Plans(checked.rules, self._write)
        self._listeners = Listeners(checked, layout, self._namespace)
        # Rules find these in the namespace, so they must be there before the first rule runs.
        self._score = cast("Evaluator", build(score_function(checked, layout), self._namespace))
        self._namespace["score_of"] = self._score
        for function in (turn_function(checked, layout), *move_functions(checked, layout)):
            self._namespace[function.name] = build(function, self._namespace)
        self._observe = tuple(
            cast("Evaluator", build(one, self._namespace)) for one in observe_functions(layout)
        )
        self._next_held = tuple(
            cast("Evaluator", build(one, self._namespace)) for one in next_functions(layout)
        )
        self._look = tuple(
            cast("Evaluator", build(one, self._namespace))
            for one in look_functions(checked, layout)
        )

    # ---- what to remember

    def new_registers(self) -> list[object]:
        """Return the cells of a session that has seen nothing, in the order of `registers`."""
        return self._empty_cells.copy()

    def fold(
        self,
        state: State,
        name: str,
        fields: Mapping[str, Value],
        is_activity: bool,  # noqa: FBT001  # a truth about the event, not a switch
        t_ms: int,
    ) -> None:
        """Let the registers see an event, in order.

        `state` already stands on the event's page, with page counts set to 0 for a view. `fields` are
        converted (`field_plans`). Held conditions are left as they are: see `observe`.
        """
        page = self._pages[state.page_key]
        heard = page.heard.get(name) or self._listeners.on_page(page, name)
        for function in heard.functions:
            function(state.regs, fields, is_activity, t_ms)

    def page(self, state: State) -> KnownPage:
        """Return what is known of the page that a state stands on: to be asked once for many events."""
        return self._pages[state.page_key]

    def heard(self, page: KnownPage, name: str) -> Heard:
        """Return what an event of this name does on a page, remembered with the page (`KnownPage.heard`)."""
        return self._listeners.on_page(page, name)

    def fold_late(
        self,
        state: State,
        name: str,
        fields: Mapping[str, Value],
        is_activity: bool,  # noqa: FBT001  # a truth about the event, not a switch
    ) -> None:
        """Let an event that is more than 10 s late count for the session, and for nothing else."""
        bits = self._pages[state.page_key].bits
        for function in self._listeners.late(name, bits).functions:
            function(state.regs, fields, is_activity, 0)

    # ---- held conditions

    def approach(self, state: State, at_ms: int) -> None:
        """Bring held registers up to just before an instant, and the state's clock to it.

        For an event at that very instant: a change that would come by itself then loses to the event,
        so call `observe` after the fold, before anything is asked.
        """
        if self._next_held and state.clock_ms < at_ms - 1:
            self._pass_changes(state, at_ms - 1)
        state.clock_ms = max(state.clock_ms, at_ms)

    def advance(self, state: State, now_ms: int) -> None:
        """Bring held registers from `state.clock_ms` to an instant, that one included.

        Every instant in between at which a held condition can change is visited in order.
        """
        if self._next_held:
            self._pass_changes(state, now_ms)
        state.clock_ms = max(state.clock_ms, now_ms)

    def observe(self, state: State, now_ms: int) -> None:
        """Look at the held conditions now, after an event was folded at this instant."""
        if self._observe:
            bits = self._pages[state.page_key].bits
            for function in self._observe:
                function(state, now_ms, bits)

    def look(self, state: State) -> int:
        """Do what `observe` does, at the state's clock; return until when the held conditions stay as they are.

        Before that instant neither the clock changes any of them nor an event that does not stir them
        (`Heard`), so that neither `approach` nor `observe` would find anything.
        """
        bits = self._pages[state.page_key].bits
        steady_ms = NEVER_MS
        for function in self._look:
            due_ms = function(state, state.clock_ms, bits)
            if due_ms < steady_ms:  # noqa: PLR1730  # as in `_pass_changes`
                steady_ms = due_ms
        return steady_ms

    def next_held(self, state: State, now_ms: int) -> int:
        """Return the next instant > now at which a held condition can change, or NEVER_MS."""
        if not self._next_held:
            return NEVER_MS
        bits = self._pages[state.page_key].bits
        return min(function(state, now_ms, bits) for function in self._next_held)

    def _pass_changes(self, state: State, end_ms: int) -> None:
        bits = self._pages[state.page_key].bits
        clock_ms = state.clock_ms
        while clock_ms < end_ms:
            due_ms = NEVER_MS
            for function in self._next_held:
                change_ms = function(state, clock_ms, bits)
                if change_ms < due_ms:  # noqa: PLR1730  # asked at every event: faster than a call of min
                    due_ms = change_ms
            # INVARIANT: a bound lies ahead, or this would never end.
            assert due_ms > clock_ms
            if due_ms > end_ms:
                return
            for function in self._observe:
                function(state, due_ms, bits)
            state.clock_ms = clock_ms = due_ms

    # ---- questions; none of them changes the state

    def evaluate(self, state: State, now_ms: int, mask: int = -1) -> tuple[list[int], int]:
        """Return the rules that hold now, and when one of the others could without an event.

        Rules are named by number, in file order, among those of the page and of `mask`. The bound is
        never late and may be early; NEVER_MS when only an event can change anything.
        """
        page = self._pages[state.page_key]
        hits: list[int] = []
        if mask == -1 and page.decide is not None:
            return hits, page.decide(state, now_ms, page.bits, hits)
        bound_ms = NEVER_MS
        for function in self._deciders(page, mask):
            bound_ms = min(bound_ms, function(state, now_ms, page.bits, hits))
        return hits, bound_ms

    def score(self, state: State, now_ms: int) -> int:
        """Return the score now, 0..100."""
        return self._score(state, now_ms, self._pages[state.page_key].bits)

    def page_bits(self, page_key: str) -> int:
        """Return which of the page lists that conditions, patterns and the policy name hold for a page."""
        return self._pages[page_key].bits

    def page_rules(self, page_key: str) -> int:
        """Return the mask of rules whose `on page` holds and whose `except page` does not."""
        return self._pages[page_key].rules

    def is_on(self, pages: PageList, page_key: str) -> bool:
        """Tell whether a page is on a list that a condition, a pattern or `never on page` names."""
        return self._pages[page_key].bits & self._layout.bit(pages) != 0

    def dirty(self, name: str) -> int:
        """Return the mask of rules that an event of this name can change, its attributes apart.

        -1, all rules, for events that can change the current page. Gates are not looked at.
        """
        return self._events.of_event(name)

    def dirty_attributes(self, names: Sequence[str]) -> int:
        """Return the mask of rules that read one of these attributes."""
        return self._events.of_attributes(names)

    # ---- writing code

    def warm(self) -> Iterator[None]:
        """Write the functions of all rules and events ahead, one small piece a step."""
        for name in sorted(self._listeners.names | {ACTIVITY}):
            self._listeners.in_order(name, 0)
            self._listeners.late(name, 0)
            yield
        for rule in self.rules:
            self._plans.single(rule.number)
            yield

    def _deciders(self, page: KnownPage, mask: int) -> tuple[Decider, ...]:
        """Return what decides the rules of a page and a mask; the page remembers that of all its rules.

        Large masks are dear to hash, so the usual one, of all rules, is not looked up.
        """
        if mask != -1:
            plan = self._plans.plan(page.rules & mask)
        elif page.plan is not None:
            plan = page.plan
        else:
            plan = page.plan = self._plans.plan(page.rules)
        if plan.uses_left:
            self._plans.use(plan)
        if mask == -1 and not plan.uses_left and len(plan.functions) == 1:
            page.decide = plan.functions[0]
        return plan.functions

    def _write(self, rules: Sequence[RulePlan]) -> Decider:
        spans = [rule.span.source for rule in rules if rule.span is not None]
        filename = spans[0] if spans and len(set(spans)) == 1 else GENERATED
        function = decide_function(self._layout, rules, "decide")
        return cast("Decider", build(function, self._namespace, filename))


def compile_program(checked: CheckedSet, sources: Mapping[str, Source] | None = None) -> Program:
    """Compile a rule set without errors; with the sources, tracebacks show the rule files' lines.

    Cost: numbering and the score now, each rule at its first use.
    """
    return Program(checked, sources or {})
