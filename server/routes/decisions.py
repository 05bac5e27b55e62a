"""Decisions of the platform API: list, explain, stream."""

from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial

import msgspec

from engine.decision import DecisionRow
from engine.explain import Record
from engine.stores.base import DecisionFilter, DecisionFound, SessionRef
from engine.stores.codec import decode_row
from engine.why import Programs, bare_record, record_of
from server.call import Call
from server.errors import ApiError
from server.rulebook.retelling import Past, read_past, retell
from server.rulebook.session_why import Question, Teller
from server.services import Services
from server.wire.decisions import (
    DecisionReply,
    DecisionsQuery,
    DecisionTraceReply,
    StreamEnd,
    StreamQuery,
    WhyQuery,
)
from server.wire.envelope import Answer

STREAM_ROWS = 500
"""Decisions that a stream has in memory at once."""

NDJSON_TYPE = (b"content-type", b"application/x-ndjson")


async def list_decisions(call: Call) -> Answer:
    """List decisions, the newest first."""
    query = call.query(DecisionsQuery)
    cursor = call.cursor(query.cursor)
    session = query.session_id or ""
    if session:
        ref = await call.services.runtime.find(call.workspace.id, session)
        session = session if ref is None else ref.session
    wanted = DecisionFilter(
        rule=query.rule or "",
        outcome=query.outcome or "",
        session=session,
        visitor=query.visitor_id or "",
        since_ms=unix_ms(query.since),
        until_ms=unix_ms(query.until),
    )
    page = await call.services.store.decisions(call.workspace.id, wanted, cursor, query.limit)
    rows = [await _reply(call, found) for found in page.decisions]
    return call.page(rows, page.cursor)


async def get_decision(call: Call) -> Answer:
    """Return one decision with the record that explains it."""
    found = await _find(call, call.params["decision_id"])
    row = decode_row(found.line.body)
    past = await read_past(call.services.store, found.ref, number=found.number)
    if past is None:
        trace = bare_record(row)
    else:
        programs = await _programs(call, past)
        trace = await call.services.side_work.run(partial(_trace, call, past, programs, row))
    reply = await _reply(call, found)
    return call.success(DecisionTraceReply(**msgspec.structs.asdict(reply), trace=trace))


async def explain_session(call: Call) -> Answer:
    """Say why a rule spoke or stayed silent at an instant of a session, or every rule of its page."""
    query = call.query(WhyQuery)
    services = call.services
    ref = await services.runtime.find(call.workspace.id, call.params["session_id"])
    if ref is None:
        raise ApiError("session_not_found", field="session_id")
    told = await teller_of(services).answer(
        ref, Question(query.rule, unix_ms(query.at)), call.now_ms
    )
    return call.success(told.records if query.rule is None else told.records[0])


async def stream_decisions(call: Call) -> Answer:
    """Stream decisions, the newest first, one a line; the last line says that it is the end."""
    query = call.query(StreamQuery)
    wanted = DecisionFilter(since_ms=unix_ms(query.since), until_ms=unix_ms(query.until))
    return Answer(200, headers=(NDJSON_TYPE,), pieces=_pieces(call, wanted))


async def _pieces(call: Call, wanted: DecisionFilter) -> AsyncIterator[bytes]:
    encode = msgspec.json.Encoder().encode_lines
    cursor: str | None = None
    count = 0
    while True:
        page = await call.services.store.decisions(call.workspace.id, wanted, cursor, STREAM_ROWS)
        count += len(page.decisions)
        if page.decisions:
            yield encode([await _reply(call, found) for found in page.decisions])
        cursor = page.cursor
        if cursor is None:
            break
    yield encode([StreamEnd(end=True, count=count)])


# ---- what several of them need


def teller_of(services: Services) -> Teller:
    """Return what answers questions about sessions, beside the loop."""
    return Teller(services.store, services.past_programs, services.side_work.run, services.secret)


def unix_ms(instant: datetime | None) -> int | None:
    """Turn an instant of a query into Unix milliseconds."""
    return None if instant is None else round(instant.timestamp() * 1_000)


async def _find(call: Call, decision_id: str) -> DecisionFound:
    """Find a decision among those of its session.

    Raises ApiError: decision_not_found.
    """
    store, workspace = call.services.store, call.workspace.id
    ref = await store.find(workspace, decision_id)
    cursor: str | None = None
    while ref is not None:
        wanted = DecisionFilter(session=ref.session)
        page = await store.decisions(workspace, wanted, cursor, STREAM_ROWS)
        for found in page.decisions:
            if found.line.id == decision_id:
                return found
        cursor = page.cursor
        if cursor is None:
            break
    raise ApiError("decision_not_found", field="decision_id")


async def _programs(call: Call, past: Past) -> Programs:
    services = call.services
    gather = services.past_programs.gather
    return await gather(call.workspace.id, past.programs, services.side_work.run)


def _trace(call: Call, past: Past, programs: Programs, row: DecisionRow) -> Record:
    scene = retell(past, programs, call.services.secret).decided(past.ref)
    return bare_record(row) if scene is None else record_of(scene, row)


async def _reply(call: Call, found: DecisionFound) -> DecisionReply:
    row = decode_row(found.line.body)
    ref: SessionRef = found.ref
    number = call.services.past_programs.number
    return DecisionReply(
        decision_id=row.id,
        at_ms=row.at_ms,
        session_id=ref.session,
        visitor_id=ref.visitor,
        rule=row.rule,
        rule_version=await number(ref.workspace, row.program) if row.program else None,
        variant=row.variant,
        kind=row.kind,
        outcome=row.outcome,
        reason=row.reason,
        score=row.score,
        message_id=row.message or None,
        estimated=row.estimated or msgspec.UNSET,
    )
