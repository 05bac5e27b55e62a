"""The AsyncAPI 3.0 document of both sockets and the webhooks, made from what is read and written."""

import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from msgspec import Struct

from engine.outbox.contents import KEPT, PASSING
from engine.outbox.webhooks import TOLD, WebhookBody
from server.contract.asyncapi_texts import CLOSE_CODES, EVENTS, FRAMES, INTRODUCTION, NOTICES
from server.contract.json_schemas import Schema, Schemas, reference
from server.wire import sockets, tenant
from server.wire.server_frames import SocketFrame
from server.wire.widgets import TrackItem

CHAT, TENANT, WEBHOOKS = "chat", "tenant", "webhooks"
FROM_CLIENT, FROM_SERVER = "receive", "send"


@dataclass(frozen=True, slots=True)
class Frame:
    """One kind of frame on one socket; `action` is what the server does with it."""

    socket: str
    action: str
    type: str
    payload: Schema

    @property
    def name(self) -> str:
        """Return a name that is unique in the document."""
        side = "client" if self.action == FROM_CLIENT else "server"
        return f"{self.socket}.{side}.{self.type.replace(':', '_')}"


def asyncapi_document() -> Schema:
    """Describe the chat socket, the tenant socket and the bodies of webhooks."""
    schemas = Schemas(
        [
            *(reader.kind for reader in sockets.READERS.values()),
            *(reader.kind for reader in tenant.READERS.values()),
            TrackItem,
        ],
        [
            *get_args(SocketFrame),
            *get_args(tenant.TenantFrame),
            *KEPT.values(),
            *PASSING.values(),
            *(struct for struct, _ in TOLD.values()),
        ],
    )
    _show_events(schemas)
    frames = list(_frames(schemas))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Opportune sockets",
            "version": importlib.metadata.version("opportune"),
            "description": INTRODUCTION,
        },
        "defaultContentType": "application/json",
        "servers": {"here": {"host": "127.0.0.1:8700", "protocol": "ws"}},
        "channels": {CHAT: _chat(frames), TENANT: _tenant(frames), WEBHOOKS: _webhooks(frames)},
        "operations": {name: _operation(frame) for frame in frames if (name := frame.name)},
        "components": {
            "messages": {frame.name: _message(frame) for frame in frames},
            "schemas": schemas.components,
        },
    }


# ---- frames


def _frames(schemas: Schemas) -> Iterator[Frame]:
    for kind, reader in sockets.READERS.items():
        yield Frame(CHAT, FROM_CLIENT, kind, _typed(kind, schemas.of(reader.kind)))
    for struct in get_args(SocketFrame):
        kind = _tag(struct)
        if kind == "event":
            yield Frame(CHAT, FROM_SERVER, kind, _event(schemas.of(struct)))
        else:
            yield Frame(CHAT, FROM_SERVER, kind, schemas.of(struct))
    for kind, tenant_reader in tenant.READERS.items():
        yield Frame(TENANT, FROM_CLIENT, kind, _typed(kind, schemas.of(tenant_reader.kind)))
    for struct in get_args(tenant.TenantFrame):
        if struct is not tenant.TenantEventOut:
            yield Frame(TENANT, FROM_SERVER, _tag(struct), schemas.of(struct))
    shell = schemas.of(tenant.TenantEventOut)
    for kind, content in (*KEPT.items(), *PASSING.items()):
        inner: Schema = {"type": {"const": kind}, "data": schemas.of(content)}
        yield Frame(
            TENANT, FROM_SERVER, kind, {"allOf": [shell, {"type": "object", "properties": inner}]}
        )

    for event, (told, _) in TOLD.items():
        yield Frame(WEBHOOKS, FROM_SERVER, event, _body(event, schemas.of(told)))


def _tag(struct: type[Struct]) -> str:
    return str(struct.__struct_config__.tag)


