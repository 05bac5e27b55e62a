"""A visitor's data in their own hands: exported line by line, and erased for good (API.md 3.8)."""

from collections.abc import AsyncIterator

import msgspec

from engine.custody_lines import EndLine, Line
from engine.log_export import log_lines
from engine.shown import rfc3339
from server.call import Call
from server.errors import ApiError
from server.routes.decisions import NDJSON_TYPE
from server.routes.operator import check_operator
from server.wire.custody import (
    OperatorErased,
    OperatorLogQuery,
    OperatorVisitorQuery,
    VisitorErasedShown,
)
from server.wire.envelope import JSON_TYPE, Answer

_NO_STORE = (b"cache-control", b"no-store")

_encode = msgspec.json.Encoder().encode_lines


async def export_visitor(call: Call) -> Answer:
    """Stream all that is kept of a visitor; the last line says that it is the end."""
    visitor = call.params["visitor_id"]
    lines = await _begun(call, call.workspace.id, visitor)
    return Answer(200, headers=(NDJSON_TYPE,), pieces=ndjson(lines))


async def erase_visitor(call: Call) -> Answer:
    """Erase a visitor; twice is not found."""
    visitor = call.params["visitor_id"]
    erased_ms = await call.services.custody.erase(call.workspace.id, visitor)
    if erased_ms is None:
        raise ApiError("visitor_not_found", field="visitor_id")
    return call.success(VisitorErasedShown(visitor, erased=True, erased_at=rfc3339(erased_ms)))


# ---- for the command line


async def operator_export(call: Call) -> Answer:
    """Stream all that is kept of a visitor of any workspace."""
    check_operator(call)
    query = call.query(OperatorVisitorQuery)
    lines = await _begun(call, _known(call, query.workspace), query.visitor)
    return Answer(200, headers=(NDJSON_TYPE, _NO_STORE), pieces=ndjson(lines))


async def operator_erase(call: Call) -> Answer:
    """Erase a visitor of any workspace."""
    check_operator(call)
    query = call.query(OperatorVisitorQuery)
    erased_ms = await call.services.custody.erase(_known(call, query.workspace), query.visitor)
    if erased_ms is None:
        raise ApiError("visitor_not_found", field="visitor")
    return Answer(200, msgspec.json.encode(OperatorErased(erased_ms)), (JSON_TYPE, _NO_STORE))


async def operator_log(call: Call) -> Answer:
    """Stream the event log of any workspace."""
    check_operator(call)
    query = call.query(OperatorLogQuery)
    workspace = _known(call, query.workspace)
    until_ms = min(query.until_ms, call.now_ms + 1)
    lines = log_lines(call.services.store, workspace, query.since_ms, until_ms)
    return Answer(200, headers=(NDJSON_TYPE, _NO_STORE), pieces=ndjson(lines))


async def ndjson(lines: AsyncIterator[Line]) -> AsyncIterator[bytes]:
    """Write lines as they come, and a last one with their number: without it the stream was cut."""
    count = 0
    async for line in lines:
        count += 1
        yield _encode([line])
    yield _encode([EndLine(end=True, count=count)])


async def _begun(call: Call, workspace: str, visitor: str) -> AsyncIterator[Line]:
    """Begin an export, so that an unknown visitor is an answer and no empty stream.

    Raises ApiError: visitor_not_found.
    """
    lines = call.services.custody.export(workspace, visitor)
    try:
        first = await anext(lines)
    except StopAsyncIteration:
        raise ApiError("visitor_not_found", field="visitor_id") from None
    return _after(first, lines)


async def _after(first: Line, rest: AsyncIterator[Line]) -> AsyncIterator[Line]:
    yield first
    async for line in rest:
        yield line


def _known(call: Call, workspace: str) -> str:
    if workspace not in call.services.workspaces:
        raise ApiError("visitor_not_found", f"There is no workspace {workspace}", field="workspace")
    return workspace
