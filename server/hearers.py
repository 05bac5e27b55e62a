"""Who hears of causes in this server, dashboards and the works that commits ask for; and its chores."""

from server.jobs import Chore
from server.services import Services


def connect_hearers(services: Services) -> None:
    """Let the outbox tell everybody, and the runtime know how many people look at their dashboards."""
    outbox = services.outbox
    services.runtime.on_cause(outbox.hear)
    services.runtime.agents_online = services.tenant_sockets.agents_online
    services.present.connected = services.sockets.sessions_of
    outbox.add_hearer(services.feed.publish)
    outbox.add_hearer(services.present.hear)
    outbox.on_follow_up("answer", services.answering.follow_up)
    outbox.on_follow_up("spend", services.carry_spend)
    outbox.on_follow_up("schedule", services.errands.schedule)
    outbox.on_follow_up("call", services.errands.call)
    outbox.on_follow_up("leave", services.errands.leave)


def chores_of(services: Services) -> tuple[Chore, ...]:
    """List what is looked after from time to time: places at assistants, bookings left half done."""
    return (services.desk.tidy, services.bookings.tidy)
