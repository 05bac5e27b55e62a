"""What `opportune why` asks of a running server; for the operator's token, from this machine."""

import msgspec

from server.call import Call
from server.errors import ApiError
from server.routes.decisions import teller_of
from server.routes.operator import check_operator
from server.rulebook.session_why import Question, find_ended
from server.wire.decisions import OperatorWhyQuery
from server.wire.envelope import JSON_TYPE, Answer

_PRIVATE = (JSON_TYPE, (b"cache-control", b"no-store"))


async def operator_why(call: Call) -> Answer:
    """Explain a session of any workspace."""
    check_operator(call)
    query = call.query(OperatorWhyQuery)
    ref = None
    if query.workspace in call.services.workspaces:
        ref = await call.services.runtime.find(query.workspace, query.session)
        ref = ref or await find_ended(call.services.store, query.workspace, query.session)
    if ref is None:
        words = f"There is no session {query.session} in {query.workspace}"
        raise ApiError("session_not_found", words, field="session")
    question = Question(query.rule, query.at_ms, query.clock)
    told = await teller_of(call.services).answer(ref, question, call.now_ms)
    return Answer(200, msgspec.json.encode(told), _PRIVATE)
