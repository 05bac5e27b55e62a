"""The deliveries of the SQLite file: those that wait and each endpoint's log; run by its thread."""

from collections.abc import Sequence

import msgspec

from engine.limits import DELIVERIES_KEPT_MAX, DELIVERIES_ROWS_MAX
from engine.stores.base import Delivery, DeliveryStatus, DueDeliveries
from engine.stores.sqlite.db import Db
from engine.stores.sqlite.writer import Writer

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Delivery).decode
_KEY = "ws = ? AND endpoint = ? AND id = ?"


class Claims:
    """Who has claimed which delivery until when; in memory, so that a claim ends with the process."""

    def __init__(self) -> None:
        """Start with none claimed."""
        self._until_ms: dict[str, int] = {}

    def take(self, db: Db, now_ms: int, limit: int, lease_ms: int) -> DueDeliveries:
        """See `Store.claim_deliveries`."""
        claims = self._until_ms
        for name in [name for name, until_ms in claims.items() if until_ms <= now_ms]:
            del claims[name]
        limit = min(limit, DELIVERIES_ROWS_MAX)
        rows = db.execute(
            "SELECT id, falls, body FROM delivery WHERE falls IS NOT NULL ORDER BY falls, id LIMIT ?",
            (limit + len(claims) + 1,),
        ).fetchall()
        free = [(falls_ms, body) for name, falls_ms, body in rows if name not in claims]
        due = [_decode(body) for falls_ms, body in free[:limit] if falls_ms <= now_ms]
        for delivery in due:
            claims[delivery.id] = now_ms + max(1, lease_ms)
        instants = [*(falls_ms for falls_ms, _ in free[len(due) :]), *claims.values()]
        return DueDeliveries(now_ms, min(instants, default=None), tuple(due))

    def end(self, name: str) -> None:
        """End a claim: the delivery falls due at its own time."""
        self._until_ms.pop(name, None)


def add(writer: Writer, deliveries: Sequence[Delivery]) -> None:
    """Keep those deliveries that are not known and whose cause is kept."""
    db = writer.db
    for delivery in deliveries:
        cause = db.execute("SELECT 1 FROM cause WHERE id = ?", (delivery.cause,)).fetchone()
        if cause is not None and _find(db, delivery) is None:
            _put(writer, delivery)


def settle(writer: Writer, claims: Claims, delivery: Delivery) -> bool:
    """See `Store.settle_delivery`."""
    known = _find(writer.db, delivery)
    if known is None or known[0] is None:
        return False
    _put(writer, delivery)
    writer.commits.then(lambda: claims.end(delivery.id))
    return True


def send_again(writer: Writer, claims: Claims, delivery: Delivery) -> None:
    """See `Store.send_again`."""
    if writer.commits.is_erased(delivery.workspace, delivery.visitor, writer.tick()):
        return
    _put(writer, delivery)
    writer.commits.then(lambda: claims.end(delivery.id))


def find(db: Db, workspace: str, endpoint: str, name: str) -> Delivery | None:
    """See `Store.delivery`."""
    sql = f"SELECT body FROM delivery WHERE {_KEY}"  # noqa: S608 - the key of this file
    found = db.execute(sql, (workspace, endpoint, name)).fetchone()
    return None if found is None else _decode(found[0])


def below(
    db: Db,
    of: tuple[str, str],
    status: DeliveryStatus | None,
    before: str | None,
    limit: int,
) -> tuple[Delivery, ...]:
    """See `Store.deliveries`; `of` is (workspace, endpoint)."""
    found = db.execute(
        "SELECT body FROM delivery WHERE ws = ?1 AND endpoint = ?2 AND (?3 IS NULL OR status = ?3) "
        "AND (?4 IS NULL OR (created, id) < (SELECT created, id FROM delivery "
        "WHERE ws = ?1 AND endpoint = ?2 AND id = ?4)) ORDER BY created DESC, id DESC LIMIT ?5",
        (*of, status, before, min(limit, DELIVERIES_ROWS_MAX)),
    )
    return tuple(_decode(body) for (body,) in found)


def of_visitor(db: Db, workspace: str, visitor: str) -> list[Delivery]:
    """Read all deliveries of a visitor."""
    sql = "SELECT body FROM delivery WHERE ws = ? AND visitor = ?"
    return [_decode(body) for (body,) in db.execute(sql, (workspace, visitor))]


def _find(db: Db, delivery: Delivery) -> tuple[int | None] | None:
    """Read when a delivery falls due, None in it when it no longer waits; None when it is unknown."""
    sql = f"SELECT falls FROM delivery WHERE {_KEY}"  # noqa: S608 - the key of this file
    found: tuple[int | None] | None = db.execute(
        sql, (delivery.workspace, delivery.endpoint, delivery.id)
    ).fetchone()
    return found


def _put(writer: Writer, delivery: Delivery) -> None:
    """Write a delivery as it is now; settled ones over the limit leave."""
    key = (delivery.workspace, delivery.endpoint)
    body = _encode(delivery)
    waits = delivery.status == "pending"
    writer.db.execute(
        "INSERT OR REPLACE INTO delivery(ws, endpoint, id, visitor, created, status, falls, body) "
        "VALUES(?,?,?,?,?,?,?,?)",
        (
            *key, delivery.id, delivery.visitor, delivery.created_ms, delivery.status,
            delivery.due_ms if waits else None, body,
        ),
    )  # fmt: skip
    writer.commits.note_written(len(body))
    if not waits:
        writer.db.execute(
            "DELETE FROM delivery WHERE num IN (SELECT num FROM delivery WHERE ws = ? AND endpoint = ? "
            "AND falls IS NULL ORDER BY created DESC, id DESC LIMIT -1 OFFSET ?)",
            (*key, DELIVERIES_KEPT_MAX),
        )
