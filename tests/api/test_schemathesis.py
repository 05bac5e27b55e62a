"""Every operation against its own document: no 5xx, no status, reason, header or field that is not there."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from zlib import crc32

import httpx2
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

import server.limits.rate_limits
from server.contract.openapi import openapi_document
from server.contract.operations import OPERATIONS
from server.contract.service_operations import TRACK
from tests.api.whole import A, Tenant, beside

EXAMPLES = 10
"""Drawn for each operation, beside those that cover each limit of each field."""

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
]
FRESH = re.compile(r"[ -~]{1,240}")
"""Idempotency-Keys to which something can be added, so that they are new."""

CONFIG = SchemathesisConfig.from_dict(
    {"generation": {"mode": "all", "database": "none", "with-security-parameters": False}}
)
DOCUMENT = msgspec.json.decode(msgspec.json.encode(openapi_document((*OPERATIONS, TRACK))))
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)


@dataclass(frozen=True, slots=True)
class Place:
    """A server, and what exists in its workspace: ids by their place in a path, values by field of a body."""

    address: str
    ids: Mapping[str, str]
    fields: Mapping[str, object]
    numbers: "count[int]"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with (
        pytest.MonkeyPatch.context() as patched,
        beside(tmp_path_factory.mktemp("whole")) as live,
    ):
        patched.setattr(server.limits.rate_limits, "LOGINS_PER_MINUTE", 1_000_000)
        address = f"http://127.0.0.1:{live.port}"
        with httpx2.Client(base_url=address, headers=A.headers) as http:
            yield Place(address, *things_of(A, http), count())


def things_of(tenant: Tenant, http: httpx2.Client) -> tuple[dict[str, str], dict[str, object]]:
    """Make one of everything that a request can name; what is ended on the way is a spare one."""
    opening: object = {"source_id": tenant.site, "visitor": {}, "initial_message": "Hello"}
    session, spare = (
        http.post("/v1/live-chat/sessions", json=opening).json()["data"] for _ in range(2)
    )
    quiet: object = {"source_id": tenant.site, "visitor": {"page_url": "https://shop.example/"}}
    reached = http.post("/v1/live-chat/sessions", json=quiet).json()["data"]
    words: object = {"session_id": reached["session_id"], "message": "Can I help?"}
    message = http.post("/v1/outbound/live-chat/message", json=words).json()["data"]
    day = (datetime.now(UTC) + timedelta(days=2)).date()  # noqa: TID251  # the server's clock runs
    asked = {"date_from": str(day), "date_to": str(day)}
    slots = http.get("/v1/appointments/availability", params=asked).json()["data"]["slots"]
    wish: object = {
        "appointment_slot": slots[0]["appointment_slot"],
        "customer": {"name": "John Doe"},
    }
    appointment = http.post("/v1/appointments", json=wish).json()["data"]
    agents = [
        http.post("/api/v1/sessions", json={"agent_id": tenant.agent}).json()["session"]
        for _ in range(2)
    ]
    hook = {"url": "https://hooks.invalid/", "events": ["*"]}
    webhook, spare_webhook = (
        http.post("/v1/webhooks", json=hook).json()["data"]["webhook_id"] for _ in range(2)
    )
    delivery = http.post(f"/v1/webhooks/{webhook}/test").json()["data"]
    ids = {
        "widget_id": tenant.workspace,
        "webhook_id": webhook,
        "spare webhook_id": spare_webhook,
        "delivery_id": delivery["delivery_id"],
        "session_id": session["session_id"],
        "spare session_id": spare["session_id"],
        "agent session_id": str(agents[0]["session_id"]),
        "spare agent session_id": str(agents[1]["session_id"]),
        "visitor_id": session["visitor_id"],
        "message_id": message["message_id"],
        "decision_id": message["decision_id"],
        "appointment_id": appointment["appointment_id"],
        "set": "main",
    }
    fields: dict[str, object] = {
        "source_id": tenant.site,
        "assistant_id": tenant.assistant,
        "assistantId": tenant.assistant,
        "agent_id": tenant.agent,
        "calendar_id": f"cal_{tenant.name}",
        "appointment_slot": slots[1]["appointment_slot"],
        "workspace_id": tenant.workspace,
        "visitorToken": session["visitor_token"],
        "messageId": message["message_id"],
    }
    return ids, fields


def test_the_document_is_valid() -> None:
    SCHEMA.validate()


@pytest.mark.parametrize("forgotten", ["404", "reason", "header"])
def test_an_answer_that_is_not_in_the_document_is_found(place: Place, forgotten: str) -> None:
    document = deepcopy(DOCUMENT)
    responses = document["paths"]["/v1/visitors/{visitor_id}"]["get"]["responses"]
    if forgotten == "404":
        del responses["404"]
    elif forgotten == "reason":
        text = msgspec.json.encode(responses["404"]).replace(b"visitor_not_found", b"no_consent")
        responses["404"] = msgspec.json.decode(text)
    else:
        responses["404"]["headers"]["X-Nothing"] = {"required": True, "schema": {"type": "string"}}
    schema = schemathesis.openapi.from_dict(document, config=CONFIG)
    operation = schema["/v1/visitors/{visitor_id}"]["GET"]
    case = operation.Case(path_parameters={"visitor_id": "nobody"}, headers=A.headers)
    with pytest.raises(FailureGroup):
        case.call_and_validate(base_url=place.address, headers=A.headers, checks=CHECKS)


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_an_operation_does_what_its_document_says(case: schemathesis.Case, place: Place) -> None:
    _aim(case, place)
    case.call_and_validate(base_url=place.address, headers=_credential(case), checks=CHECKS)


def _aim(case: schemathesis.Case, place: Place) -> None:
    """Let most requests name what exists, and be no repeats: behind a 404 there is little to see."""
    drawn = crc32(repr((case.body, case.query, case.path_parameters)).encode())
    if drawn % 8 == 0:
        return
    for name in case.path_parameters:
        agent = "agent " if case.path.startswith("/api/v1/") else ""
        is_end = case.path.endswith(("/close", "/end")) or case.method == "DELETE"
        spare = "spare " if is_end and name in ("session_id", "webhook_id") else ""
        wanted = f"{spare}{agent if name == 'session_id' else ''}{name}"
        if wanted in place.ids:
            case.path_parameters[name] = place.ids[wanted]
    if isinstance(case.body, dict):
        for name, value in place.fields.items():
            if type(case.body.get(name)) is type(value):
                case.body[name] = value
    for name in case.headers:
        if name.lower() == "idempotency-key" and FRESH.fullmatch(case.headers[name]):
            case.headers[name] += str(next(place.numbers))


def _credential(case: schemathesis.Case) -> dict[str, str]:
    """Return what opens the operation; the workspace is named when the case names one."""
    if case.path.startswith("/api/widgets/"):
        return A.widget
    if case.path.startswith("/api/v1/"):
        return {**A.agent_key, "x-workspace-id": A.workspace}
    named = {name.lower() for name in case.headers}
    return {name: text for name, text in A.headers.items() if name in {*named, "authorization"}}
