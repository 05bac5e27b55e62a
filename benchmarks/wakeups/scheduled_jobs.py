"""APScheduler: one job a visitor in its memory store, rescheduled by each event; its threads are left out."""

from datetime import UTC, datetime
from importlib.metadata import version

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger

from benchmarks.outcome import Outcome
from benchmarks.wakeups.playing import play
from benchmarks.wakeups.workload import Workload

LABEL = "APScheduler, a job each"
VERSIONS = {"apscheduler": version("apscheduler")}
SIZES = ("tiny", "10000")


class Jobs:
    """A scheduler that is asked by hand, so that its clock is the workload's."""

    def __init__(self) -> None:
        """Start paused, with nothing pending."""
        self._store = MemoryJobStore()
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._scheduler.add_jobstore(self._store)
        self._scheduler.start(paused=True)
        self._armed: set[int] = set()

    def arm(self, visitor: int, due_ms: int) -> None:
        """Add or move the visitor's job."""
        trigger = DateTrigger(datetime.fromtimestamp(due_ms / 1_000, UTC))
        if visitor in self._armed:
            self._scheduler.reschedule_job(str(visitor), trigger=trigger)
            return
        self._armed.add(visitor)
        self._scheduler.add_job(_nothing, trigger, id=str(visitor))

    def fire(self, now_ms: int) -> list[int]:
        """Take the jobs that the store calls due."""
        jobs = self._store.get_due_jobs(datetime.fromtimestamp(now_ms / 1_000, UTC))
        fired = [int(job.id) for job in jobs]
        for visitor in fired:
            self._store.remove_job(str(visitor))
            self._armed.remove(visitor)
        return fired


def _nothing() -> None:
    """Stand for a visitor's wake-up."""


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Play the workload."""
    return play(prepared, Jobs)
