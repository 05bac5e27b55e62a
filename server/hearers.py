"""Who hears of causes in this server, dashboards and the works that commits ask for; and its chores."""

from collections.abc import Sequence
from functools import partial

from server.jobs import Chore
from server.services import Services
from server.sockets.connection import SESSION_CLOSED


def connect_hearers(services: Services) -> None:
    """Let the outbox tell everybody, and the runtime know how many people look at their dashboards."""
    outbox = services.outbox
    services.runtime.on_kept(outbox.hear)
    services.runtime.handing.on_noted = partial(_note_handed, services)
    _connect_workers(services)
    services.present.connected = services.sockets.sessions_of
    outbox.add_hearer(services.feed.publish)
    outbox.add_hearer(services.present.hear)
    outbox.plan_deliveries(services.webhooks.plan)
    outbox.on_deliveries = services.webhooks.sender.note
    outbox.on_follow_up("answer", services.answering.follow_up)
    outbox.on_follow_up("spend", services.carry_spend)
    outbox.on_follow_up("schedule", services.errands.schedule)
    outbox.on_follow_up("call", services.errands.call)
    outbox.on_follow_up("leave", services.errands.leave)


def _connect_workers(services: Services) -> None:
    """Let this server look after its partitions, and hear and be heard by the other workers."""
    runtime, sender = services.runtime, services.webhooks.sender
    sender.owned = lambda: runtime.ownership.mine
    runtime.hear_feeds(services.feed)
    services.feed.worker = runtime.worker
    runtime.fleet.agents_here = services.tenant_sockets.agents_by_workspace
    runtime.on_forget(lambda ref: services.sockets.close_session(ref, SESSION_CLOSED))

    def agents_online(workspace: str) -> int:
        here = services.tenant_sockets.agents_online(workspace)
        return here + runtime.fleet.agents_elsewhere(workspace)

    def look(partition: int) -> None:
        services.outbox.look(partition)
        sender.note(partition)

    def change(gained: frozenset[int], lost: frozenset[int]) -> None:
        services.outbox.change(gained, lost)
        for partition in gained:
            sender.note(partition)

    runtime.agents_online = agents_online
    runtime.ownership.on_change(change)
    services.store.on_work = look


def _note_handed(services: Services, message_ids: Sequence[str]) -> None:
    services.sockets.note_handed(message_ids)
    services.metrics.count_delivered(len(message_ids))


def chores_of(services: Services) -> tuple[Chore, ...]:
    """List what is looked after from time to time: places at assistants, bookings and erasures left half done."""
    erasures = partial(services.custody.tidy, tuple(services.workspaces))
    return (services.desk.tidy, services.bookings.tidy, erasures)
