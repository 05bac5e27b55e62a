"""Several serving processes on one store, as several hosts would run them: killed, stopped and started by id."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults.processes import RULES, SQLITE, Server, free_port, workspace


class Worker(Server):
    """A serving process that can be hung, and that can be started again on its port."""

    def stop_it(self) -> None:
        """Let it stand still; the kernel still accepts connections for it."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        os.killpg(self.process.pid, signal.SIGCONT)

    def memory_bytes(self) -> int:
        """Return its resident memory (Linux)."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self) -> float:
        """Return the processor time that it has used (Linux)."""
        fields = (
            Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        )
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Workers:
    """Workers that end together; use them as `with`."""

    def __init__(
        self,
        folder: Path,
        count: int = 1,
        *,
        store: str = SQLITE,
        durability: str = "D2",
        rules: str = RULES,
        unsafe: Sequence[str] = (),
        more: str = "",
    ) -> None:
        """Serve the same workspace `count` times; `unsafe` names what `tests.faults.unsafe_worker` turns off.

        `more` is what else stands in the configuration, after the workspace.
        """
        self.folder = folder
        self._store = store
        self.configs = [
            workspace(folder / f"worker{number}", store=store, durability=durability, rules=rules)
            for number in range(count)
        ]
        for config in self.configs:
            config.write_text(config.read_text("utf-8") + more, encoding="utf-8")
        self._unsafe = tuple(unsafe)
        self.workers: list[Worker] = []

    def __enter__(self) -> Self:
        try:
            self.workers = [self._start(number, free_port()) for number in range(len(self.configs))]
            for worker in self.workers:
                worker.wait_ready()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def __getitem__(self, number: int) -> Worker:
        return self.workers[number]

    @property
    def ports(self) -> list[int]:
        """Where they listen."""
        return [worker.port for worker in self.workers]

    @property
    def store_url(self) -> str:
        """The URL of the store, for one who opens it beside them, an embedded one after their end."""
        if self._store != SQLITE:
            return self._store
        return f"sqlite:///{self.configs[0].parent / 'data' / 'opportune.db'}"

    def kill(self, number: int) -> None:
        """End one as a power switch would."""
        self.workers[number].kill()

    def restart(self, number: int) -> Worker:
        """Start a dead one again on its port, without waiting until it is ready."""
        self.workers[number] = self._start(number, self.workers[number].port)
        return self.workers[number]

    def drain(self) -> None:
        """Ask all to end, and see that they do so cleanly."""
        for worker in self.workers:
            assert worker.stop() == 0, worker.said()

    def end(self) -> None:
        """End what is left."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()

    def said(self) -> str:
        """Return what all of them wrote on stderr."""
        return "".join(worker.said() for worker in self.workers)

    def _start(self, number: int, port: int) -> Worker:
        config = self.configs[number]
        log = config.parent / "stderr.log"
        if not self._unsafe:
            return Worker(config, port, log=log)
        module = "tests.faults.unsafe_worker"
        return Worker(config, port, module=module, first=(",".join(self._unsafe),), log=log)
