"""A live session under other rules: equal registers keep their memory, new ones start from the journal.

LANGUAGE.md 10, Reload; STORES.md 3, "Another program version".
"""

from collections.abc import Sequence

from engine.events import Event
from engine.fold import show_cart
from engine.late import restart_order, revive, take_event
from engine.session import Session, new_session
from engine.stores.codec import decode_state, encode_state
from rules.compiler.program import Program
from rules.value_types import is_of_type


def has_new_registers(program: Program, old_keys: Sequence[str]) -> bool:
    """Tell whether the program remembers something that the old one did not."""
    known = set(old_keys)
    return any(register.key not in known for register in program.registers)


def move_session(
    program: Program,
    session: Session,
    old_keys: Sequence[str],
    past: Sequence[tuple[int, Event]] = (),
) -> None:
    """Move a session, also one that was just decoded, to another program.

    Late events are put in their place again from now on; older ones only count.

    Args:
        old_keys: the registers' keys of the program that the session is under, in order.
        past: the session's events with their receive times, as far as the store still has them; needed
            only when the program has new registers.
    """
    if session.base:
        base = decode_state(session.base)
        base.regs = _moved(program, base.regs, old_keys)
        session.base = encode_state(base)
        revive(program, session)
    else:
        session.state.regs = _moved(program, session.state.regs, old_keys)
    state = session.state
    if past:
        fresh = _fold_past(program, session, past)
        known = set(old_keys)
        for number, register in enumerate(program.registers):
            if register.key not in known:
                state.regs[number] = fresh[number]
    _drop_misfits(program, session)
    show_cart(program, state)
    for tab in state.tabs.values():
        tab.counts = []
    session.program = program.version
    # A held condition that is new, or whose attribute was dropped, is looked at before it is asked.
    program.observe(state, state.clock_ms)
    restart_order(session)


def _drop_misfits(program: Program, session: Session) -> None:
    """Drop attributes that are declared with another type now: they would be compared across types."""
    attrs = session.state.attrs
    for name in list(attrs):
        plan = program.checked.attributes.get(name)
        if plan is not None and not is_of_type(plan.type, attrs[name]):
            del attrs[name]


def _moved(program: Program, cells: list[object], old_keys: Sequence[str]) -> list[object]:
    # Without the old keys (swept, or of a release that named them in another way) nothing is known.
    by_key = dict(zip(old_keys, cells, strict=True)) if len(old_keys) == len(cells) else {}
    fresh = program.new_registers()
    return [
        by_key.get(register.key, cell)
        for register, cell in zip(program.registers, fresh, strict=True)
    ]


def _fold_past(
    program: Program, session: Session, past: Sequence[tuple[int, Event]]
) -> list[object]:
    start_ms = session.start_ms
    scratch = new_session(session.workspace, session.visitor, session.id, session.source, start_ms)
    scratch.state.regs = program.new_registers()
    scratch.state.attrs = dict(session.state.attrs)
    for now_ms, event in past:
        take_event(program, scratch, event, now_ms)
    program.advance(scratch.state, max(session.state.clock_ms, scratch.state.clock_ms))
    return scratch.state.regs
