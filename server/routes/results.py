"""Results of the platform API: what messages achieved, against those who were held out."""

from datetime import UTC, date, datetime, timedelta

from msgspec import structs

from engine.results.results import (
    Outcome,
    campaign_outcome,
    prefix_of_campaign,
    prefix_of_rule,
    rule_outcomes,
)
from server.call import Call
from server.errors import ApiError
from server.wire.envelope import Answer
from server.wire.results import DAYS_DEFAULT, DAYS_MAX, ResultRow, ResultsQuery


async def get_results(call: Call) -> Answer:
    """Answer one row for each variant of each rule, or one for a campaign."""
    query = call.query(ResultsQuery)
    if query.rule is not None and query.campaign_id is not None:
        words = "Give rule or campaign_id, not both; they are counted apart"
        raise ApiError("invalid_value", words, field="campaign_id")
    days = _days(call, query)
    store, workspace = call.services.store, call.workspace.id
    if query.campaign_id is not None:
        prefix = prefix_of_campaign(query.campaign_id)
        counts = await store.counts(workspace, days, prefix)
        outcome = campaign_outcome(query.campaign_id, counts)
        return call.page([_row(outcome, query.campaign_id)] if counts else [], None)
    counts = await store.counts(workspace, days, prefix_of_rule(query.rule))
    return call.page([_row(outcome, None) for outcome in rule_outcomes(counts)], None)


def _row(outcome: Outcome, campaign: str | None) -> ResultRow:
    return ResultRow(campaign_id=campaign, **structs.asdict(outcome))


def _days(call: Call, query: ResultsQuery) -> list[str]:
    """List the UTC days that are asked for.

    Raises ApiError: invalid_timestamp, out_of_range.
    """
    today = datetime.fromtimestamp(call.now_ms / 1_000, UTC).date()
    last = today if query.last is None else _day(query.last, "to")
    if query.first is None:
        back = timedelta(days=min(DAYS_DEFAULT - 1, (last - date.min).days))
        first = last - back
    else:
        first = _day(query.first, "from")
    number = (last - first).days + 1
    if not 1 <= number <= DAYS_MAX:
        words = f"from and to are 1 to {DAYS_MAX} days, from before to"
        raise ApiError("out_of_range", words, field="from")
    return [(first + timedelta(days=at)).isoformat() for at in range(number)]


def _day(text: str, field: str) -> date:
    try:
        if len(text) == len("2026-11-21"):
            return date.fromisoformat(text)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC).date()
    except (ValueError, OverflowError):
        pass
    words = f"{field} is a date like 2026-11-21, or RFC 3339 with an offset"
    raise ApiError("invalid_timestamp", words, field=field)
