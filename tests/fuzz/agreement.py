"""The law of the evaluators: interpreter over a history, polling and compiled program agree.

A visitor's session is cut into stretches, one after each happening. Inside a stretch all are asked
at every whole second and one millisecond after it: there is where all changes lie.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from engine.session import State
from engine.windows import StateFacts
from rules.bounds import earliest_false, earliest_true, earliest_untrue, next_change, rule_bound
from rules.checked import CheckedSet, Cond
from rules.compiler import compile_program
from rules.compiler.program import Program
from rules.facts import NEVER_MS
from rules.history import History
from rules.interpreter import rule_stage, score, value
from tests.fuzz.histories import PolledHistory, RememberingHistory, polling_instants
from tests.fuzz.mini_engine import MiniEngine
from tests.strategies import SECOND_MS, START_MS, Pair

AFTER_S = 30
"""For so long after the last happening the visitor is still looked at."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The instants from a happening to the next one, not included, with the history up to there."""

    past: History
    polled: History
    instants: tuple[int, ...]


def stretches(pair: Pair) -> list[Stretch]:
    """Cut a visitor's session into stretches."""
    plan, happenings = pair.checked.score, pair.happenings
    past = RememberingHistory(plan, START_MS, happenings, pair.given)
    polled = PolledHistory(plan, START_MS, happenings, pair.given)
    cut = []
    for number, happening in enumerate(happenings, start=1):
        is_last = number == len(happenings)
        end_ms = happening.at_ms + AFTER_S * SECOND_MS if is_last else happenings[number].at_ms - 1
        instants = polling_instants(happening.at_ms, max(happening.at_ms, end_ms))
        cut.append(Stretch(past.first(number), polled.first(number), instants))
    return cut


def disagreements(pair: Pair) -> list[str]:
    """Return what the evaluators say differently about a pair; empty when they agree."""
    cut = stretches(pair)
    found = [text for stretch in cut for text in bound_errors(pair.checked, stretch)]
    program = compile_program(pair.checked)
    found.extend(dense_errors(pair, program, cut))
    found.extend(sparse_errors(pair, program, cut))
    found.extend(dirty_errors(pair, program, cut))
    return found


# ---- interpreter against polling


def bound_errors(checked: CheckedSet, stretch: Stretch) -> Iterator[str]:
    """Compare the interpreter's values with polled ones, its bounds with what came true when."""
    conds = {cond.key: cond for rule in checked.rules for cond in (rule.when, *rule.unless)}
    for cond in conds.values():
        polled = [value(cond, stretch.polled, at_ms) for at_ms in stretch.instants]
        own = [value(cond, stretch.past, at_ms) for at_ms in stretch.instants]
        if own != polled:
            yield f"value {own} but polled {polled}: {cond.key}"
        yield from _late_bounds(cond, stretch, polled)


def _late_bounds(cond: Cond, stretch: Stretch, polled: Sequence[bool | None]) -> Iterator[str]:
    laws = (
        ("true", earliest_true, [it is True for it in polled]),
        ("false", earliest_false, [it is False for it in polled]),
        ("untrue", earliest_untrue, [it is not True for it in polled]),
    )
    for name, bound, holds in laws:
        next_ms = NEVER_MS
        for place in range(len(holds) - 1, -1, -1):
            at_ms = stretch.instants[place]
            next_ms = at_ms if holds[place] else next_ms
            bound_ms = bound(cond, stretch.past, at_ms)
            if not at_ms <= bound_ms <= next_ms or (bound_ms == at_ms) != holds[place]:
                yield f"at {at_ms} {name} from {next_ms} but bound {bound_ms}: {cond.key}"


# ---- interpreter against the compiled program


