"""Who may use a widget's endpoint: the widget, the token, the Origin, then the body (API.md 1.2, 4.1)."""

from typing import TypeVar

from server.access.auth import WidgetAccess, bearer
from server.call import Call
from server.errors import ApiError
from server.middleware import gunzip
from server.wire.decoding import Reader
from server.wire.envelope import Header
from server.wire.widget_body import DECODED_BYTES_MAX, WidgetBody

_CHALLENGE: tuple[Header, ...] = ((b"www-authenticate", b"Bearer"),)

B = TypeVar("B", bound=WidgetBody)

_token_reader = Reader(WidgetBody)


def admit(call: Call, reader: Reader[B]) -> tuple[WidgetAccess, B]:
    """Check who asks, and read what is asked.

    The body is JSON whatever its content type; a token in a header wins over one in the body.

    Raises ApiError: widget_not_found, then of the token, then of the Origin, then of the body.
    """
    workspace_id = call.params["widget_id"]
    if workspace_id not in call.services.workspaces:
        raise ApiError("widget_not_found")
    # A token comes before the fields: the body is read twice where it has to bring its own.
    token = bearer(call.headers) or _read(call, _token_reader).token or ""
    access = access_by_token(call, workspace_id, token)
    return access, _read(call, reader)


def access_by_token(call: Call, workspace_id: str, token: str) -> WidgetAccess:
    """Return what a token selects, if this Origin may use it.

    Raises ApiError: missing_credentials, invalid_credentials, origin_not_allowed.
    """
    credentials = call.services.credentials
    if not token:
        raise ApiError("missing_credentials", headers=_CHALLENGE)
    access = credentials.widget(token)
    if access is None or access.workspace.id != workspace_id:
        raise ApiError("invalid_credentials", headers=_CHALLENGE)
    origin = call.headers.get(b"origin")
    text = None if origin is None else origin.decode("latin-1")
    if not credentials.origin_allowed(access.site, text):
        raise ApiError("origin_not_allowed")
    return access


def _read(call: Call, reader: Reader[B]) -> B:
    encoding = call.headers.get(b"content-encoding", b"identity").lower()
    if encoding == b"gzip":
        return reader.read(gunzip(call.body, DECODED_BYTES_MAX))
    if encoding != b"identity":
        raise ApiError("unsupported_encoding")
    return reader.read(call.body)
