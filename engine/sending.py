"""Carrying out what was decided: the message of the winning rule, and the rows of the ledger."""

from engine.closest import closest_miss
from engine.conversations.words import append_message
from engine.decide import Blocked, Verdict
from engine.decision import DecisionRow
from engine.effect import Ground
from engine.estimates import is_estimated
from engine.explain import sentence, trigger_of
from engine.ids import derived_id
from engine.limits import GRANTS_MAX, SUPPRESSED_MAX
from engine.message import Message
from engine.message_text import render_message
from engine.profile import Grant
from engine.telling import moved
from rules.checked import RulePlan, VariantPlan


def send(ground: Ground, verdict: Verdict) -> None:
    """Send the winner's message, or note that the visitor is held out; the caps are spent either way."""
    rule, variant = verdict.winner, verdict.variant
    assert rule is not None
    assert variant is not None
    session, profile = ground.session, ground.profile
    session.grants_total += 1
    message = _message(ground, rule, variant, verdict.now_ms)
    if verdict.held_out:
        message.outcome = "held_out"
        message.text = ""
        session.messages.append(message)
        moved(ground, message, "held_out", verdict.now_ms, "holdout")
    else:
        append_message(ground, message)
        moved(ground, message, "sent", verdict.now_ms, "fired")
    grant = Grant(verdict.now_ms, rule.name, session.id, message.id, variant.name, verdict.held_out)
    profile.grants = [*profile.grants, grant][-GRANTS_MAX:]
    profile.spent = [*profile.spent, grant][-GRANTS_MAX:]
    ground.effect.spend += 1
    ground.effect.profile_changed = True
    ground.effect.rows.append(_sent_row(ground, verdict, rule, message))


def record_suppressed(ground: Ground, verdict: Verdict) -> None:
    """Record a rule whose conditions hold and that gates silence, once for each set of closed gates."""
    session = ground.session
    for blocked in verdict.blocked:
        names = tuple(gate.name for gate in blocked.gates)
        mark = f"{blocked.rule.name}:{','.join(names)}"
        if mark in session.suppressed or len(session.suppressed) >= SUPPRESSED_MAX:
            continue
        session.suppressed.append(mark)
        ground.effect.rows.append(_suppressed_row(ground, blocked, verdict.now_ms))


def _message(ground: Ground, rule: RulePlan, variant: VariantPlan, now_ms: int) -> Message:
    program, session = ground.program, ground.session
    ids = (session.workspace, session.id, session.epoch, session.grants_total)
    text, replies = render_message(program, variant.message, session)
    return Message(
        id=derived_id("msg", ground.secret, *ids),
        text=text,
        sent_ms=now_ms,
        rule=rule.name,
        variant=variant.name,
        epoch=session.epoch,
        replies=replies,
        expires_ms=now_ms + rule.expires_ms,
        decision=derived_id("dec", ground.secret, *ids),
        trigger=trigger_of(program, rule, session, now_ms),
        score=program.score(session.state, now_ms),
    )


def _sent_row(ground: Ground, verdict: Verdict, rule: RulePlan, message: Message) -> DecisionRow:
    program = ground.program
    return DecisionRow(
        id=message.decision,
        at_ms=verdict.now_ms,
        rule=rule.name,
        outcome="held_out" if verdict.held_out else "sent",
        reason="holdout" if verdict.held_out else "fired",
        score=message.score,
        variant=message.variant,
        message=message.id,
        program=program.version,
        why=sentence(program, rule, ground.session, verdict.now_ms, ()),
        beaten=tuple(other.name for other in verdict.beaten),
        closest=closest_miss(program, ground.session, verdict.now_ms, rule.name),
        estimated=is_estimated(program, rule, ground.session.state),
    )


def _suppressed_row(ground: Ground, blocked: Blocked, now_ms: int) -> DecisionRow:
    program, session, rule = ground.program, ground.session, blocked.rule
    names = tuple(gate.name for gate in blocked.gates)
    return DecisionRow(
        id=derived_id("dec", ground.secret, session.id, now_ms, rule.name, *names),
        at_ms=now_ms,
        rule=rule.name,
        outcome="suppressed",
        reason=names[0],
        score=program.score(session.state, now_ms),
        program=program.version,
        gates=names,
        why=sentence(program, rule, session, now_ms, blocked.gates),
        closest=closest_miss(program, session, now_ms, rule.name),
        estimated=is_estimated(program, rule, session.state),
    )
