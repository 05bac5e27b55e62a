"""When a delivery is tried again: the schedule, what a receiver asks for, and when it is given up. Pure."""

from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random

import msgspec

from engine.stores.base import Delivery

SPREAD = 0.2
"""Every delay of the schedule is up to this part shorter or longer, so that retries do not come in step."""

RETRY_AFTER_MS_MAX = 86_400_000
"""A receiver that asks for a longer pause gets the schedule's. test_a_receiver_s_own_pause_is_kept_up_to_a_day"""

GONE = 410
"""The answer by which a receiver ends its subscription."""

TEST_EVENT = "webhook.test"
"""Sent once when somebody asks for it, and never again."""

ERASED_EVENT = "visitor.erased"
"""Names who was erased: its record in the log has no body and cannot be sent again."""


class Answer(msgspec.Struct, frozen=True):
    """What came of one attempt.

    `status` 0 = no answer came. `error` "" = the receiver took it; else words for the endpoint's owner.
    `retry_after` is the header of that name.
    """

    status: int
    error: str = ""
    duration_ms: int = 0
    retry_after: str = ""

    @property
    def is_taken(self) -> bool:
        """Tell whether the receiver said that it has it."""
        return not self.error


def after(
    delivery: Delivery, answer: Answer, now_ms: int, schedule: Sequence[int], chance: Random
) -> Delivery:
    """Return a delivery after one more attempt: delivered, to be tried again, or given up.

    Args:
        delivery: as it was claimed.
        answer: what came of the attempt.
        now_ms: when the attempt ended, Unix ms.
        schedule: the delays between attempts, ms.
        chance: spreads the delays.
    """
    attempt = delivery.attempt + 1
    delay_ms = (
        None
        if answer.is_taken
        else next_delay_ms(delivery, answer, schedule, chance, now_ms=now_ms)
    )
    status = "delivered" if answer.is_taken else "failed" if delay_ms is None else "pending"
    return msgspec.structs.replace(
        delivery,
        attempt=attempt,
        status=status,
        due_ms=now_ms + (delay_ms or 0),
        http_status=answer.status,
        error=answer.error,
        duration_ms=answer.duration_ms,
        ended_ms=now_ms,
    )


def next_delay_ms(
    delivery: Delivery, answer: Answer, schedule: Sequence[int], chance: Random, *, now_ms: int
) -> int | None:
    """Return the pause before the next attempt of a delivery that failed once more; None: there is none."""
    if answer.status == GONE or delivery.event == TEST_EVENT or delivery.attempt >= len(schedule):
        return None
    asked_ms = retry_after_ms(answer.retry_after, now_ms)
    if asked_ms is not None:
        return asked_ms
    delay_ms = schedule[delivery.attempt]
    return round(delay_ms * chance.uniform(1 - SPREAD, 1 + SPREAD))


def retry_after_ms(text: str, now_ms: int) -> int | None:
    """Read `Retry-After`, seconds or a date (RFC 9110, 10.2.3); None when it says nothing to go by."""
    if text.isascii() and text.isdigit() and len(text) <= len(str(RETRY_AFTER_MS_MAX)):
        pause_ms = int(text) * 1_000
    else:
        try:
            date = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return None
        zoned = date if date.tzinfo else date.replace(tzinfo=UTC)
        pause_ms = round(zoned.timestamp() * 1_000) - now_ms
    return pause_ms if 0 < pause_ms <= RETRY_AFTER_MS_MAX else None
