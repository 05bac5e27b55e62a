"""A pipeline by hand: batches of 64 commands over a plain socket, one write and one wait for all answers."""

import socket
from collections.abc import Sequence
from itertools import zip_longest

import hiredis

from benchmarks.redis_commits.driving import PARTITIONS, Answer, Course, Gate
from benchmarks.redis_commits.workload import Workload
from benchmarks.valkey import Running
from engine.stores.records import Commit, Retention
from engine.stores.redis.commits import DAY_MS, commit_args, commit_keys
from engine.stores.redis.keys import Keys, short, workspace_key
from engine.stores.redis.records import pack_spot
from engine.stores.redis.replies import Word, script

WAIT_MS = 500
RECEIVED_BYTES = 262_144
_COMMIT = script("commit")

Words = tuple[Word, ...]


class Pipeline:
    """A connection to the primary; with a replica every batch of writes ends in a `WAIT`."""

    def __init__(self, running: Running, *, replicated: bool) -> None:
        """Connect."""
        self._socket = socket.create_connection((running.node.host, running.node.port), 30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = hiredis.Reader()
        self._wait = pack(("WAIT", 1, WAIT_MS)) if replicated else b""

    def do(self, packed: bytes, count: int) -> list[object]:
        """Send so many commands in one write, and return their answers."""
        self._socket.sendall(packed + self._wait)
        expected = count + bool(self._wait)
        replies: list[object] = []
        while len(replies) < expected:
            self._reader.feed(self._socket.recv(RECEIVED_BYTES))
            while (reply := self._reader.gets()) is not False:
                assert not isinstance(reply, hiredis.ReplyError), reply
                replies.append(reply)
        if self._wait:
            assert replies.pop() == 1, "the replica did not confirm"
        return replies

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class Batches:
    """The commits of a worker's rows side by side: batch n holds the n-th commit of each row."""

    def __init__(self, workload: Workload, worker: int) -> None:
        """Write every command's words; packing them is left to who sends them."""
        self._work_told = b"c" + str(worker).encode()
        self._keys = Keys(PARTITIONS)
        # What it takes to make words of a commit is no part of a pipeline; the script is loaded
        # already, by the commits that made the sessions.
        self.rows = list(workload.rows(worker))
        columns = zip_longest(*(workload.row(number) for number in self.rows))
        self.steps = [[one for one in column if one is not None] for column in columns]
        self.names = [[words for one in step for words in self._names(one)] for step in self.steps]
        self.scripts = [[self._script(one) for one in step] for step in self.steps]

    def _script(self, commit: Commit) -> Words:
        place = self._keys.partition(commit.ref.workspace, commit.ref.visitor)
        keys = commit_keys(self._keys, commit, place)
        kept_ms = Retention().decisions_ms + 2 * DAY_MS
        args = commit_args(
            self._keys, commit, place, work_told=self._work_told, counts_kept_ms=kept_ms
        )
        return ("EVALSHA", _COMMIT.sha, len(keys), *keys, "", *args)

    def _names(self, commit: Commit) -> list[Words]:
        ref, keys = commit.ref, self._keys
        kept_ms = Retention().events_ms + 2 * DAY_MS
        place = keys.partition(ref.workspace, ref.visitor)
        spot = pack_spot(place, workspace_key(ref.workspace), short(ref.visitor, ref.session))
        return [
            ("SET", keys.of_name("ref", ref.workspace, name), spot, "PX", kept_ms)
            for name in commit.ids
        ]

    def by_row(self, answers: Sequence[Sequence[object]]) -> dict[int, list[Answer]]:
        """Sort the answers of all batches by row."""
        rows: dict[int, list[Answer]] = {number: [] for number in self.rows}
        for column in answers:
            for number, reply in zip(self.rows, column, strict=False):
                assert isinstance(reply, list)
                assert reply[0] == 1, reply
                rows[number].append(tuple(int(part) for part in reply[1:5]))
        return rows


def pack(words: Words) -> bytes:
    """Write a command as it goes over the wire."""
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type] # any number of words
    return packed


def drive(workload: Workload, running: Running, worker: int, gate: Gate) -> Course:
    """Commit the rows of one worker, packing each batch when it is its turn."""
    batches = Batches(workload, worker)
    pipeline = Pipeline(running, replicated=workload.replicated)
    course, answers = Course(), []
    gate.wait()
    course.begin()
    for names, scripts in zip(batches.names, batches.scripts, strict=True):
        if names:
            pipeline.do(b"".join(map(pack, names)), len(names))
        answers.append(pipeline.do(b"".join(map(pack, scripts)), len(scripts)))
    rows = batches.by_row(answers)
    course.end(rows)
    pipeline.close()
    return course


def drive_packed(workload: Workload, running: Running, worker: int, gate: Gate) -> Course:
    """Commit the rows of one worker from bytes that were packed before."""
    batches = Batches(workload, worker)
    packed = [
        (b"".join(map(pack, names)), len(names), b"".join(map(pack, scripts)), len(scripts))
        for names, scripts in zip(batches.names, batches.scripts, strict=True)
    ]
    pipeline = Pipeline(running, replicated=workload.replicated)
    course, answers = Course(), []
    gate.wait()
    course.begin()
    for names, name_count, scripts, script_count in packed:
        if name_count:
            pipeline.do(names, name_count)
        answers.append(pipeline.do(scripts, script_count))
    rows = batches.by_row(answers)
    course.end(rows)
    pipeline.close()
    return course
