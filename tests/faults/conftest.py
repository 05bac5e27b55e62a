"""What every fault test has: a row of the table at the end, the tests chosen by `T`, and its rerun line."""

import os
import re
from collections.abc import Generator, Iterator
from time import monotonic

import pytest

from tests.faults.runs import IS_FULL, SEED, Outcome, table
from tests.faults.server import Single
from tests.servers import servers_folder, valkey, valkey_cluster

__all__ = ["servers_folder", "valkey", "valkey_cluster"]

_OUTCOMES: list[Outcome] = []
_CHOSEN = os.environ.get("T", "")
_NUMBERED = re.compile(r"test_t(\d\d)_")


def _number(module: str) -> str:
    if module == "test_privacy.py":
        return "PRIVACY"
    found = _NUMBERED.search(module)
    return f"T{int(found[1])}" if found else ""


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark of tests that have no small size."""
    config.addinivalue_line("markers", "full_size: runs with `make faults` only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this size does not run, and keep the chosen test only: `make faults T=T4`."""
    left_out = [item for item in items if _is_left_out(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _is_left_out(item: pytest.Item) -> bool:
    if not IS_FULL and item.get_closest_marker("full_size") is not None:
        return True
    return bool(_CHOSEN) and _number(item.path.name) != _CHOSEN.upper()


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Iterator[Outcome]:
    """A row of the table, named by the test; it fills in the seconds."""
    name = f"{_number(request.path.name)} {request.node.name.removeprefix('test_')}".strip()
    row = Outcome(name[:70])
    began = monotonic()
    yield row
    row.seconds = monotonic() - began
    _OUTCOMES.append(row)


@pytest.fixture
def redis(valkey: Single) -> Iterator[Single]:
    """A server that holds nothing; afterwards it runs on with all its memory."""
    valkey.flush()
    yield valkey
    if valkey.node.process is not None:
        valkey.cont()
    valkey.node.ask("CONFIG", "SET", "maxmemory", 0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say how to run a failed test again, and where it left its files."""
    report = yield
    number = _number(item.path.name)
    if report.failed and call.when == "call" and number:
        left = getattr(item, "funcargs", {}).get("tmp_path", "no files were left")
        command = f"make faults T={number} SEED={SEED}"
        small = "" if IS_FULL else f"\nsmall: SEED={SEED} pytest {item.nodeid!r}"
        report.sections.append(("to run it again", f"{command}{small}\nfiles: {left}"))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the fault tests counted."""
    if _OUTCOMES:
        size = "full" if IS_FULL else "small"
        terminalreporter.section(f"faults, {size} size", sep="-")
        for line in table(_OUTCOMES):
            terminalreporter.write_line(line)
