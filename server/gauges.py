"""Present numbers of one worker for /metrics: what waits, where, and what is refused for it."""

from collections.abc import Mapping

from server.admission import Rank
from server.services import Services

Numbers = Mapping[str, float]


async def gauges_of(services: Services) -> dict[str, Numbers]:
    """Read the present numbers of each part, by the part's name."""
    health = await services.health()
    admission = services.admission
    return {
        "store": {
            "queued": health.queued,
            "pending_wakeups": health.pending_wakeups,
            "sessions": health.sessions,
            "available": float(health.ok),
            "primaries_down": health.primaries_down,
        },
        "admission": {
            "writes_waiting": admission.writes,
            "events_waiting": admission.events,
            "bytes_waiting": admission.size_bytes,
            "wait_seconds": admission.wait_s,
        },
        "outbox": {"waiting": services.outbox.waiting},
        "webhooks": {"in_hand": services.webhooks.sender.in_hand},
    }


def refused_of(services: Services) -> dict[str, int]:
    """Count what was refused because too much was waiting, by rank."""
    return {rank.name.lower(): services.admission.refused[rank] for rank in Rank}
