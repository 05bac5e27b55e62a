"""The process of one contender: prepares its work once, then repeats it whenever it is told to.

python -m benchmarks.contender FOLDER CONTENDER SIZE SEED, with `run` lines on standard input
"""

import gc
import importlib
import os
import resource
import sys
import time
from typing import BinaryIO

import msgspec

from benchmarks.outcome import Missing, Outcome, Ready, Report


def serve(folder: str, contender: str, size: str, seed: int, out: BinaryIO) -> None:
    """Prepare a contender, say so, and answer each line of standard input with one repetition."""
    workload = importlib.import_module(f"benchmarks.{folder}.workload")
    began = time.perf_counter()
    try:
        module = importlib.import_module(f"benchmarks.{folder}.{contender}")
        prepared = module.prepare(workload.make(size, seed))
    except (ImportError, Missing) as error:
        _send(out, Ready(contender, str(error)))
        return
    versions: dict[str, str] = getattr(module, "VERSIONS", {})
    _send(out, Ready(module.LABEL, "", time.perf_counter() - began, versions))
    for _ in sys.stdin.buffer:
        gc.collect()
        outcome: Outcome = module.run(prepared)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        _send(out, Report(outcome, peak_mb))


def _send(out: BinaryIO, message: Ready | Report) -> None:
    out.write(msgspec.json.encode(message) + b"\n")
    out.flush()


def main() -> None:
    """Keep standard output for the answers: what a contender prints goes to standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    folder, contender, size, seed = sys.argv[1:5]
    serve(folder, contender, size, int(seed), out)


if __name__ == "__main__":
    main()
