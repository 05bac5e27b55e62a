"""Turns the Kennedy Space Center's web-server logs of 1995 into Opportune's event log.

python -m benchmarks.nasa.convert IN.tsv... [--out FILE.jsonl[.gz]]
"""

import argparse
import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

SITE_URL = "http://www.ksc.nasa.gov"
SESSION_IDLE_S = 30 * 60
PAGE_ENDINGS = ("/", ".html", ".htm")


@dataclass(frozen=True, slots=True)
class Request:
    """One line of the server's log; `at_s` is Unix seconds UTC."""

    host: str
    at_s: int
    method: str
    path: str
    status: int

    @property
    def is_page_view(self) -> bool:
        """Tell whether a page was seen: a GET, answered 200, of a page and not of its pictures."""
        return self.method == "GET" and self.status == 200 and self.path.endswith(PAGE_ENDINGS)


def read_requests(lines: Iterable[str]) -> Iterator[Request]:
    """Read tab-separated lines: host, logname, seconds, method, path, status, bytes.

    The line with the columns' names is passed over, wherever it stands.

    Raises:
        ValueError: a line has fewer than six columns, or a number that is none; names the line.
    """
    for number, line in enumerate(lines, 1):
        columns = line.rstrip("\r\n").split("\t")
        if columns[:3] == ["host", "logname", "time"]:
            continue
        try:
            host, _, at_s, method, path, status = columns[:6]
            yield Request(host, int(at_s), method, path, int(status))
        except ValueError as error:
            message = f"line {number} is not a line of the log: {error}"
            raise ValueError(message) from error


def events(requests: Iterable[Request]) -> Iterator[dict[str, object]]:
    """Make one `page_view` a page seen; requests must be in order of time.

    A session is a run of requests of one host, pictures included, with gaps under 30 minutes.
    """
    latest_s: dict[str, int] = {}
    sessions: dict[str, int] = {}
    for number, request in enumerate(requests, 1):
        before_s = latest_s.get(request.host)
        if before_s is None or request.at_s - before_s >= SESSION_IDLE_S:
            sessions[request.host] = sessions.get(request.host, 0) + 1
        latest_s[request.host] = request.at_s
        if request.is_page_view:
            yield {
                "kind": "event",
                "event_id": f"ksc-{request.at_s}-{number}",
                "name": "page_view",
                "visitor_id": request.host,
                "session_id": f"{request.host}#{sessions[request.host]}",
                "at_ms": request.at_s * 1000,
                "page": {"url": SITE_URL + request.path},
                "origin": "widget",
            }


def convert(paths: list[Path], out: TextIO) -> int:
    """Write the events of all files, the earliest file first, one JSON object a line.

    Returns:
        The number of events written.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(path.open(encoding="latin-1")) for path in paths]
        requests = [request for file in files for request in read_requests(file)]
    requests.sort(key=lambda request: request.at_s)
    count = 0
    for event in events(requests):
        out.write(json.dumps(event, separators=(",", ":")) + "\n")
        count += 1
    return count


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 2 is an input that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nasa.convert", description=__doc__)
    parser.add_argument("logs", nargs="+", type=Path, metavar="IN.tsv")
    parser.add_argument("--out", type=Path, help="default: standard output; .gz is compressed")
    options = parser.parse_args(arguments)
    try:
        if options.out is None:
            count = convert(options.logs, sys.stdout)
        elif options.out.suffix == ".gz":
            with gzip.open(options.out, "wt", encoding="utf-8") as packed:
                count = convert(options.logs, packed)
        else:
            with options.out.open("w", encoding="utf-8") as plain:
                count = convert(options.logs, plain)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stderr.write(f"{count} page views\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
