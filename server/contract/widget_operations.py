"""The widget's operations beside tracking and voice: its configuration, its sessions, its conversation."""

from server.contract.operation import Operation
from server.routes import widget_chat, widget_messages, widget_sessions, widgets
from server.wire import widget_chat as wire
from server.wire.widget_body import WIDGET_BYTES_MAX
from server.wire.widgets import ConfigQuery, ConfigReply

_PATH = "/api/widgets/{widget_id}"
_TAG = "Widget"

WIDGET_OPERATIONS = (
    Operation(
        name="widget_config",
        method="GET",
        path=f"{_PATH}/config",
        family="widget",
        handler=widgets.widget_config,
        summary="Show a site's public widget configuration",
        tag=_TAG,
        query=ConfigQuery,
        reply=ConfigReply,
    ),
    Operation(
        name="widget_chat",
        method="POST",
        path=f"{_PATH}/chat",
        family="widget",
        handler=widget_chat.send_chat,
        body_bytes_max=WIDGET_BYTES_MAX,
        summary="Say something and get the assistant's answer",
        tag=_TAG,
        body=wire.ChatBody,
        reply=wire.ChatReply,
        reasons=(
            "assistant_not_found",
            "no_assistant",
            "unknown_quick_reply",
            "no_consent",
            "conversation_not_found",
            "session_not_found",
            "chat_session_minute",
            "chat_address_minute",
            "chat_workspace_minute",
            "chat_month",
        ),
    ),
    Operation(
        name="widget_session",
        method="POST",
        path=f"{_PATH}/session",
        family="widget",
        handler=widget_sessions.start_session,
        body_bytes_max=WIDGET_BYTES_MAX,
        summary="Begin a session, or go on with one, and get its visitor token",
        tag=_TAG,
        body=wire.SessionStartBody,
        reply=wire.SessionStarted,
        reasons=("invalid_identity", "no_consent", "session_not_found"),
    ),
    Operation(
        name="widget_messages",
        method="GET",
        path=f"{_PATH}/messages",
        family="widget",
        handler=widget_messages.read_messages,
        summary="Read the messages of the visitor's session after an offset",
        tag=_TAG,
        query=wire.MessagesQuery,
        reply=wire.MessagesReply,
    ),
    Operation(
        name="widget_ack",
        method="POST",
        path=f"{_PATH}/ack",
        family="widget",
        handler=widget_messages.acknowledge,
        body_bytes_max=WIDGET_BYTES_MAX,
        summary="Say that a message was displayed, read or dismissed",
        tag=_TAG,
        body=wire.AckBody,
        reply=wire.Success,
        reasons=("message_not_found",),
    ),
)
