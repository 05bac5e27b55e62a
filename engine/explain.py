"""Why a rule spoke or stayed silent at one instant: the record of LANGUAGE.md 17, and its one sentence.

Read from the same interpreter, registers and gates that decided; there is no second implementation.
"""

from typing import Literal

import msgspec

from engine.clause_text import condition_text
from engine.decision import Gate
from engine.estimates import is_estimated
from engine.session import Session
from engine.windows import StateFacts
from rules.addresses import address
from rules.checked import ClockTest, Cond, QuietFor, RulePlan, ScoreTest
from rules.compiler.program import Program
from rules.facts import NEVER_MS
from rules.traces import Clause, Trace, rule_clauses, rule_seen, spoken_time

TriggerType = Literal["page_visit", "exit_intent", "scroll_depth", "idle", "high_intent", "event"]
_TIME_EVENTS = frozenset(
    {"view", "show", "hide", "activity", "set", "heartbeat", "session_start", ""}
)
_CLAUSE_WORDS = {"on": "on page", "except": "except page", "when": "when", "unless": "unless"}
_GATE_WORDS = {
    "hidden": "no tab was visible",
    "never_on": "the policy keeps this page free of messages",
    "active": "the rule was not active on that day",
    "during": "it was outside the rule's hours",
    "first_after": "it was too early in the visit",
    "quiet": "it was in quiet hours",
    "cooldown": "a pause was running",
    "cap": "the cap was spent",
    "limit": "the rule's own limit was spent",
    "holdout": "the visitor is held out",
}


class ClauseRecord(msgspec.Struct, frozen=True):
    """One clause: its text and 1-based line, its value, what it saw, and when it can next change."""

    text: str
    line: int
    value: Literal["true", "false", "unknown"]
    seen: str
    next_ms: int | None


class GateRecord(msgspec.Struct, frozen=True):
    """One closed gate with its reopening time, None for "only an event"."""

    name: str
    open: bool
    reopens_ms: int | None


class Record(msgspec.Struct, frozen=True):
    """Why one rule spoke or stayed silent at one instant.

    `estimated` is there when it is true: the rule uses visible time that nobody measured.
    """

    rule: str
    at_ms: int
    outcome: str
    reason: str
    summary: str
    clauses: tuple[ClauseRecord, ...]
    gates: tuple[GateRecord, ...]
    earliest_ms: int | None
    estimated: bool | msgspec.UnsetType = msgspec.UNSET


def explain(
    program: Program, rule: RulePlan, session: Session, now_ms: int, gates: tuple[Gate, ...]
) -> Record:
    """Explain one rule at an instant to which the session's state has been advanced.

    Args:
        gates: the closed ones, of the session and of the rule, in their order.
    """
    facts = StateFacts(program, session.state)
    clauses = rule_clauses(rule, facts, now_ms, program.checked.currency)
    failing = next((clause for clause in clauses if not clause.holds), None)
    reason = _reason(failing, gates)
    outcome = "sent" if reason == "fired" else "none" if failing is not None else "suppressed"
    bounds = [_next_holding(clause) for clause in clauses if not clause.holds]
    earliest_ms = max([now_ms, *bounds, *(gate.reopens_ms for gate in gates)])
    return Record(
        rule=rule.name,
        at_ms=now_ms,
        outcome=outcome,
        reason=reason,
        summary=_summary(program, rule, failing, gates, now_ms),
        clauses=tuple(_clause_record(program, clause) for clause in clauses),
        gates=tuple(
            GateRecord(gate.name, open=False, reopens_ms=_or_none(gate.reopens_ms))
            for gate in gates
        ),
        earliest_ms=_or_none(earliest_ms),
        estimated=is_estimated(program, rule, session.state) or msgspec.UNSET,
    )


def sentence(
    program: Program, rule: RulePlan, session: Session, now_ms: int, gates: tuple[Gate, ...]
) -> str:
    """Say in one sentence why a rule whose conditions hold spoke, or which gates silenced it."""
    if gates:
        return _summary(program, rule, None, gates, now_ms)
    facts = StateFacts(program, session.state)
    seen = rule_seen(rule, facts, now_ms, program.checked.currency)
    page = address(str(session.state.attrs.get("page.url", ""))).path or "an unknown page"
    return f"{rule.name} spoke on {page}" + (": " + ", ".join(seen) if seen else "")


