"""Where `opportune why` gets its answer: from the running server, else from the store itself."""

import asyncio
from urllib.parse import urlencode

from engine.clock import SystemClock
from engine.errors import OpportuneError
from engine.ids import system_random_bytes
from server.assembly import open_configured
from server.cli.command import Refusal
from server.cli.operator_client import OperatorClient, running_server
from server.config import Config
from server.errors import ApiError
from server.rulebook.live_rules import rules_of
from server.rulebook.past_programs import PastPrograms, at_once
from server.rulebook.session_why import Question, Teller, Told, find_session
from server.server_secret import server_secret

PATH = "/v1/operator/why"


def ask_why(config: Config, workspace: str, session: str, question: Question) -> Told:
    """Answer a question about a session of a workspace.

    Raises:
        Refusal: there is no such session, rule or instant, or nothing that could be asked.
    """
    server = running_server(config)
    if server is not None:
        return _ask_server(server, workspace, session, question)
    if config.store.url.startswith("memory:"):
        message = "memory: keeps sessions only while the server runs. Try: opportune serve"
        raise Refusal(message)
    try:
        return asyncio.run(_ask_store(config, workspace, session, question))
    except ApiError as error:
        raise Refusal(error.message) from error
    except OpportuneError as error:
        raise Refusal(str(error)) from error


def _ask_server(server: OperatorClient, workspace: str, session: str, question: Question) -> Told:
    asked: dict[str, str | int | None] = {
        "workspace": workspace,
        "session": session,
        "rule": question.rule,
        "at_ms": question.at_ms,
        "clock": question.clock,
    }
    query = urlencode({name: value for name, value in asked.items() if value not in (None, "")})
    return server.ask("GET", f"{PATH}?{query}", b"", Told)


async def _ask_store(config: Config, workspace: str, session: str, question: Question) -> Told:
    clock = SystemClock()
    store = await open_configured(config, clock)
    try:
        secret = await server_secret(config, store, system_random_bytes)
        programs = PastPrograms(rules_of(config, store, secret, clock.now_ms))
        ref = await find_session(store, workspace, session)
        if ref is None:
            raise ApiError("session_not_found", f"There is no session {session} in {workspace}")
        return await Teller(store, programs, at_once, secret).answer(ref, question, clock.now_ms())
    finally:
        await store.close()