def _typed(kind: str, schema: Schema) -> Schema:
    """Add the `type` that a client's frame is told by, which its struct does not hold."""
    told: Schema = {"type": "object", "properties": {"type": {"const": kind}}, "required": ["type"]}
    return {"allOf": [told, schema]}


def _event(schema: Schema) -> Schema:
    """Say of each notice what its `data` holds."""
    shapes = [
        {
            "type": "object",
            "description": text,
            "properties": {
                "event": {"const": name},
                "data": {"type": "object", "required": list(required)},
            },
        }
        for name, (required, text) in NOTICES.items()
    ]
    return {"allOf": [schema, {"anyOf": shapes}]}


def _body(event: str, data: Schema) -> Schema:
    """Show a webhook's body: exactly the fields of `WebhookBody`."""
    fields: Schema = {
        "event": {"const": event},
        "session_id": {"type": ["string", "null"]},
        "timestamp": {"type": "string", "description": "RFC 3339, UTC, whole seconds."},
        "data": data,
    }
    assert tuple(fields) == WebhookBody.__struct_fields__, "a body has these four fields"
    return {"type": "object", "properties": fields, "required": list(fields)}


def _show_events(schemas: Schemas) -> None:
    """Show what the items of `track` are: they are decoded one by one, so the struct leaves them raw."""
    fields, _ = schemas.fields(sockets.TrackFrame)
    fields["events"]["items"] = reference(schemas.name(TrackItem))


# ---- the document's parts


def _message(frame: Frame) -> Schema:
    if frame.socket == WEBHOOKS:
        return {"name": frame.type, "summary": TOLD[frame.type][1], "payload": frame.payload}
    texts: Mapping[str, str] = EVENTS if frame.type in (*KEPT, *PASSING) else FRAMES
    return {"name": frame.type, "summary": texts[frame.type], "payload": frame.payload}


def _operation(frame: Frame) -> Schema:
    return {
        "action": frame.action,
        "channel": {"$ref": f"#/channels/{frame.socket}"},
        "messages": [{"$ref": f"#/channels/{frame.socket}/messages/{frame.name}"}],
    }


def _channel(name: str, address: str, description: str, frames: list[Frame]) -> Schema:
    return {
        "address": address,
        "title": f"The {name} socket",
        "description": description,
        "messages": {
            frame.name: {"$ref": f"#/components/messages/{frame.name}"}
            for frame in frames
            if frame.socket == name
        },
        "bindings": {"ws": {"method": "GET"}},
        "x-close-codes": {str(code): text for code, text in CLOSE_CODES.items()},
    }


def _chat(frames: list[Frame]) -> Schema:
    text = (
        "A visitor's conversation. `message`, `event` and `message_ack` are numbered by `offset`"
        " without gaps; a client that comes back says in `auth.resume` where it stopped."
    )
    channel = _channel(CHAT, "/v1/sessions/{session_id}", text, frames)
    parameter = {"description": "The id of a live chat session, or a widget's own id of it."}
    return {**channel, "parameters": {"session_id": parameter}}


def _tenant(frames: list[Frame]) -> Schema:
    text = (
        "What happens in a workspace, for dashboards. The first frame brings a dashboard's JWT; the"
        " socket closes when it expires, unless another `auth` came before."
    )
    return _channel(TENANT, "/api/ws/tenant", text, frames)


def _webhooks(frames: list[Frame]) -> Schema:
    text = (
        "What is posted to webhook endpoints: four fields, `data` by the event. Events of integrations"
        " (`call.completed`, `custom.…`) hold what was posted to /v1/integration-events. This release"
        " writes these bodies and sends none yet."
    )
    shown = _channel(WEBHOOKS, "{url}", text, frames)
    kept = {name: shown[name] for name in ("address", "description", "messages")}
    url: Schema = {"url": {"description": "The address of a webhook endpoint."}}
    return {**kept, "title": "Webhooks", "parameters": url}
