"""Carrying out what the server side orders in a session, one kind of order after the other."""

from typing import assert_never

import msgspec

from engine.conversations.lifecycle import close, open_conversation, release, seat
from engine.conversations.orders import (
    Close,
    Notify,
    Open,
    Order,
    Post,
    Release,
    Seat,
    Verify,
    Withdraw,
)
from engine.conversations.words import posted
from engine.effect import Ground
from engine.runtime_types import Refused
from engine.telling import notice, withdraw


def carry_out(ground: Ground, order: Order, now_ms: int) -> None:
    """Carry out one order; what the session does not allow is noted in `effect.refused`."""
    match order:
        case Open():
            open_conversation(ground, order, now_ms)
        case Post():
            posted(ground, order, now_ms)
        case Release():
            release(ground, now_ms)
        case Seat():
            seat(ground, order, now_ms)
        case Close():
            close(ground, order.reason, now_ms, order.note)
        case Notify():
            notice(ground, now_ms, order.name, order.content, order.id)
        case Verify():
            ground.session.verified = True
        case Withdraw():
            _withdraw(ground, order, now_ms)
        case _:
            assert_never(order)


def _withdraw(ground: Ground, order: Withdraw, now_ms: int) -> None:
    message = ground.session.message(order.message)
    if message is None or message.kind != "proactive" or message.outcome == "held_out":
        ground.effect.refused = Refused("message_not_found")
    elif message.displayed_ms >= 0:
        ground.effect.refused = Refused("already_displayed")
    else:
        if message.outcome is None:
            withdraw(ground, message, "withdrawn", now_ms)
        ground.effect.withdrawn = msgspec.structs.replace(message)
