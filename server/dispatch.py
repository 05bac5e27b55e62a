"""From a routed request to its answer: the checks of API.md 1.2 in their order, then the handler."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from server.access.auth import Principal
from server.access.client_address import client_address
from server.admission import Rank
from server.call import Call, check_media_type
from server.contract.operation import Operation
from server.errors import ApiError, answer_for
from server.limits.budgets import Budget, Refused
from server.limits.idempotency import HEADER, RepeatKey, answer_once, repeat_key
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
from server.services import Services, check_serving
from server.wire.decoding import Reader
from server.wire.envelope import Answer, Family, Header, failure

_WITH_KEY: frozenset[Family] = frozenset(("platform", "agent"))
_PRIVATE: frozenset[Family] = frozenset(("platform", "agent", "dashboard"))
_WRITING: frozenset[Family] = frozenset(("platform", "agent", "widget"))
_ENGAGEMENT = frozenset(("widget_ack",))
_COUNTED_PATHS = ("/v1/", "/api/v1/")


@dataclass(slots=True)
class Exchange:
    """One request on its way; `origin` is the caller's when some site allows it, else "".

    `budget` is what is left for the caller, once that is known.
    """

    scope: Scope
    receive: Receive
    headers: Mapping[bytes, bytes]
    request_id: str
    now_ms: int
    origin: str
    address: str
    budget: Budget | None = None

    @property
    def method(self) -> str:
        """Return the request's method; other things than requests have none and count as GET."""
        method: str = self.scope.get("method", "GET")
        return method

    @property
    def path(self) -> str:
        """Return the request's path, decoded."""
        path: str = self.scope["path"]
        return path


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
        self._readers = {
            name: Reader(row.body) for name, row in operations.items() if row.body is not None
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever fails is answered in the family's envelope."""
        exchange = self._exchange(scope, receive)
        method = exchange.method
        operation = self._operations.get("GET" if method == "HEAD" else method)
        try:
            answer = await self._answer(operation, exchange)
        except Exception as error:  # noqa: BLE001  # the table answers every exception
            answer = await self._failure(exchange, error)
        self._services.metrics.count_request(operation.name if operation else "none", answer.status)
        headers = (*await self._budget_headers(exchange), *self._headers(exchange.origin))
        await send_answer(send, answer, exchange.request_id, headers)

    def _exchange(self, scope: Scope, receive: Receive) -> Exchange:
        services = self._services
        headers = dict(scope["headers"])
        now_ms = services.clock.now_ms()
        return Exchange(
            scope=scope,
            receive=receive,
            headers=headers,
            request_id=request_id_of(headers, services.request_ids, now_ms),
            now_ms=now_ms,
            origin=allowed_origin(services, headers) if self._family == "widget" else "",
            address=client_address(scope, headers, services.config),
        )

    async def _answer(self, operation: Operation | None, exchange: Exchange) -> Answer:
        check_head(exchange.scope, exchange.headers)
        check_transport(self._services.config, exchange.scope)
        if not self._allow:
            raise ApiError("unknown_path")
        if self._family == "widget" and exchange.method == "OPTIONS":
            return preflight(exchange.origin)
        if operation is None:
            raise ApiError("method_not_allowed", headers=((b"allow", self._allow.encode()),))
        self._check_room(operation)
        deadlines = self._services.body_deadlines
        body = await read_body(
            exchange.headers, exchange.receive, deadlines, operation.body_bytes_max
        )
        if self._family not in _WITH_KEY:
            return await operation.handler(self._call(exchange, body, None))
        principal = await self._admit(operation, exchange)
        given = exchange.headers.get(HEADER)
        if given is None or exchange.method != "POST":
            return await operation.handler(self._call(exchange, body, principal))
        self._check_body(exchange, body)
        key = repeat_key(
            given,
            principal.workspace.id,
            exchange.method,
            exchange.path,
            body=body,
            secret=self._services.secret,
        )
        call = self._call(exchange, body, principal, key)
        return await self._once(operation, exchange, call, key)

    # ---- the checks before the handler

    def _check_room(self, operation: Operation) -> None:
        """Refuse work while the server ends, and writes while too much waits; it always says how it is."""
        if operation.family == "service":
            return
        check_serving(self._services)
        if operation.method != "GET" and operation.family in _WRITING:
            is_engagement = operation.name in _ENGAGEMENT
            self._services.admission.check(Rank.ENGAGEMENT if is_engagement else Rank.WORDS)

    async def _admit(self, operation: Operation, exchange: Exchange) -> Principal:
        """Check credential, workspace, rate limit and scope, in this order."""
        services, headers = self._services, exchange.headers
        is_agent = operation.family == "agent"
        principal = services.credentials.caller(headers, exchange.now_ms, keys_only=is_agent)
        check_workspace(principal, headers, is_optional=is_agent)
        exchange.budget = await services.rate_limits.admit(principal)
        if operation.scope and not principal.may(operation.scope):
            raise ApiError("missing_scope", details={"scope": operation.scope})
        return principal

    def _check_body(self, exchange: Exchange, body: bytes) -> None:
        """Refuse a body that cannot be read, before its Idempotency-Key is looked at."""
        reader = self._readers.get(exchange.method)
        if reader is not None and body:
            check_media_type(exchange.headers)
            reader.read(body)

    async def _once(
        self, operation: Operation, exchange: Exchange, call: Call, key: RepeatKey
    ) -> Answer:
        async def run() -> tuple[Answer, str]:
            try:
                return await operation.handler(call), ""
            except Exception as error:  # noqa: BLE001  # a refusal is an answer too
                refused = answer_for(error)
                log_failure(refused, error, exchange.request_id)
                return self._refusal(exchange, refused), refused.reason

        return await answer_once(self._services.store, key, run)

    def _call(
        self,
        exchange: Exchange,
        body: bytes,
        principal: Principal | None,
        key: RepeatKey | None = None,
    ) -> Call:
        return Call(
            services=self._services,
            request_id=exchange.request_id,
            now_ms=exchange.now_ms,
            headers=exchange.headers,
            params=exchange.scope.get("path_params", {}),
            body=body,
            principal=principal,
            method=exchange.method,
            path=exchange.path,
            query_string=exchange.scope["query_string"].decode("latin-1"),
            address=exchange.address,
            repeat_key=key.name if key else "",
        )

    # ---- refusals, and the headers of every answer

    async def _failure(self, exchange: Exchange, error: Exception) -> Answer:
        """Answer an exception; a failed credential counts against its address."""
        refused = answer_for(error)
        log_failure(refused, error, exchange.request_id)
        if refused.status == 401:
            try:
                budget = await self._services.rate_limits.failed(exchange.address)
            except Refused as too_often:
                refused = too_often
            else:
                exchange.budget = budget if self._family in _WITH_KEY else None
        if isinstance(refused, Refused):
            exchange.budget = refused.budget
        if refused.reason == "origin_not_allowed":
            exchange.origin = ""
        return self._refusal(exchange, refused)

    def _refusal(self, exchange: Exchange, refused: ApiError) -> Answer:
        return failure(self._family, refused, exchange.request_id, exchange.now_ms)

    async def _budget_headers(self, exchange: Exchange) -> tuple[Header, ...]:
        """Tell what is left for the caller; in other families only who is over a limit is told."""
        is_counted = self._family in _WITH_KEY and (
            self._allow != "" or exchange.path.startswith(_COUNTED_PATHS)
        )
        if not is_counted:
            return exchange.budget.plain_headers if exchange.budget else ()
        if exchange.budget is None:
            exchange.budget = await self._look(exchange)
        return exchange.budget.headers

    async def _look(self, exchange: Exchange) -> Budget:
        """Look up the budget of a request that was refused before it was counted."""
        limits = self._services.rate_limits
        try:
            principal = self._services.credentials.caller(exchange.headers, exchange.now_ms)
        except ApiError:
            return await limits.look_at_failures(exchange.address)
        return await limits.look(principal)

    def _headers(self, origin: str) -> tuple[Header, ...]:
        if self._family in _PRIVATE:
            return self._services.no_store_headers
        cors = cors_headers(origin) if origin else ()
        return (*cors, *self._services.plain_headers)


def check_workspace(
    principal: Principal, headers: Mapping[bytes, bytes], *, is_optional: bool = False
) -> None:
    """Compare `X-Workspace-ID` with the key's workspace.

    Raises ApiError: required, workspace_mismatch (the same for a workspace that does not exist).
    """
    named = headers.get(b"x-workspace-id")
    if not named and is_optional:
        return
    if not named:
        raise ApiError("required", "X-Workspace-ID is required", field="X-Workspace-ID")
    if named.decode("latin-1") != principal.workspace.id:
        raise ApiError("workspace_mismatch", field="X-Workspace-ID")


def allowed_origin(services: Services, headers: Mapping[bytes, bytes]) -> str:
    """Return the request's Origin when it belongs to any site, "" otherwise."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    return origin if origin and services.credentials.origin_of_any_site(origin) else ""
