"""Which refusals an operation may answer: those of its family, of what it reads, and its own."""

from collections.abc import Iterator, Mapping, Sequence

from server.contract.operation import Operation
from server.errors import PARSING_REASONS, REASONS, STATUS
from server.wire.envelope import Family
from server.wire.paging import PageQuery

_BODY = tuple(sorted(PARSING_REASONS - {"invalid_cursor"}))
_QUERY = (
    "invalid_id",
    "invalid_timestamp",
    "invalid_value",
    "out_of_range",
    "required",
    "too_long",
    "too_many",
    "too_short",
)
_ALWAYS = ("https_required", "body_too_large", "internal", "store_unavailable", "shutting_down")
_OF_FAMILY: Mapping[Family, tuple[str, ...]] = {
    "platform": (
        "required",
        "missing_credentials",
        "invalid_credentials",
        "expired_credentials",
        "workspace_mismatch",
        "key_minute",
        "workspace_hour",
        "auth_attempts",
    ),
    "agent": (
        "missing_credentials",
        "invalid_credentials",
        "expired_credentials",
        "workspace_mismatch",
        "key_minute",
        "workspace_hour",
        "auth_attempts",
    ),
    "widget": (
        "missing_credentials",
        "invalid_credentials",
        "origin_not_allowed",
        "widget_not_found",
        "auth_attempts",
    ),
    "dashboard": (),
    "service": (),
}
_UNCOUNTED = frozenset({"track"})
"""Operations that no limit of requests ever refuses."""

_OF_POST = ("idempotency_key_invalid", "idempotency_key_reused", "idempotency_in_progress")


def reasons_of(operation: Operation) -> tuple[str, ...]:
    """Return every reason that an operation may answer, each once."""
    return tuple(dict.fromkeys(_reasons(operation)))


def _reasons(operation: Operation) -> Iterator[str]:
    if operation.family == "service" and not operation.reasons:
        return
    left_out = {"auth_attempts"} if operation.name in _UNCOUNTED else set()
    yield from (reason for reason in _OF_FAMILY[operation.family] if reason not in left_out)
    yield from _ALWAYS
    if operation.scope:
        yield "missing_scope"
    if operation.body is not None:
        yield from _BODY
    if operation.query is not None:
        yield from _QUERY
        if issubclass(operation.query, PageQuery):
            yield "invalid_cursor"
    if operation.method == "POST" and operation.family in ("platform", "agent"):
        yield from _OF_POST
    yield from operation.reasons


def by_status(family: Family, reasons: Sequence[str]) -> dict[int, list[str]]:
    """Sort reasons under the statuses that carry them in a family, the lowest status first."""
    found: dict[int, list[str]] = {}
    for reason in reasons:
        found.setdefault(status_of(family, reason), []).append(reason)
    return {status: sorted(found[status]) for status in sorted(found)}


def status_of(family: Family, reason: str) -> int:
    """Return the status of a reason; the widget's document knows no 404 for an assistant."""
    if family == "widget" and reason == "assistant_not_found":
        return 400
    return STATUS[REASONS[reason][0]]


SHARED: Mapping[Family, Mapping[int, list[str]]] = {
    family: by_status(family, [*reasons, *_ALWAYS, *_OF_POST])
    for family, reasons in _OF_FAMILY.items()
}
"""What all operations of a family answer with a status."""
