"""The process log: one line an event, in text or JSON, with the request's id."""

import json
import logging
import sys

from server.errors import ApiError
from server.log_format import JsonFormatter, LineFormatter, log_failure


def record(**extra: object) -> logging.LogRecord:
    made = logging.LogRecord("opportune", logging.WARNING, "f.py", 1, "it is %s", ("late",), None)
    made.created = 1_705_746_600.123
    for name, value in extra.items():
        setattr(made, name, value)
    return made


def test_a_text_line_has_instant_level_words_and_request() -> None:
    line = LineFormatter().format(record(request_id="req_1"))
    assert line == "2024-01-20T10:30:00.123Z WARNING opportune: it is late [req_1]"


def test_a_json_line_is_one_object() -> None:
    row = json.loads(JsonFormatter().format(record(request_id="req_1")))
    assert row == {
        "at": "2024-01-20T10:30:00.123Z",
        "level": "warning",
        "logger": "opportune",
        "message": "it is late",
        "request_id": "req_1",
    }


def test_a_traceback_follows() -> None:
    try:
        int("inside")
    except ValueError:
        made = record(exc_info=sys.exc_info())
    assert "ValueError: " in LineFormatter().format(made)
    assert "ValueError: " in json.loads(JsonFormatter().format(made))["traceback"]


def test_only_our_own_failures_are_logged(caplog) -> None:  # noqa: ANN001
    cause = RuntimeError("why")
    log_failure(ApiError("required"), cause, "req_1")
    assert caplog.records == []
    log_failure(ApiError("internal"), cause, "req_2")
    (logged,) = caplog.records
    assert logged.request_id == "req_2"
