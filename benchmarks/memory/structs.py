"""The same sessions as plain msgspec structs in a dict: what holding them live would cost."""

from benchmarks.memory.weighing import weighed
from benchmarks.memory.workload import Workload
from benchmarks.outcome import Outcome
from engine.profile import Profile
from engine.session import Session

LABEL = "msgspec structs in a dict"


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Make them all and keep them."""
    kept: dict[str, tuple[Session, Profile]] = {}

    def fill() -> None:
        for number in range(prepared.sessions):
            session = prepared.session(number)
            kept[session.id] = session, Profile(session.visitor, visits=1)

    outcome = weighed(prepared, fill)
    assert len(kept) == prepared.sessions
    return outcome