def dense_errors(pair: Pair, program: Program, cut: Sequence[Stretch]) -> Iterator[str]:
    """Compare the program with the interpreter at every instant."""
    engine = MiniEngine(program, START_MS, pair.given)
    for happening, stretch in zip(pair.happenings, cut, strict=True):
        engine.happen(happening)
        silent_until: dict[int, int] = {}
        for at_ms in stretch.instants:
            engine.look(at_ms)
            yield from _instant_errors(pair.checked, engine, stretch.past, at_ms)
            matching, bound_ms = program.evaluate(engine.state, at_ms)
            for rule in pair.checked.rules:
                early = silent_until.get(rule.number, 0)
                if rule.number in matching and at_ms < early:
                    yield f"at {at_ms} {rule.name} matches before its bound {early}"
                if rule.number not in matching:
                    silent_until[rule.number] = max(early, bound_ms)
            if bound_ms <= at_ms:
                yield f"at {at_ms} the program's bound is {bound_ms}: not ahead"


def sparse_errors(pair: Pair, program: Program, cut: Sequence[Stretch]) -> Iterator[str]:
    """Compare them when the program hears of happenings only, and once far behind the last."""
    engine = MiniEngine(program, START_MS, pair.given)
    for happening, stretch in zip(pair.happenings, cut, strict=True):
        engine.happen(happening)
        yield from _instant_errors(pair.checked, engine, stretch.past, happening.at_ms)
    end_ms = cut[-1].instants[-1]
    engine.look(end_ms)
    yield from _instant_errors(pair.checked, engine, cut[-1].past, end_ms)


def _instant_errors(
    checked: CheckedSet, engine: MiniEngine, past: History, at_ms: int
) -> Iterator[str]:
    matching, _ = engine.program.evaluate(engine.state, at_ms)
    expected = [it.number for it in checked.rules if rule_stage(it, past, at_ms) is None]
    if matching != expected:
        yield f"at {at_ms} matching {matching}, interpreted {expected}"
    yield from _register_errors(checked, engine, past, at_ms)
    own, meant = engine.program.score(engine.state, at_ms), score(checked.score, past, at_ms)
    if own != meant:
        yield f"at {at_ms} score {own}, interpreted {meant}"
    for rule in checked.rules:
        alone, _ = engine.program.evaluate(engine.state, at_ms, 1 << rule.number)
        if alone != [it for it in expected if it == rule.number]:
            yield f"at {at_ms} {rule.name} asked alone gives {alone}, interpreted {expected}"


def _register_errors(
    checked: CheckedSet, engine: MiniEngine, past: History, at_ms: int
) -> Iterator[str]:
    """Compare the interpreter over the registers, which is what `why` reads, with the histories."""
    facts = StateFacts(engine.program, cast("State", engine.state))
    for rule in checked.rules:
        for cond in (rule.when, *rule.unless):
            own, meant = value(cond, facts, at_ms), value(cond, past, at_ms)
            if own is not meant:
                yield f"at {at_ms} value by registers {own}, interpreted {meant}: {cond.key}"
            own_ms, meant_ms = next_change(cond, facts, at_ms), next_change(cond, past, at_ms)
            if own_ms != meant_ms:
                yield f"at {at_ms} change by registers {own_ms}, interpreted {meant_ms}: {cond.key}"


def dirty_errors(pair: Pair, program: Program, cut: Sequence[Stretch]) -> Iterator[str]:
    """Look for rules that a happening changed or moved forward though they are called clean."""
    for number, happening in enumerate(pair.happenings[1:], start=1):
        mask = program.dirty(happening.event) if happening.event else 0
        mask |= program.dirty_attributes(tuple(happening.attributes))
        before, after, at_ms = cut[number - 1].past, cut[number].past, happening.at_ms
        for rule in pair.checked.rules:
            if mask >> rule.number & 1:
                continue
            if rule_stage(rule, before, at_ms) != rule_stage(rule, after, at_ms):
                yield f"at {at_ms} {rule.name} is called clean but {happening} changed it"
            elif rule_bound(rule, after, at_ms) < rule_bound(rule, before, at_ms):
                yield f"at {at_ms} {rule.name} is called clean but {happening} brought it forward"
