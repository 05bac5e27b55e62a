"""What callers are answered about a visitor's data in their own hands (API.md 3.8)."""

from typing import Annotated

from msgspec import Meta, Struct

from server.wire.operator import Text


class VisitorErasedShown(Struct, frozen=True):
    """A visitor was erased; events with this id are dropped for 24 h."""

    visitor_id: str
    erased: bool
    erased_at: str


class ExportedLine(Struct, frozen=True):
    """One line of an export; an event has the fields of the event log beside these."""

    kind: Annotated[
        str,
        Meta(
            description="profile, session, event, step, message, decision, appointment, cause, delivery, "
            "alias or name."
        ),
    ]
    visitor_id: str


class OperatorVisitorQuery(Struct, frozen=True, kw_only=True):
    """`/v1/operator/visitor`: whose data."""

    workspace: Text
    visitor: Annotated[str, Meta(min_length=1, max_length=256)]


class OperatorErasureQuery(OperatorVisitorQuery, frozen=True, kw_only=True):
    """`DELETE /v1/operator/visitor`: whose data, and what is written anew without them."""

    archive: bool = False
    vacuum: bool = False


class OperatorLogQuery(Struct, frozen=True, kw_only=True):
    """`GET /v1/operator/log`: the events of a workspace in [since_ms, until_ms)."""

    workspace: Text
    since_ms: Annotated[int, Meta(ge=0)] = 0
    until_ms: Annotated[int, Meta(ge=0)] = 2**53


class OperatorBackupBody(Struct, frozen=True):
    """`POST /v1/operator/backup`: the file to make, by its whole path."""

    path: Annotated[str, Meta(min_length=1, max_length=4_096)]


class OperatorBackup(Struct, frozen=True):
    """How large the backup is."""

    bytes: int


class OperatorErased(Struct, frozen=True):
    """When a visitor was erased."""

    erased_ms: int