def trigger_of(
    program: Program, rule: RulePlan, session: Session, now_ms: int
) -> dict[str, str | int | float]:
    """Name the last thing that turned the rule true: type, page, seconds on it, and the rule."""
    state = session.state
    facts = StateFacts(program, state)
    trigger: dict[str, str | int | float] = {
        "type": _trigger_type(rule, facts, session, now_ms),
        "time_on_page": facts.clock_ms("time_on_page", now_ms) // 1_000,
        "rule": rule.name,
    }
    url = state.attrs.get("page.url")
    if isinstance(url, str):
        trigger["page_url"] = url
    return trigger


def _trigger_type(rule: RulePlan, facts: StateFacts, session: Session, now_ms: int) -> TriggerType:
    """An event decides when it came at this very instant, else the condition that time turned true."""
    name = session.state.last_event
    if session.state.event_ms == now_ms and name not in _TIME_EVENTS:
        if name == "exit_intent":
            return "exit_intent"
        return "scroll_depth" if name == "scroll" else "event"
    newest: tuple[int, TriggerType] = (-1, "page_visit")
    for cond in _atoms(rule.when):
        if isinstance(cond, QuietFor):
            latest = facts.latest(cond.pattern)
            since_ms = (facts.start_ms if latest is None else latest) + cond.quiet_ms
            newest = max(newest, (since_ms, "idle"))
        elif isinstance(cond, ClockTest) and cond.op in (">", ">="):
            since_ms = now_ms - (facts.clock_ms(cond.clock, now_ms) - cond.ms)
            newest = max(newest, (since_ms, "page_visit"))
        elif isinstance(cond, ScoreTest) and newest[0] < 0:
            newest = (0, "high_intent")
    return newest[1]


def _atoms(cond: Cond) -> list[Cond]:
    items: tuple[Cond, ...] = getattr(cond, "items", ())
    if not items and hasattr(cond, "item"):
        items = (cond.item,)
    if not items:
        return [cond]
    return [atom for item in items for atom in _atoms(item)]


def _reason(failing: Clause | None, gates: tuple[Gate, ...]) -> str:
    if failing is not None:
        return {"on": "page"}.get(failing.kind, failing.kind)
    return gates[0].name if gates else "fired"


def _summary(
    program: Program,
    rule: RulePlan,
    failing: Clause | None,
    gates: tuple[Gate, ...],
    now_ms: int,
) -> str:
    if failing is not None:
        wait_ms = _next_holding(failing)
        moves = wait_ms not in (NEVER_MS, now_ms)
        ahead = f"; it can change in {spoken_time(wait_ms - now_ms)}" if moves else ""
        text = f"{_CLAUSE_WORDS[failing.kind]} {condition_text(program, failing.trace.cond)[0]}"
        return f"{rule.name} stayed silent by `{text}`: {failing.trace.seen}{ahead}"
    if gates:
        gate = max(gates, key=lambda gate: gate.reopens_ms)
        opens = (
            "it opens only by what the visitor does"
            if gate.reopens_ms == NEVER_MS
            else f"it opens in {spoken_time(gate.reopens_ms - now_ms)}"
        )
        return f"{rule.name} was held back: {_GATE_WORDS[gate.name]}; {opens}"
    return f"{rule.name} could speak"


def _next_holding(clause: Clause) -> int:
    trace: Trace = clause.trace
    return trace.true_ms if clause.kind in ("on", "when") else trace.false_ms


def _clause_record(program: Program, clause: Clause) -> ClauseRecord:
    trace = clause.trace
    words: Literal["true", "false", "unknown"] = (
        "unknown" if trace.value is None else "true" if trace.value else "false"
    )
    text, line = condition_text(program, trace.cond)
    return ClauseRecord(
        text=f"{_CLAUSE_WORDS[clause.kind]} {text}",
        line=line,
        value=words,
        seen=trace.seen if trace.missing is None else f"{trace.missing} is not known",
        next_ms=_or_none(trace.change_ms),
    )


def _or_none(at_ms: int) -> int | None:
    return None if at_ms >= NEVER_MS else at_ms
