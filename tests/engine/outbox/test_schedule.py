"""When a delivery is tried again: the schedule, what a receiver asks for, and the end of it."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.outbox.schedule import (
    RETRY_AFTER_MS_MAX,
    SPREAD,
    TEST_EVENT,
    Answer,
    after,
    retry_after_ms,
)
from engine.stores.base import Delivery

NOW_MS = 1_750_000_000_000
SCHEDULE = (5_000, 300_000, 1_800_000)
DELIVERY = Delivery(
    id="dlv_1",
    cause="evt_1",
    workspace="w",
    visitor="",
    session="",
    endpoint="whk_1",
    event="chat.started",
    event_id="evt_1",
    body=b"{}",
    created_ms=NOW_MS,
    due_ms=NOW_MS,
)
FAILED = Answer(500, "answered 500", 12)


def tried(delivery: Delivery, answer: Answer = FAILED, seed: int = 1) -> Delivery:
    return after(delivery, answer, NOW_MS, SCHEDULE, random.Random(seed))


def test_a_delivery_that_is_taken_is_delivered() -> None:
    made = tried(DELIVERY, Answer(204, duration_ms=12))
    assert (made.status, made.attempt, made.http_status) == ("delivered", 1, 204)
    assert (made.error, made.duration_ms, made.ended_ms) == ("", 12, NOW_MS)


@given(attempt=st.integers(0, len(SCHEDULE) - 1), seed=st.integers())
def test_a_delay_is_within_a_fifth_of_the_schedule(attempt: int, seed: int) -> None:
    made = tried(msgspec.structs.replace(DELIVERY, attempt=attempt), seed=seed)
    delay_ms = made.due_ms - NOW_MS
    wanted_ms = SCHEDULE[attempt]
    assert (made.status, made.attempt) == ("pending", attempt + 1)
    assert wanted_ms * (1 - SPREAD) - 1 <= delay_ms <= wanted_ms * (1 + SPREAD) + 1


def test_after_the_last_delay_a_delivery_is_given_up() -> None:
    made = tried(msgspec.structs.replace(DELIVERY, attempt=len(SCHEDULE)))
    assert (made.status, made.attempt, made.error) == ("failed", 4, "answered 500")


def test_gone_and_tests_are_not_tried_again() -> None:
    assert tried(DELIVERY, Answer(410, "answered 410")).status == "failed"
    assert tried(msgspec.structs.replace(DELIVERY, event=TEST_EVENT)).status == "failed"


@pytest.mark.parametrize(
    ("text", "wanted_ms"),
    [
        ("1", 1_000),
        ("86400", RETRY_AFTER_MS_MAX),
        (format_datetime(datetime.fromtimestamp(NOW_MS / 1_000 + 90, UTC), usegmt=True), 90_000),
    ],
)
def test_a_receiver_s_own_pause_is_kept_up_to_a_day(text: str, wanted_ms: int) -> None:
    assert retry_after_ms(text, NOW_MS) == wanted_ms
    made = tried(DELIVERY, Answer(429, "answered 429", retry_after=text))
    assert made.due_ms - NOW_MS == wanted_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "86401",
        "9" * 400,
        "²",
        "soon",
        "1.5",
        "Mon, 99 Foo 2025",
        format_datetime(datetime.fromtimestamp(NOW_MS / 1_000, UTC) - timedelta(1), usegmt=True),
    ],
)
def test_a_pause_that_means_nothing_leaves_the_schedule(text: str) -> None:
    assert retry_after_ms(text, NOW_MS) is None


@given(st.text(max_size=50))
def test_no_header_of_a_receiver_raises(text: str) -> None:
    pause_ms = retry_after_ms(text, NOW_MS)
    assert pause_ms is None or 0 < pause_ms <= RETRY_AFTER_MS_MAX
