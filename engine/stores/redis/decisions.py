"""How the Redis store lists decisions: by time in every partition, merged, their bodies read in groups."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

from engine.limits import DECISIONS_ROWS_MAX
from engine.stores.records import DecisionFilter, DecisionFound, DecisionPage
from engine.stores.redis.merge import Row, merged
from engine.stores.redis.part import RedisPart
from engine.stores.redis.reads import first_slice
from engine.stores.redis.records import unpack_decision

# Decisions whose bodies are read together.
_BODIES_AT_ONCE = 64


class RedisDecisions(RedisPart):
    """The part of `Store` that lists decisions."""

    async def decisions(
        self, workspace: str, wanted: DecisionFilter, cursor: str | None = None, limit: int = 50
    ) -> DecisionPage:
        """See `Store.decisions`."""
        self._check_open()
        limit = min(limit, DECISIONS_ROWS_MAX)
        found: list[DecisionFound] = []
        async for decision in self._newest_first(workspace, wanted, cursor):
            if not _is_wanted(decision, wanted):
                continue
            if len(found) == limit:
                last = found[-1].line
                return DecisionPage(tuple(found), f"{last.at_ms}:{last.id}")
            found.append(decision)
        return DecisionPage(tuple(found), None)

    async def _newest_first(
        self, workspace: str, wanted: DecisionFilter, cursor: str | None
    ) -> AsyncIterator[DecisionFound]:
        """Yield the decisions of the filter's visitor and time from below a cursor."""
        start = None if cursor is None else _row_at(cursor)

        async def fetch(partition: int, last: Row | None, count: int) -> list[Row]:
            return await self._decision_rows(workspace, partition, wanted, last or start, count)

        partitions: Sequence[int] = range(self.partitions)
        if wanted.visitor:
            partitions = [self._keys.partition(workspace, wanted.visitor)]
        waiting: list[Row] = []
        first_len = first_slice(_BODIES_AT_ONCE, len(partitions))
        async for row in merged(partitions, fetch, first_len=first_len, is_down=True):
            waiting.append(row)
            if len(waiting) == _BODIES_AT_ONCE:
                for decision in await self._bodies(workspace, waiting):
                    yield decision
                waiting = []
        for decision in await self._bodies(workspace, waiting):
            yield decision

    async def _decision_rows(
        self, workspace: str, partition: int, wanted: DecisionFilter, below: Row | None, count: int
    ) -> list[Row]:
        """Read `count` rows of the filter's time below a row, the newest first."""
        until_ms = wanted.until_ms
        top = "+inf" if until_ms is None else f"({until_ms}"
        if below is not None and (until_ms is None or below.score < until_ms):
            top = str(below.score)
        bottom = "-inf" if wanted.since_ms is None else str(wanted.since_ms)
        key = self._keys.of_workspace(partition, "dx", workspace)
        length = count
        while True:
            span = (top, bottom, "BYSCORE", "REV", "LIMIT", 0, length, "WITHSCORES")
            reply = cast("list[bytes]", await self._fan_out.read(partition, "ZRANGE", key, *span))
            pairs = zip(reply[::2], reply[1::2], strict=True)
            rows = [Row(int(float(score)), member, partition) for member, score in pairs]
            kept = [row for row in rows if below is None or row[:2] < below[:2]]
            # Of the same instant as the row itself are its equals, and those that came before it.
            if len(kept) >= count or len(rows) < length:
                return kept[:count]
            length += max(count, len(rows) - len(kept))

    async def _bodies(self, workspace: str, rows: Sequence[Row]) -> list[DecisionFound]:
        """Read the decisions of rows, in their order; one that was forgotten meanwhile is left out."""
        found = await asyncio.gather(
            *(
                self._fan_out.read(
                    row.partition,
                    "HGET",
                    self._keys.of_workspace(row.partition, "db", workspace),
                    row.member,
                )
                for row in rows
            )
        )
        return [
            unpack_decision(workspace, row.member.decode(), row.score, cast("bytes", raw))
            for row, raw in zip(rows, found, strict=True)
            if raw is not None
        ]


def _row_at(cursor: str) -> Row:
    at_ms, _, name = cursor.partition(":")
    return Row(int(at_ms), name.encode(), 0)


def _is_wanted(found: DecisionFound, wanted: DecisionFilter) -> bool:
    return (
        wanted.rule in ("", found.line.rule)
        and wanted.outcome in ("", found.line.outcome)
        and wanted.session in ("", found.ref.session)
        and wanted.visitor in ("", found.ref.visitor)
    )
