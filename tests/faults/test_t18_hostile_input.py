"""T18: bodies made to hurt a server: each is refused quickly and cheaply, and a normal request works after it.

Random bodies are in `tests/api/test_hostile_input.py` and its neighbours, schemathesis in `tests/api`.
"""

import gzip
from pathlib import Path
from time import monotonic

import pytest

from tests.faults.http_line import Answer, HttpLine, NoAnswer
from tests.faults.load import TRACK, WIDGET
from tests.faults.runs import Outcome, sized
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 300))]
ROUNDS = sized(2, 50)
REFUSED_S = sized(0.15, 0.05)
MEMORY_BYTES = 20 * 1024 * 1024
GOOD = b'{"sessionId":"s1","event":"page_view","page":{"url":"https://shop.test/pricing"}}'


def with_field(value: bytes) -> bytes:
    """Put raw JSON into an event's metadata."""
    return b'{"sessionId":"s1","event":"click","metadata":{"x":%b}}' % value


BODIES = {
    "brackets 30,000 deep": with_field(b"[" * 30_000 + b"]" * 30_000),
    "objects 10,000 deep": with_field(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "brackets that never close": b"[" * 65_000,
    "quotes and brackets": b'["' * 32_000,
    "a number of 5,000 digits": with_field(b"9" * 5_000),
    "a negative number of 5,000 digits": with_field(b"-" + b"9" * 5_000),
    "an exponent out of range": with_field(b"1e999999"),
    "NaN": with_field(b"NaN"),
    "Infinity": with_field(b"-Infinity"),
    "the same name twice": b'{"sessionId":"s1","sessionId":"s2","event":"click","event":"scroll"}',
    "a lone surrogate": with_field(rb'"\ud800"'),
    "a lone surrogate as id": rb'{"sessionId":"\udfff","event":"click"}',
    "bytes that are no UTF-8": with_field(b'"\xff\xfe\xc3"'),
    "bytes that are no UTF-8 as id": b'{"sessionId":"\xc3\x28","event":"click"}',
    "an overlong NUL": with_field(b'"\xc0\x80"'),
    "10,000 items": b'{"sessionId":"s1","batch":[' + b"1," * 9_999 + b"1]}",
    "10,000 fields": with_field(b"{" + b",".join(b'"%d":1' % n for n in range(6_000)) + b"}"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "nothing": b"",
    "templates": with_field(b'"{{7*7}} {0.__class__} ${jndi:ldap://x} %s%n"'),
}
BOMB = gzip.compress(b" " * 50_000_000 + GOOD)
CHUNKED = b"400\r\n" + b"x" * 0x400 + b"\r\n"


async def timed(line: HttpLine, body: bytes, headers: dict[str, str]) -> tuple[Answer, float]:
    began = monotonic()
    answer = await line.post(TRACK, body, headers, 10.0)
    return answer, monotonic() - began


async def corpus(folder: Path, *unsafe: str) -> tuple[dict[str, int], list[float], int]:
    """Send everything; answers each status, how long refusals took, and how much memory grew."""
    statuses: dict[str, int] = {}
    took = []
    with Workers(folder, unsafe=unsafe) as workers:
        async with HttpLine(workers[0].port) as line:
            assert (await timed(line, GOOD, WIDGET))[0].status == 200
            before = workers[0].memory_bytes()
            for _ in range(ROUNDS):
                for name, body in BODIES.items():
                    answer, seconds = await timed(line, body, WIDGET)
                    statuses[name] = answer.status
                    took.append(seconds)
                    assert (await timed(line, GOOD, WIDGET))[0].status == 200, name
                zipped = {**WIDGET, "content-encoding": "gzip"}
                answer, seconds = await timed(line, BOMB[:60_000], zipped)
                statuses["a gzip bomb"] = answer.status
                took.append(seconds)
            grown = workers[0].memory_bytes() - before
        statuses["10 MB in chunks"] = await chunked(workers[0].port)
        async with HttpLine(workers[0].port) as line:
            assert (await timed(line, GOOD, WIDGET))[0].status == 200
    return statuses, sorted(took), grown


async def chunked(port: int) -> int:
    """Send ten megabytes without saying how many; answers the status, 413 when the connection was cut."""
    async with HttpLine(port) as line:
        headers = {**WIDGET, "transfer-encoding": "chunked"}
        try:
            return (await line.post_chunks(TRACK, CHUNKED, 10_000, headers)).status
        except NoAnswer:
            return 413


async def test_nothing_that_hurts_is_a_5xx_or_slow_or_stays_in_memory(
    tmp_path: Path, outcome: Outcome
) -> None:
    statuses, took, grown = await corpus(tmp_path)
    p99 = took[round(len(took) * 0.99) - 1]
    outcome.faults = len(took)
    outcome.notes = f"p99 {p99 * 1_000:.0f} ms, grown {grown >> 20} MB"
    assert {name: status for name, status in statuses.items() if status >= 500} == {}
    assert statuses["10 MB in chunks"] == 413
    assert p99 <= REFUSED_S
    assert grown <= MEMORY_BYTES


async def test_the_control_that_does_not_expect_bad_text_answers_500(
    tmp_path: Path, outcome: Outcome
) -> None:
    statuses, _, _ = await corpus(tmp_path, "no_decode_catch")
    failed = [name for name, status in statuses.items() if status == 500]
    outcome.control = f"no_decode_catch: {len(failed)} answered 500"
    assert failed
