"""Idempotency-Key: one effect and one answer for a request that is sent more than once (API.md 10.1)."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from engine.errors import StoreUnavailable
from engine.stores.base import Begun, InProgress, KeyReused, Replayed, Store
from server.errors import PARSING_REASONS, ApiError
from server.limits.sealing import Seal
from server.log_format import LOGGER
from server.wire.envelope import JSON_TYPE, Answer, Header, retry_advice

LOCK_MS = 120_000
"""How long one run of a request keeps its key when it never ends."""

HEADER = b"idempotency-key"

_FIELD = "Idempotency-Key"
_KEY = re.compile(rb"[\x20-\x7e]{1,255}")
_REPLAYED: Header = (b"idempotency-replayed", b"true")
_SEPARATOR = b"\x1f"


@dataclass(frozen=True, slots=True)
class RepeatKey:
    """An Idempotency-Key in its scope: workspace, method and path; the body it came with; its seal."""

    digest: bytes
    body_sha256: bytes
    seal: Seal = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """Name the request: its repeats have the same name, another body has another."""
        return hashlib.sha256(self.digest + self.body_sha256).hexdigest()


def repeat_key(
    given: bytes, workspace: str, method: str, path: str, *, body: bytes, secret: bytes
) -> RepeatKey:
    """Put a key into its scope; `secret` is the server's.

    Raises ApiError: idempotency_key_invalid.
    """
    if not _KEY.fullmatch(given):
        raise ApiError("idempotency_key_invalid", field=_FIELD)
    scope = _SEPARATOR.join((workspace.encode(), method.encode(), path.encode(), given))
    digest, body_sha256 = hashlib.sha256(scope).digest(), hashlib.sha256(body).digest()
    return RepeatKey(digest, body_sha256, Seal(secret, scope))


async def answer_once(
    store: Store, key: RepeatKey, run: Callable[[], Awaitable[tuple[Answer, str]]]
) -> Answer:
    """Run a request, or answer what its first run answered.

    Args:
        store: keeps the answers.
        key: of the request.
        run: answers the request and names the reason of a refusal, "" for a success; it raises nothing
            but what ends the task.

    Raises ApiError: idempotency_in_progress, idempotency_key_reused.
    """
    found = await store.idem_begin(key.digest, key.body_sha256, lock_ms=LOCK_MS)
    match found:
        case InProgress():
            raise ApiError("idempotency_in_progress", retry_after_s=1)
        case KeyReused():
            raise ApiError("idempotency_key_reused", field=_FIELD)
        case Replayed():
            return _again(key, found)
        case Begun():
            return await _first(store, key, run)


async def _first(
    store: Store, key: RepeatKey, run: Callable[[], Awaitable[tuple[Answer, str]]]
) -> Answer:
    kept = None
    try:
        answer, reason = await run()
        if is_kept(answer.status, reason):
            kept = (answer.status, key.seal.close(answer.body))
    finally:
        try:
            await store.idem_end(key.digest, key.body_sha256, kept)
        except StoreUnavailable:
            # What was done is done: the answer is true, and a repeat finds the same ids.
            LOGGER.warning("an answer could not be kept under its Idempotency-Key")
    return answer


def is_kept(status: int, reason: str) -> bool:
    """Tell whether an answer is given again: not when the request may fare better another time."""
    if status >= 500 or status in (401, 403, 429):
        return False
    return reason not in PARSING_REASONS


def _again(key: RepeatKey, found: Replayed) -> Answer:
    body = key.seal.open(found.response)
    if body is None:
        # The server's secret is another one since: what was answered can no longer be read.
        raise ApiError("idempotency_key_reused", field=_FIELD)
    headers: tuple[Header, ...] = (JSON_TYPE, _REPLAYED)
    if found.status >= 400:
        # Of the refusals that are kept none ends by waiting.
        headers = (*headers, retry_advice(should_retry=False))
    return Answer(found.status, body, headers)
