"""The table of refusals: every reason of the contract, with its code, its words and its advice."""

import pytest

from engine.errors import LimitExceeded, StoreUnavailable
from server.errors import PARSING_REASONS, REASONS, STATUS, ApiError, answer_for
from server.wire.envelope import failure

CONTRACT = {
    "INVALID_REQUEST": """malformed_json not_an_object required invalid_type too_long too_short too_many
        out_of_range invalid_value invalid_url invalid_timestamp invalid_cursor invalid_id
        unsupported_media_type unsupported_encoding visitor_mismatch session_closed page_mismatch
        excluded_page too_early quiet_hours visitor_offline already_displayed quick_reply_count
        unknown_action duplicate_value payload_required unknown_quick_reply personalization_missing
        no_assistant voice_not_configured unknown_session_type slot_taken slot_invalid unknown_event
        invalid_events batch_too_long private_address too_many_webhooks check_failed tests_failed
        invalid_file_name idempotency_key_invalid idempotency_key_reused""",
    "CONFLICT": "idempotency_in_progress",
    "AUTHENTICATION_FAILED": """missing_credentials invalid_credentials expired_credentials
        invalid_identity""",
    "PERMISSION_DENIED": "workspace_mismatch missing_scope origin_not_allowed no_consent",
    "NOT_FOUND": """unknown_path widget_not_found session_not_found visitor_not_found
        message_not_found source_not_found assistant_not_found agent_not_found calendar_not_found
        appointment_not_found conversation_not_found webhook_not_found delivery_not_found
        rule_set_not_found version_not_found decision_not_found rule_not_found""",
    "RATE_LIMIT_EXCEEDED": """frequency_cap cooldown key_minute workspace_hour chat_session_minute
        chat_address_minute chat_workspace_minute chat_month auth_attempts""",
    "PRECONDITION_FAILED": "etag_mismatch",
    "PAYLOAD_TOO_LARGE": "body_too_large",
    "METHOD_NOT_ALLOWED": "method_not_allowed",
    "SERVICE_UNAVAILABLE": "store_unavailable queue_full shutting_down",
    "INTERNAL_ERROR": "internal",
}
"""API.md 6.2, reason by code; `missing_identity`, `event_too_large` and `unknown_type` have no answer
of their own: they name one item of a batch."""

REPEATABLE = (409, 429, 500, 503)
NOT_REPEATABLE = {"frequency_cap", "cooldown", "chat_month"}


@pytest.mark.parametrize("code", CONTRACT)
def test_every_reason_of_the_contract_is_answered_with_its_code(code: str) -> None:
    for reason in CONTRACT[code].split():
        assert REASONS[reason][0] == code, reason


def test_no_reason_is_answered_that_the_contract_does_not_know() -> None:
    """`https_required` is the 403 of API.md 10.7, which 6.2 gives no name."""
    known = {reason for reasons in CONTRACT.values() for reason in reasons.split()}
    assert set(REASONS) - known <= {"https_required"}


def test_the_codes_have_the_statuses_of_the_contract() -> None:
    assert STATUS == {
        "AUTHENTICATION_FAILED": 401,
        "PERMISSION_DENIED": 403,
        "NOT_FOUND": 404,
        "INVALID_REQUEST": 400,
        "RATE_LIMIT_EXCEEDED": 429,
        "INTERNAL_ERROR": 500,
        "METHOD_NOT_ALLOWED": 405,
        "CONFLICT": 409,
        "PRECONDITION_FAILED": 412,
        "PAYLOAD_TOO_LARGE": 413,
        "SERVICE_UNAVAILABLE": 503,
    }


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("family", ["platform", "widget", "agent", "dashboard", "service"])
def test_every_refusal_says_whether_to_try_again(reason: str, family: str) -> None:
    error = ApiError(reason)
    answer = failure(family, error, "req_1", 0)
    repeatable = error.status in REPEATABLE and reason not in NOT_REPEATABLE
    assert dict(answer.headers)[b"x-should-retry"] == (b"true" if repeatable else b"false")


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_words_for_a_person(reason: str) -> None:
    words = REASONS[reason][1]
    assert words[0].isupper()
    assert "!" not in words
    assert not words.endswith(".")


def test_what_was_never_understood_is_a_mistake_of_the_request() -> None:
    assert {REASONS[reason][0] for reason in PARSING_REASONS} == {"INVALID_REQUEST"}


def test_an_unknown_assistant_is_a_400_for_widgets_alone() -> None:
    """The widget document knows 404 for the widget only."""
    error = ApiError("assistant_not_found")
    assert failure("widget", error, "req_1", 0).status == 400
    assert failure("platform", error, "req_1", 0).status == 404


@pytest.mark.parametrize(
    ("error", "reason", "retry_after_s"),
    [
        (StoreUnavailable("unknown", 1_200), "store_unavailable", 2),
        (StoreUnavailable("none", 0), "store_unavailable", 1),
        (StoreUnavailable("none", 60_000), "store_unavailable", 5),
        (LimitExceeded("X_MAX", 2, 1), "body_too_large", None),
        (ZeroDivisionError("a secret"), "internal", None),
        (ApiError("session_closed"), "session_closed", None),
    ],
)
def test_exceptions_become_refusals_and_tell_nothing_of_their_cause(
    error: Exception, reason: str, retry_after_s: int | None
) -> None:
    answered = answer_for(error)
    assert (answered.reason, answered.retry_after_s) == (reason, retry_after_s)
    assert "secret" not in answered.message
