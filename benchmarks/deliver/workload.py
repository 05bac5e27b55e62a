"""P4: an event in over a visitor's socket, the proactive message that it causes out on the same socket.

Equal work: 1,000 open sockets, 1,000 frames a second with one event each, every one answered by a frame
that names its round; what is timed is from the write of the event to the frame. The echo sends back what
it got. Ours decodes, folds, decides, commits, and reads the message; behind each it also commits that it
was delivered. A rule a round, each on a page of its own, so that every event causes one message.
"""

from dataclasses import dataclass

from benchmarks.outcome import Figure, Metric, Target

SIZES = {
    "tiny": (4, 40, 1, 2),
    "1000": (1_000, 1_000, 2, 5),
    "1000_slower": (1_000, 400, 1, 2),
}
"""Sockets, events a second over all of them, rounds to warm, rounds that are measured."""
REFERENCE = "echo"
METRICS = (
    Metric("p50_ms", "ms", "less"),
    Metric("p99_ms", "ms", "less"),
    Metric("cpu_us", "us of the server's CPU an event", "less"),
    Metric(
        "lost", "share of events refused, or whose message was withdrawn before it left", "less"
    ),
    Metric("rate", "events/s"),
    Metric("open_ms", "ms of its CPU to open a socket", "less"),
    Metric("lone_commit_ms", "ms for a lone commit on this disk", "less"),
)
TARGETS = (
    Target(
        "memory, p50, times the echo",
        Figure("memory", "1000", "p50_ms"),
        "most",
        2,
        Figure("echo", "1000", "p50_ms"),
    ),
    Target("memory, p99 ms", Figure("memory", "1000", "p99_ms"), "most", 10),
    Target("sqlite D2, p99 ms", Figure("sqlite", "1000", "p99_ms"), "most", 10),
    Target("redis D1, p99 ms", Figure("redis_d1", "1000", "p99_ms"), "most", 10),
)

_HEAD = """site "bench" timezone "UTC"
policy {
  first message after 1ms
  at most 1000 per session
  wait 0s after message
}
"""
_RULE = """rule r{number} "Round {number}" {{
  on page "/r{number}/**"
  say "Round {number}."
  reply "Yes" -> ask "What are you looking for?"
  reply "No" -> dismiss
}}
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """How many sockets, how fast, and how many rounds; in a round each socket has one event."""

    sockets: int
    events_per_s: int
    warm_rounds: int
    measured_rounds: int

    @property
    def rounds(self) -> int:
        """Count the rounds."""
        return self.warm_rounds + self.measured_rounds

    def texts(self) -> dict[str, str]:
        """Write the rules of our server."""
        rules = (_RULE.format(number=number) for number in range(self.rounds))
        return {"bench.rules": _HEAD + "\n".join(rules)}


def session_of(socket: int) -> str:
    """Name the session of a socket."""
    return f"session-{socket:05d}"


def event_of(socket: int, number: int) -> bytes:
    """Write the frame of a socket's event in a round."""
    return (
        b'{"type":"track","events":[{"event":"page_view","messageId":"%08x-%d",'
        b'"page":{"url":"https://shop.example/r%d/page","title":"Round %d."}}]}'
        % (socket, number + 1, number, number)
    )


def answer_of(number: int) -> bytes:
    """Return what the frame holds that answers a round's event."""
    return b'"Round %d."' % number


def make(size: str, seed: int) -> Workload:
    """Nothing is drawn: every visitor does the same."""
    return Workload(*SIZES[size])
