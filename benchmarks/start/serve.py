"""`opportune serve` until /readyz answers 200."""

import http.client
import subprocess
import time

from benchmarks.loopback import free_port
from benchmarks.outcome import Outcome
from benchmarks.start.commands import OPPORTUNE, ROOT, taken
from benchmarks.start.workload import Workload

LABEL = "opportune serve"
POLL_S = 0.005
WAIT_S_MAX = 30


def prepare(workload: Workload) -> Workload:
    """Start once, so that the grammar's tables are where they stay."""
    run(workload)
    return workload


def run(prepared: Workload) -> Outcome:
    """Start, ask until it is ready, and end it."""
    port = free_port()
    command = (*OPPORTUNE, "serve", "--config", str(prepared.folder / "opportune.toml"))
    began = time.perf_counter()
    process = subprocess.Popen((*command, "--port", str(port)), cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        while not _is_ready(port):
            assert process.poll() is None, "opportune serve ended"
            assert time.perf_counter() - began < WAIT_S_MAX, "opportune serve is not ready"
            time.sleep(POLL_S)
        return taken(time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait()


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
