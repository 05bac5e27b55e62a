"""A visitor's data in their own hands: exported line by line, and erased for good (API.md 3.8)."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from engine.custody_lines import EndLine, Line
from engine.errors import BackupRefused
from engine.log_export import log_lines
from engine.shown import rfc3339
from engine.stores.base import Store
from engine.stores.whole import WholeFile
from server.call import Call
from server.config import Config
from server.errors import ApiError
from server.routes.decisions import NDJSON_TYPE
from server.routes.operator import check_operator
from server.wire.custody import (
    OperatorBackup,
    OperatorBackupBody,
    OperatorErased,
    OperatorErasureQuery,
    OperatorLogQuery,
    OperatorVisitorQuery,
    VisitorErasedShown,
)
from server.wire.decoding import Reader
from server.wire.envelope import JSON_TYPE, Answer

_NO_STORE = (b"cache-control", b"no-store")

_encode = msgspec.json.Encoder().encode_lines
BACKUP_OF_REDIS = (
    "Redis is backed up by its own servers: BGREWRITEAOF, then copy their append-only files"
)
VACUUM_OF_REDIS = "Redis writes its files anew after every erasure: leave --vacuum out"

_backup_reader = Reader(OperatorBackupBody)


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
    query = call.query(OperatorErasureQuery)
    workspace, services = _known(call, query.workspace), call.services
    try:
        check_archive(services.config, asked=query.archive)
        file = whole_file(services.store, VACUUM_OF_REDIS) if query.vacuum else None
        erased_ms = await services.custody.erase(workspace, query.visitor, archives=query.archive)
        if file is not None and erased_ms is not None:
            await file.rewrite()
    except BackupRefused as refused:
        raise ApiError("invalid_value", str(refused)) from refused
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


async def operator_backup(call: Call) -> Answer:
    """Copy the store's file to another on this machine."""
    check_operator(call)
    body, _ = call.read(_backup_reader)
    path = Path(body.path)
    if not path.is_absolute():
        raise ApiError("invalid_value", "path is a whole path, from the root", field="path")
    try:
        size = await whole_file(call.services.store, BACKUP_OF_REDIS).back_up(path)
    except BackupRefused as refused:
        raise ApiError("invalid_value", str(refused), field="path") from refused
    return Answer(200, msgspec.json.encode(OperatorBackup(size)), (JSON_TYPE, _NO_STORE))


def whole_file(store: Store, of_redis: str) -> WholeFile:
    """Return a store that is one file; `of_redis` says what is done instead where it lies on servers.

    Raises:
        BackupRefused: it is none.
    """
    if isinstance(store, WholeFile):
        return store
    of_memory = "memory: is in no file. Set store.url to sqlite:///data/opportune.db"
    raise BackupRefused(of_redis if store.is_shared else of_memory)


def check_archive(config: Config, *, asked: bool) -> None:
    """See that there is an archive when it is asked for.

    Raises:
        BackupRefused: there is none.
    """
    if asked and not config.store.archive:
        raise BackupRefused("this configuration names no archive: leave --archive out")


async def ndjson(lines: AsyncIterator[Line | msgspec.Raw]) -> AsyncIterator[bytes]:
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
