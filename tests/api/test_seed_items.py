"""Every item of the owner's documents, and the tests that hold it."""

import ast
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.server.running import TestServer

TESTS = Path(__file__).parents[1]
ROWS_OF_THE_CONTRACT = {"S0": 5, "S1": 9, "S2": 11, "S3": 12, "S4": 4}

SEEDS, OPENAPI = "api/test_seeds.py", "api/test_openapi.py"
POLICY, RATES = "api/test_outbound_policy.py", "api/test_rate_limits.py"
CHAT_SOCKET, TENANT = "server/test_chat_socket.py", "server/test_tenant_socket.py"
WIDGET, AUTH = "api/test_widget_chat.py", "api/test_authentication.py"
LIVE, MESSAGE = "api/test_live_chat_sessions.py", "api/test_outbound_message.py"
DASHBOARD, APPOINTMENTS = "engine/outbox/test_dashboard.py", "api/test_appointments.py"
INTEGRATION = "api/test_integration_events.py"
WEBHOOKS = "engine/outbox/test_webhooks.py"


class Row(NamedTuple):
    """One item: its document, what it says, and `file::test` of each test that holds it.

    `later` says what it waits for when the server does not do it yet, or never will.
    """

    seed: str
    item: str
    tests: tuple[str, ...] = ()
    later: str = ""


