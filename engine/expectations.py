"""What an `expect` looks at in a rehearsal, and the words for what it got instead (LANGUAGE.md 11)."""

from engine.decision import Gate
from engine.explain import explain
from engine.guardrails import rule_gates, session_gates
from engine.rehearsal import Rehearsal
from engine.windows import StateFacts
from rules.checked import RulePlan
from rules.interpreter import compare, rule_stage
from rules.nodes import Expectation, Name
from rules.traces import spoken_time


def expectation_problem(rehearsal: Rehearsal, expected: Expectation, at_ms: int) -> str:
    """Check one expectation at an instant; returns "" or what was found instead, with the reason."""
    now_ms = rehearsal.start_ms + at_ms
    match expected.kind:
        case "message":
            return _message(rehearsal, expected, now_ms)
        case "no_message":
            return _no_message(rehearsal)
        case "text":
            return _text(rehearsal, expected)
        case "score":
            return _score(rehearsal, expected, now_ms)
        case "blocked":
            return _blocked(rehearsal, expected, now_ms)
        case "expired":
            return _expired(rehearsal, expected, now_ms)
        case "answer":
            return _answer(rehearsal, expected, now_ms)


def reasons_for_silence(rehearsal: Rehearsal, rule: RulePlan, now_ms: int) -> tuple[str, ...]:
    """List what keeps a rule silent at an instant; only the first failing stage reports."""
    stage = rule_stage(rule, StateFacts(rehearsal.program, rehearsal.session.state), now_ms)
    if stage is not None:
        return (stage,)
    names = [gate.name for gate in _closed(rehearsal, rule, now_ms)]
    reasons: list[str] = list(names)
    for row in rehearsal.rows:
        if row.at_ms == now_ms and rule.name in row.beaten:
            reasons.append("priority")
        if row.at_ms == now_ms and row.rule == rule.name and row.outcome == "held_out":
            reasons.append("holdout")
    return tuple(reasons)


def _closed(rehearsal: Rehearsal, rule: RulePlan, now_ms: int) -> list[Gate]:
    program, session, profile = rehearsal.program, rehearsal.session, rehearsal.profile
    closed = session_gates(program, session, profile, now_ms)
    return closed + rule_gates(program, rule, session, profile, now_ms)


def _message(rehearsal: Rehearsal, expected: Expectation, now_ms: int) -> str:
    wanted = _word(expected.name)
    variant = expected.other.text if expected.other is not None else None
    for number, sent in enumerate(rehearsal.sent):
        if sent.at_ms != now_ms or sent.message.rule != wanted:
            continue
        if variant is not None and sent.message.variant != variant:
            return f"{wanted} sent variant {sent.message.variant}, not {variant}"
        rehearsal.looked_at = number + 1
        return ""
    earlier = [sent for sent in rehearsal.sent if sent.message.rule == wanted]
    if earlier:
        return f"{wanted} spoke already at {_at(rehearsal, earlier[-1].at_ms)}"
    others = [sent.message.rule for sent in rehearsal.sent if sent.at_ms == now_ms]
    got = f"{others[0]} spoke instead" if others else f"no message at {_at(rehearsal, now_ms)}"
    return f"{got}\n{_why(rehearsal, wanted, now_ms)}"


def _no_message(rehearsal: Rehearsal) -> str:
    fresh = rehearsal.sent[rehearsal.looked_at :]
    if not fresh:
        return ""
    return f"{fresh[0].message.rule} spoke at {_at(rehearsal, fresh[0].at_ms)}"


def _text(rehearsal: Rehearsal, expected: Expectation) -> str:
    assert expected.text is not None
    if not rehearsal.sent:
        return "no message was sent yet"
    text = rehearsal.sent[-1].message.text
    return "" if expected.text.value in text else f'the latest message says "{text}"'


def _score(rehearsal: Rehearsal, expected: Expectation, now_ms: int) -> str:
    assert expected.op is not None
    assert expected.number is not None
    score = rehearsal.program.score(rehearsal.session.state, now_ms)
    return "" if compare(score, expected.op, int(expected.number.text)) else f"the score is {score}"


def _blocked(rehearsal: Rehearsal, expected: Expectation, now_ms: int) -> str:
    rule = _rule(rehearsal, _word(expected.name))
    reasons = reasons_for_silence(rehearsal, rule, now_ms)
    if _word(expected.other) in reasons:
        return ""
    if not reasons:
        return f"nothing keeps {rule.name} silent"
    return (
        f"{rule.name} is kept silent by {', '.join(reasons)}\n{_why(rehearsal, rule.name, now_ms)}"
    )


def _expired(rehearsal: Rehearsal, expected: Expectation, now_ms: int) -> str:
    wanted = _word(expected.name)
    if (now_ms, wanted) in rehearsal.expired:
        return ""
    times = [at_ms for at_ms, rule in rehearsal.expired if rule == wanted]
    return (
        f"it expired at {_at(rehearsal, times[-1])}" if times else f"no message of {wanted} expired"
    )


def _answer(rehearsal: Rehearsal, expected: Expectation, now_ms: int) -> str:
    at_ms, name = rehearsal.answered
    if at_ms == now_ms and name == _word(expected.name):
        return ""
    if at_ms != now_ms:
        return "the visitor says nothing at this time"
    return f"{name} answered" if name else "no answer block applies"


def _why(rehearsal: Rehearsal, rule_name: str, now_ms: int) -> str:
    """Lay out why a rule is silent, clause by clause."""
    rule = _rule(rehearsal, rule_name)
    gates = tuple(_closed(rehearsal, rule, now_ms))
    record = explain(rehearsal.program, rule, rehearsal.session, now_ms, gates)
    marks = {"true": "✓", "false": "✗", "unknown": "?"}
    lines = [record.summary]
    for clause in record.clauses:
        held = clause.value == "true"
        if clause.text.startswith(("unless", "except")) and clause.value != "unknown":
            held = not held
        mark = marks["unknown"] if clause.value == "unknown" else marks["true" if held else "false"]
        lines.append(f"  {mark} {clause.text:<32}  {clause.seen}")
    for gate in record.gates:
        opens = "" if gate.reopens_ms is None else f"opens at {_at(rehearsal, gate.reopens_ms)}"
        lines.append(f"  ✗ {gate.name:<32}  {opens}".rstrip())
    return "\n".join(lines)


def _rule(rehearsal: Rehearsal, name: str) -> RulePlan:
    return next(rule for rule in rehearsal.program.checked.rules if rule.name == name)


def _word(name: Name | None) -> str:
    assert name is not None
    return name.text


def _at(rehearsal: Rehearsal, at_ms: int) -> str:
    return spoken_time(at_ms - rehearsal.start_ms)
