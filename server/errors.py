"""One table of what is answered: reason -> code, status and text; engine exception -> reason."""

from collections.abc import Mapping

from engine.errors import LimitExceeded, StoreUnavailable

STATUS: Mapping[str, int] = {
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
"""HTTP status of each code (API.md 6.1)."""

REASONS: Mapping[str, tuple[str, str]] = {
    "malformed_json": ("INVALID_REQUEST", "The body is not valid JSON"),
    "not_an_object": ("INVALID_REQUEST", "The body is not a JSON object"),
    "required": ("INVALID_REQUEST", "A required field is missing"),
    "invalid_type": ("INVALID_REQUEST", "A field has the wrong type"),
    "too_long": ("INVALID_REQUEST", "A field is too long"),
    "too_short": ("INVALID_REQUEST", "A field is too short"),
    "too_many": ("INVALID_REQUEST", "A field has too many entries"),
    "out_of_range": ("INVALID_REQUEST", "A number is out of range"),
    "invalid_value": ("INVALID_REQUEST", "A field has a value that is not allowed"),
    "invalid_url": ("INVALID_REQUEST", "An address is not an absolute http or https URL"),
    "invalid_timestamp": ("INVALID_REQUEST", "A time is not RFC 3339 with an offset"),
    "invalid_id": ("INVALID_REQUEST", "An id has control characters"),
    "invalid_cursor": ("INVALID_REQUEST", "This cursor is not of this list, or it is too old"),
    "unsupported_media_type": (
        "INVALID_REQUEST",
        "The body needs Content-Type: application/json",
    ),
    "unsupported_encoding": ("INVALID_REQUEST", "The Content-Encoding is not supported"),
    "batch_too_long": ("INVALID_REQUEST", "The batch has too many events"),
    "visitor_mismatch": ("INVALID_REQUEST", "The session belongs to another visitor"),
    "session_closed": ("INVALID_REQUEST", "The session is closed"),
    "page_mismatch": ("INVALID_REQUEST", "The visitor is on an unrelated page"),
    "excluded_page": ("INVALID_REQUEST", "The visitor is on a page without proactive messages"),
    "too_early": ("INVALID_REQUEST", "It is too early for a first message"),
    "quiet_hours": ("INVALID_REQUEST", "These are quiet hours"),
    "visitor_offline": ("INVALID_REQUEST", "The visitor is offline"),
    "already_displayed": (
        "INVALID_REQUEST",
        "The visitor has seen the message; it cannot be withdrawn",
    ),
    "quick_reply_count": ("INVALID_REQUEST", "Give two or three quick replies, or none"),
    "unknown_action": ("INVALID_REQUEST", "A quick reply has an unknown action"),
    "duplicate_value": ("INVALID_REQUEST", "Two quick replies have the same value"),
    "payload_required": ("INVALID_REQUEST", "The action open needs a URL as payload"),
    "unknown_quick_reply": ("INVALID_REQUEST", "The message has no such quick reply"),
    "personalization_missing": (
        "INVALID_REQUEST",
        "A placeholder has neither a value nor a fallback",
    ),
    "no_assistant": ("INVALID_REQUEST", "No assistant configured"),
    "voice_not_configured": ("INVALID_REQUEST", "The workspace has no telephone numbers"),
    "unknown_session_type": (
        "INVALID_REQUEST",
        "The session_type is one of voice, agent_voice, agent_video, agent_chat, webrtc_video",
    ),
    "slot_taken": ("INVALID_REQUEST", "The appointment slot is no longer available"),
    "slot_invalid": ("INVALID_REQUEST", "This is not the start of a slot that can be booked"),
    "unknown_event": ("INVALID_REQUEST", "There is no event of this name"),
    "invalid_events": ("INVALID_REQUEST", "None of the events could be accepted"),
    "private_address": ("INVALID_REQUEST", "The address is not on the public internet"),
    "too_many_webhooks": ("INVALID_REQUEST", "The workspace has as many webhooks as allowed"),
    "check_failed": ("INVALID_REQUEST", "The rules have errors; nothing was changed"),
    "tests_failed": ("INVALID_REQUEST", "Tests of the rules fail; nothing was changed"),
    "invalid_file_name": (
        "INVALID_REQUEST",
        "A rule file is named like main.rules or team/main.rules",
    ),
    "idempotency_key_invalid": (
        "INVALID_REQUEST",
        "Idempotency-Key has 1 to 255 printable ASCII characters",
    ),
    "idempotency_key_reused": (
        "INVALID_REQUEST",
        "This Idempotency-Key was used with another body; take a new key",
    ),
    "idempotency_in_progress": (
        "CONFLICT",
        "The first request with this Idempotency-Key is still running; repeat it in a second",
    ),
    "missing_credentials": ("AUTHENTICATION_FAILED", "Invalid or missing API key"),
    "invalid_credentials": ("AUTHENTICATION_FAILED", "Invalid or missing API key"),
    "expired_credentials": ("AUTHENTICATION_FAILED", "The credential has expired"),
    "invalid_identity": ("AUTHENTICATION_FAILED", "The proof of the user's identity is wrong"),
    "workspace_mismatch": ("PERMISSION_DENIED", "The credential belongs to another workspace"),
    "missing_scope": ("PERMISSION_DENIED", "Insufficient permissions for resource"),
    "origin_not_allowed": ("PERMISSION_DENIED", "This origin is not allowed"),
    "https_required": ("PERMISSION_DENIED", "Use HTTPS"),
    "no_consent": ("PERMISSION_DENIED", "The visitor has not given consent"),
    "unknown_path": ("NOT_FOUND", "No such path"),
    "widget_not_found": ("NOT_FOUND", "Widget not found"),
    "session_not_found": ("NOT_FOUND", "Session not found"),
    "source_not_found": ("NOT_FOUND", "Source not found"),
    "assistant_not_found": ("NOT_FOUND", "Assistant not found"),
    "visitor_not_found": ("NOT_FOUND", "Visitor not found"),
    "message_not_found": ("NOT_FOUND", "Message not found"),
    "agent_not_found": ("NOT_FOUND", "Agent not found or access denied"),
    "calendar_not_found": ("NOT_FOUND", "Calendar not found"),
    "appointment_not_found": ("NOT_FOUND", "Appointment not found"),
    "conversation_not_found": ("NOT_FOUND", "Conversation not found"),
    "webhook_not_found": ("NOT_FOUND", "Webhook not found"),
    "delivery_not_found": ("NOT_FOUND", "Delivery not found"),
    "rule_set_not_found": ("NOT_FOUND", "Rule set not found"),
    "version_not_found": ("NOT_FOUND", "The rule set has no such version"),
    "decision_not_found": ("NOT_FOUND", "Decision not found"),
    "rule_not_found": ("NOT_FOUND", "Rule not found"),
    "frequency_cap": ("RATE_LIMIT_EXCEEDED", "The visitor has had as many messages as allowed"),
    "cooldown": ("RATE_LIMIT_EXCEEDED", "The pause after the last contact is not over"),
    "key_minute": ("RATE_LIMIT_EXCEEDED", "Too many requests with this key in this minute"),
    "workspace_hour": ("RATE_LIMIT_EXCEEDED", "Too many requests of this workspace in this hour"),
    "chat_session_minute": ("RATE_LIMIT_EXCEEDED", "Too many messages in this session"),
    "chat_address_minute": ("RATE_LIMIT_EXCEEDED", "Too many messages from this address"),
    "chat_workspace_minute": ("RATE_LIMIT_EXCEEDED", "Too many messages in this workspace"),
    "chat_month": ("RATE_LIMIT_EXCEEDED", "The workspace has used its messages of this month"),
    "auth_attempts": (
        "RATE_LIMIT_EXCEEDED",
        "Too many failed attempts from this address; wait and check the credential",
    ),
    "etag_mismatch": ("PRECONDITION_FAILED", "Somebody else changed it; read it again first"),
    "body_too_large": ("PAYLOAD_TOO_LARGE", "The request is too large"),
    "method_not_allowed": ("METHOD_NOT_ALLOWED", "The path does not have this method"),
    "store_unavailable": ("SERVICE_UNAVAILABLE", "Nothing was stored; repeat it with the same ids"),
    "queue_full": ("SERVICE_UNAVAILABLE", "Too much is waiting; repeat it with the same ids"),
    "shutting_down": ("SERVICE_UNAVAILABLE", "The server is shutting down; repeat it"),
    "internal": ("INTERNAL_ERROR", "Server error"),
}
"""Code and default text of each reason that is answered (API.md 6.2)."""

PARSING_REASONS = frozenset(
    {
        "malformed_json",
        "not_an_object",
        "required",
        "invalid_type",
        "too_long",
        "too_short",
        "too_many",
        "out_of_range",
        "invalid_value",
        "invalid_url",
        "invalid_timestamp",
        "invalid_id",
        "invalid_cursor",
        "unsupported_media_type",
        "unsupported_encoding",
    }
)
"""Refusals of a request that was never understood: no Idempotency-Key keeps them."""

_NO_RETRY = frozenset({"frequency_cap", "cooldown", "chat_month"})


class ApiError(Exception):
    """An answer that is not a success; each family writes it into its own envelope."""

    def __init__(
        self,
        reason: str,
        message: str = "",
        *,
        field: str | None = None,
        details: Mapping[str, object] | None = None,
        retry_after_s: int | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        """Look the reason up in REASONS; `message` replaces its text, `field` names the input to blame."""
        code, text = REASONS[reason]
        super().__init__(f"{code} {reason} {field or ''}".rstrip())
        self.reason = reason
        self.code = code
        self.status = STATUS[code]
        self.message = message or text
        self.field = field
        self.details = dict(details or {})
        self.retry_after_s = retry_after_s
        self.headers = headers

    @property
    def should_retry(self) -> bool:
        """Tell whether the same request may succeed later."""
        return self.status in (409, 429, 500, 503) and self.reason not in _NO_RETRY


def answer_for(error: Exception) -> ApiError:
    """Translate any exception; one that nobody expected is `internal`, with nothing of its cause."""
    match error:
        case ApiError():
            return error
        case StoreUnavailable():
            seconds = max(1, min(5, -(-error.retry_after_ms // 1000)))
            return ApiError("store_unavailable", retry_after_s=seconds)
        case LimitExceeded():
            return ApiError("body_too_large")
        case _:
            return ApiError("internal")
