"""From a routed request to its answer: the checks of API.md 1.2 in their order, then the handler."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from server.auth import Principal
from server.call import Call
from server.errors import ApiError, answer_for
from server.log_format import log_failure
from server.middleware import (
    check_head,
    check_transport,
    cors_headers,
    preflight,
    read_body,
    request_id_of,
    send_answer,
)
from server.operations import Operation
from server.services import Services
from server.wire.envelope import Answer, Family, Header, failure


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way; `origin` is the caller's when some site allows it, else ""."""

    scope: Scope
    receive: Receive
    headers: Mapping[bytes, bytes]
    request_id: str
    now_ms: int
    origin: str


class PathEndpoint:
    """All operations of one path, as an ASGI application."""

    def __init__(
        self, services: Services, family: Family, operations: Mapping[str, Operation], allow: str
    ) -> None:
        """Serve `operations` by method; `allow` names every method of the path, "" is no path at all."""
        self._services = services
        self._family = family
        self._operations = operations
        self._allow = allow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever fails is answered in the family's envelope."""
        services = self._services
        headers = dict(scope["headers"])
        now_ms = services.clock.now_ms()
        request_id = request_id_of(headers, services.request_ids, now_ms)
        origin = allowed_origin(services, headers) if self._family == "widget" else ""
        method = scope.get("method", "GET")
        operation = self._operations.get("GET" if method == "HEAD" else method)
        exchange = Exchange(scope, receive, headers, request_id, now_ms, origin)
        try:
            answer = await self._answer(operation, exchange)
        except Exception as error:  # noqa: BLE001  # the table answers every exception
            api_error = answer_for(error)
            log_failure(api_error, error, request_id)
            answer = failure(self._family, api_error, request_id, now_ms)
            if api_error.reason == "origin_not_allowed":
                origin = ""
        services.metrics.count_request(operation.name if operation else "none", answer.status)
        await send_answer(send, answer, request_id, self._headers(origin))

    async def _answer(self, operation: Operation | None, exchange: Exchange) -> Answer:
        check_head(exchange.scope, exchange.headers)
        check_transport(self._services.config, exchange.scope)
        if not self._allow:
            raise ApiError("unknown_path")
        if self._family == "widget" and exchange.scope.get("method") == "OPTIONS":
            return preflight(exchange.origin)
        if operation is None:
            raise ApiError("method_not_allowed", headers=((b"allow", self._allow.encode()),))
        return await operation.handler(await self._admit(operation, exchange))

    async def _admit(self, operation: Operation, exchange: Exchange) -> Call:
        """Check size, credential, workspace and scope, in this order."""
        headers = exchange.headers
        deadlines = self._services.body_deadlines
        body = await read_body(headers, exchange.receive, deadlines, operation.body_bytes_max)
        principal = None
        if operation.scope:
            principal = self._services.credentials.api_key(headers, exchange.now_ms)
            check_workspace(principal, headers)
            if not principal.may(operation.scope):
                raise ApiError("missing_scope", details={"scope": operation.scope})
        return Call(
            services=self._services,
            request_id=exchange.request_id,
            now_ms=exchange.now_ms,
            headers=headers,
            params=exchange.scope.get("path_params", {}),
            body=body,
            principal=principal,
        )

    def _headers(self, origin: str) -> tuple[Header, ...]:
        if self._family == "platform":
            return self._services.no_store_headers
        cors = cors_headers(origin) if origin else ()
        return (*cors, *self._services.plain_headers)


def check_workspace(principal: Principal, headers: Mapping[bytes, bytes]) -> None:
    """Compare `X-Workspace-ID` with the key's workspace.

    Raises ApiError: required, workspace_mismatch (the same for a workspace that does not exist).
    """
    named = headers.get(b"x-workspace-id")
    if not named:
        raise ApiError("required", "X-Workspace-ID is required", field="X-Workspace-ID")
    if named.decode("latin-1") != principal.workspace.id:
        raise ApiError("workspace_mismatch", field="X-Workspace-ID")


def allowed_origin(services: Services, headers: Mapping[bytes, bytes]) -> str:
    """Return the request's Origin when it belongs to any site, "" otherwise."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    return origin if origin and services.credentials.origin_of_any_site(origin) else ""