ROWS = (
    Row(
        "S0",
        "POST /live-chat/sessions under base /v1, headers Authorization, X-Workspace-ID, Content-Type",
        (
            f"{SEEDS}::test_s0_create_live_chat_session",
            f"{LIVE}::test_credentials_workspace_scope_and_type_are_checked",
        ),
    ),
    Row(
        "S0",
        "request source_id, visitor (ip_address, user_agent, referrer, page_url), initial_message,"
        " custom_fields, assistant_id",
        (
            f"{SEEDS}::test_s0_the_custom_fields_and_the_first_message_are_kept",
            f"{LIVE}::test_a_wrong_field_is_named",
            f"{LIVE}::test_a_missing_field_is_required",
        ),
    ),
    Row(
        "S0",
        "response session_id assistant_id status websocket_url widget_config estimated_wait, meta",
        (f"{SEEDS}::test_s0_create_live_chat_session",),
    ),
    Row(
        "S0",
        "status active, queued, closed; estimated wait in seconds if queued",
        (
            "api/test_queue.py::test_the_second_session_is_queued_with_an_estimate",
            "api/test_live_chat_lifecycle.py::test_a_closed_session_says_so_and_stays_as_it_is",
        ),
    ),
    Row(
        "S0",
        "socket of a session: send message, receive message, event appointment_scheduled",
        (
            f"{SEEDS}::test_s0_send_and_receive_over_the_websocket",
            f"{SEEDS}::test_s0_the_event_of_an_appointment",
        ),
    ),
    Row(
        "S1",
        "POST /outbound/live-chat/message, same headers",
        (
            f"{SEEDS}::test_s1_proactive_live_chat_message",
            f"{AUTH}::test_a_platform_request_is_checked_in_the_order_of_the_contract",
        ),
    ),
    Row(
        "S1",
        "request session_id, visitor_id, message, trigger, assistant_id, personalization, options,"
        " quick_replies; actions quote, schedule, call",
        (
            f"{SEEDS}::test_s1_the_quick_replies_reach_the_visitor_s_socket",
            f"{MESSAGE}::test_a_wrong_field_is_named",
            "engine/conversations/test_lifecycle.py::test_slots_and_numbers_are_left_to_who_can_look_them_up",
        ),
    ),
    Row(
        "S1",
        "response message_id session_id status visitor_status engagement_score",
        (
            f"{SEEDS}::test_s1_proactive_live_chat_message",
            "api/test_outbound_progress.py::test_a_message_is_shown_with_its_times",
        ),
    ),
    Row(
        "S1",
        "webhook live_chat.visitor_responded with its exact payload",
        (
            f"{WEBHOOKS}::test_the_payload_of_the_proactive_live_chat_message_document_is_sent_to_the_field",
        ),
    ),
    Row(
        "S1",
        "best practice 1: timing 30-60 s",
        (
            f"{POLICY}::test_row_9_too_early_is_held_or_fails",
            f"{MESSAGE}::test_a_message_that_is_too_early_is_held_with_a_warning",
        ),
    ),
    Row(
        "S1",
        "2: relevance to the page",
        (
            f"{POLICY}::test_row_3_an_excluded_page",
            f"{POLICY}::test_row_4_an_unrelated_page",
        ),
    ),
    Row(
        "S1",
        "3: personalization when available",
        (f"{MESSAGE}::test_placeholders_are_filled_and_cut",),
    ),
    Row("S1", "4: quick replies 2-3", (f"{MESSAGE}::test_a_wrong_field_is_named",)),
    Row(
        "S1",
        "5: frequency, one per session unless the visitor engages",
        (
            f"{POLICY}::test_row_2_who_engaged_gets_an_ordinary_message_whatever_the_policy",
            f"{POLICY}::test_row_5_a_message_was_sent_in_this_session",
            f"{POLICY}::test_row_6_a_wider_cap_is_full",
        ),
    ),
    Row(
        "S2",
        "widget token auth, dashboard JWT auth, base URL …/api, :widgetId = tenant id",
        (
            f"{AUTH}::test_a_widget_request_is_checked_for_widget_then_token_then_origin",
            f"{AUTH}::test_a_dashboard_token_is_good_on_the_platform_in_its_role",
        ),
    ),
    Row(
        "S2",
        "POST /api/widgets/:widgetId/chat, its answer, and 400, 401, 404, 429, 500",
        (
            f"{SEEDS}::test_s2_send_chat_message",
            f"{SEEDS}::test_s2_chat_without_a_required_field",
            f"{SEEDS}::test_s2_chat_without_an_assistant",
            f"{SEEDS}::test_s2_chat_with_an_invalid_widget_token",
            f"{SEEDS}::test_s2_chat_with_an_unknown_widget",
            f"{SEEDS}::test_s2_chat_over_its_usage_limit",
            f"{SEEDS}::test_s2_a_server_error",
        ),
    ),
    Row("S2", "POST …/track", (f"{SEEDS}::test_s2_track_widget_event",)),
    Row("S2", "POST …/voice/start", (f"{SEEDS}::test_s2_start_voice_call",)),
    Row("S2", "GET …/config", (f"{SEEDS}::test_s2_get_widget_config",)),
    Row(
        "S2",
        "/ws/chat reserved or legacy",
        (f"{SEEDS}::test_s2_the_chat_socket_of_old_is_not_there",),
    ),
    Row(
        "S2",
        "…/api/ws/tenant, auth message within 5 seconds, five event types, {type, data}",
        (
            f"{SEEDS}::test_s2_the_tenant_socket_tells_of_a_new_conversation",
            f"{SEEDS}::test_s2_the_tenant_socket_has_the_five_types_of_events",
            f"{TENANT}::test_who_says_nothing_is_closed_4401",
        ),
    ),
    Row(
        "S2",
        "error codes 400, 401, 404, 429, 500",
        (
            f"{SEEDS}::test_s2_chat_without_a_required_field",
            f"{SEEDS}::test_s2_chat_with_an_invalid_widget_token",
            f"{SEEDS}::test_s2_chat_with_an_unknown_widget",
            f"{SEEDS}::test_s2_chat_over_its_usage_limit",
            f"{SEEDS}::test_s2_a_server_error",
        ),
    ),
    Row(
        "S2",
        "rate limiting: chat standard, WebSocket none, tracking none",
        (
            f"{WIDGET}::test_the_21st_message_of_a_minute_is_refused_and_not_stored",
            "api/test_seed_items.py::test_tracking_has_no_limit_of_requests",
        ),
    ),
    Row(
        "S2",
        "widget token tenant-specific, kept secure, rotated",
        ("api/test_tenants.py::test_a_widget_s_token_opens_no_other_widget",),
    ),
    Row(
        "S2",
        "chat socket: widget token; tenant socket: JWT; HTTPS and WSS in production; 5 s",
        (
            f"{CHAT_SOCKET}::test_a_first_frame_that_does_not_authenticate_closes",
            f"{CHAT_SOCKET}::test_silence_closes_4401",
            f"{SEEDS}::test_s2_the_tenant_socket_wants_a_token",
            f"{AUTH}::test_https_can_be_required",
        ),
    ),
    Row(
        "S3",
        "base URL /v1, Bearer key and X-Workspace-ID, Content-Type",
        (
            f"{AUTH}::test_the_workspace_must_be_named_on_the_platform",
            f"{LIVE}::test_credentials_workspace_scope_and_type_are_checked",
        ),
    ),
    Row(
        "S3",
        "1,000 a minute a key, 10,000 an hour a workspace; X-RateLimit headers in all responses",
        (
            f"{RATES}::test_exactly_a_thousand_of_twelve_hundred_requests_in_a_minute_pass",
            f"{RATES}::test_a_full_hour_of_the_workspace_stops_all_its_keys_and_no_other",
            f"{SEEDS}::test_s3_rate_limits_are_in_all_responses",
        ),
    ),
    Row(
        "S3",
        "success and error envelopes, details {field, reason}, slot_taken",
        (
            f"{SEEDS}::test_s3_an_error_of_a_taken_slot",
            "api/test_seed_examples.py::test_a_success_is_data_and_meta",
        ),
    ),
    Row(
        "S3",
        "six error codes with statuses",
        (
            f"{SEEDS}::test_s3_the_error_codes_and_their_statuses",
            "server/test_services.py::test_an_unexpected_failure_tells_nothing_of_its_cause",
            f"{RATES}::test_exactly_a_thousand_of_twelve_hundred_requests_in_a_minute_pass",
        ),
    ),
    Row(
        "S3",
        "six webhook events",
        (
            f"{WEBHOOKS}::test_a_chat_and_a_call_begin_by_their_own_names",
            f"{WEBHOOKS}::test_an_appointment_is_shown_as_the_api_shows_it",
            f"{WEBHOOKS}::test_everything_else_is_told_by_its_name",
        ),
    ),
    Row(
        "S3",
        "area: inbound communication",
        (f"{SEEDS}::test_s2_send_chat_message", f"{INTEGRATION}::test_with_a_visitor_rules_see_it"),
    ),
    Row(
        "S3",
        "area: outbound campaigns",
        (
            f"{SEEDS}::test_s2_the_tenant_socket_has_the_five_types_of_events",
            f"{DASHBOARD}::test_a_callers_campaign_comes_before_the_rules_name",
        ),
    ),
    Row(
        "S3",
        "area: analytics and coach",
        (
            "api/test_results.py::test_a_rule_s_messages_are_counted",
            f"{INTEGRATION}::test_with_a_visitor_rules_see_it",
        ),
    ),
    Row(
        "S3",
        "area: bot building",
        ("engine/conversations/test_answers.py::test_the_best_fitting_block_answers",),
    ),
    Row(
        "S3",
        "area: scheduling",
        (
            f"{APPOINTMENTS}::test_availability_shows_the_slots_of_seven_days_as_documented",
            f"{APPOINTMENTS}::test_a_booking_answers_the_documented_fields",
        ),
    ),
    Row(
        "S3",
        "area: omnichannel",
        (
            f"{DASHBOARD}::test_a_new_conversation_is_told_with_its_contact",
            f"{INTEGRATION}::test_with_a_visitor_rules_see_it",
        ),
    ),
    Row(
        "S3",
        "SDKs for Node.js/TypeScript and Python; speedToLead is another product's domain",
        later="clients",
    ),
    Row(
        "S4",
        "POST /api/v1/sessions, x-api-key",
        (
            f"{SEEDS}::test_s4_create_session",
            f"{AUTH}::test_the_agent_family_has_its_own_words_and_envelope",
        ),
    ),
    Row(
        "S4",
        "agent_id integer required, session_type, metadata",
        (
            f"{SEEDS}::test_s4_the_session_type_has_a_default",
            f"{SEEDS}::test_s4_the_form_s_placeholder_is_no_session_type",
        ),
    ),
    Row(
        "S4",
        "response session {…}, message; error Agent not found or access denied",
        (
            f"{SEEDS}::test_s4_create_session",
            f"{SEEDS}::test_s4_an_unknown_agent",
        ),
    ),
    Row(
        "S4",
        "lifecycle: create, send messages, end",
        (f"{SEEDS}::test_s4_a_session_is_created_talked_in_and_ended",),
    ),
)


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of the tests of a file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = (node.name for node in ast.walk(tree) if isinstance(node, kinds))
    return frozenset(name for name in found if name.startswith("test_"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.seed} {row.item[:40]}")
def test_an_item_names_tests_that_are_there(row: Row) -> None:
    assert bool(row.tests) != bool(row.later)
    for test in row.tests:
        file, _, name = test.partition("::")
        assert name in names_in(file), test


def test_every_item_of_the_contract_has_a_row() -> None:
    assert Counter(row.seed for row in ROWS) == ROWS_OF_THE_CONTRACT


def test_what_waits_is_the_clients() -> None:
    assert [row.later for row in ROWS if row.later] == ["clients"]


@pytest.mark.anyio
async def test_tracking_has_no_limit_of_requests(server: TestServer) -> None:
    event = {"sessionId": "session_abc123", "event": "click"}
    answers = {(await server.track(event)).status for _ in range(1_001)}
    assert answers == {200}
    assert server.parts.app.services.config.limits.key_per_minute == 1_000
