"""Where `opportune why` gets its answer: from the running server, else from the store itself."""

import asyncio
import http.client
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from engine.clock import SystemClock
from engine.errors import OpportuneError
from engine.ids import system_random_bytes
from engine.stores.open import open_store
from server.access.operator_token import OperatorAccess, read_access, token_path
from server.cli.command import Refusal
from server.config import Config
from server.errors import ApiError
from server.rulebook.live_rules import rules_of
from server.rulebook.past_programs import PastPrograms
from server.rulebook.session_why import Question, Teller, Told, find_session
from server.server_secret import server_secret

PATH = "/v1/operator/why"
TIMEOUT_S = 60

T = TypeVar("T")


class _Wrong(msgspec.Struct):
    message: str


class _Failure(msgspec.Struct):
    error: _Wrong


def ask_why(config: Config, workspace: str, session: str, question: Question) -> Told:
    """Answer a question about a session of a workspace.

    Raises:
        Refusal: there is no such session, rule or instant, or nothing that could be asked.
    """
    access = read_access(token_path(config))
    if access is not None:
        told = _ask_server(access, workspace, session, question)
        if told is not None:
            return told
    if config.store.url.startswith("memory:"):
        message = "memory: keeps sessions only while the server runs. Try: opportune serve"
        raise Refusal(message)
    try:
        return asyncio.run(_ask_store(config, workspace, session, question))
    except ApiError as error:
        raise Refusal(error.message) from error
    except OpportuneError as error:
        raise Refusal(str(error)) from error


def _ask_server(
    access: OperatorAccess, workspace: str, session: str, question: Question
) -> Told | None:
    """Ask the server that left its token; None when it runs no more."""
    asked: dict[str, str | int | None] = {
        "workspace": workspace,
        "session": session,
        "rule": question.rule,
        "at_ms": question.at_ms,
        "clock": question.clock,
    }
    query = urlencode({name: value for name, value in asked.items() if value not in (None, "")})
    place = urlsplit(access.address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=TIMEOUT_S)
    try:
        headers = {"Authorization": f"Bearer {access.token}"}
        connection.request("GET", f"{PATH}?{query}", headers=headers)
        response = connection.getresponse()
        status, answer = response.status, response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if status == 200:
        return msgspec.json.decode(answer, type=Told)
    try:
        words = msgspec.json.decode(answer, type=_Failure).error.message
    except msgspec.DecodeError:
        words = f"the server answered {status}"
    raise Refusal(words)


async def _ask_store(config: Config, workspace: str, session: str, question: Question) -> Told:
    clock = SystemClock()
    store = await open_store(config.store.url, clock=clock.now_ms)
    try:
        secret = await server_secret(config, store, system_random_bytes)
        programs = PastPrograms(rules_of(config, store, secret, clock.now_ms))
        ref = await find_session(store, workspace, session)
        if ref is None:
            raise ApiError("session_not_found", f"There is no session {session} in {workspace}")
        return await Teller(store, programs, _at_once, secret).answer(ref, question, clock.now_ms())
    finally:
        await store.close()


async def _at_once(work: Callable[[], T]) -> T:
    """Compute in the loop: nobody else uses it."""
    return work()
