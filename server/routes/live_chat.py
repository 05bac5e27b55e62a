"""Live chat sessions of the platform API."""

import ipaddress

from engine.runtime_types import ClientContext, Opening
from server.call import Call
from server.errors import ApiError
from server.wire.chat_sessions import SessionBody, VisitorBody, attributes_of, created_data
from server.wire.decoding import Reader, check_id, check_numbers, check_web_url
from server.wire.envelope import Answer
from server.workspace_settings import Assistant, Workspace

_reader = Reader(SessionBody)


async def create_session(call: Call) -> Answer:
    """Make a live chat session, or return the visitor's active one on that site."""
    body, warnings = call.read(_reader)
    _check(body)
    workspace = call.workspace
    site = workspace.site(body.source_id)
    if site is None:
        raise ApiError("source_not_found", field="source_id")
    assistant = call.assistant(body.assistant_id)
    view = await call.services.runtime.open(_opening(workspace, body, assistant))
    data = created_data(view, workspace, site, call.now_ms)
    data["websocket_url"] = f"{call.services.config.server.ws_url}/v1/sessions/{view.ref.session}"
    data["visitor_token"] = call.services.credentials.visitor_token(view.ref, call.now_ms)
    return call.success(data, warnings)


def _check(body: SessionBody) -> None:
    visitor = body.visitor
    if visitor.id is not None:
        check_id(visitor.id, "visitor.id")
    if visitor.page_url is not None:
        check_web_url(visitor.page_url, "visitor.page_url")
    if visitor.ip_address is not None and not _is_address(visitor.ip_address):
        raise ApiError(
            "invalid_value", "visitor.ip_address is no IP address", field="visitor.ip_address"
        )
    if body.initial_message is not None and not body.initial_message.strip():
        raise ApiError("too_short", "initial_message is empty", field="initial_message")
    check_numbers(body.custom_fields, "custom_fields")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _opening(workspace: Workspace, body: SessionBody, assistant: Assistant) -> Opening:
    visitor = body.visitor
    return Opening(
        workspace=workspace.id,
        source=body.source_id,
        visitor=visitor.id,
        attributes=attributes_of(body),
        page_url=visitor.page_url,
        page_title=visitor.page_title,
        referrer=visitor.referrer,
        client=_client(visitor),
        initial_message=body.initial_message.strip() if body.initial_message else None,
        assistant=assistant.id,
    )


def _client(visitor: VisitorBody) -> ClientContext:
    return ClientContext(
        user_agent=visitor.user_agent or "",
        timezone=visitor.timezone or "",
        locale=visitor.locale or "",
        consent=visitor.consent,
    )
