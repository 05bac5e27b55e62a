"""P12: the widget in a real browser: its size, its work at load, and the time from a decision to a visible message.

Equal work: a page of another origin is open in headless Chromium; a message is sent to its visitor, and
the time until its text has a height on the screen is taken, from the call to the animation frame. The
reference is the least that can do that: a page whose dozen lines of script write what a bare socket says.
Ours takes the call over the platform's API, decides, commits, pushes and draws the card.
"""

from dataclasses import dataclass

from benchmarks.outcome import Figure, Metric, Target

SIZES = {"tiny": 1, "visits": 12}
"""Page loads of a repetition, one message each."""
REFERENCE = "bare_socket"
METRICS = (
    Metric("visible_ms", "ms from the call to a visible message, p50", "less"),
    Metric("visible_p95_ms", "ms from the call to a visible message, p95", "less"),
    Metric("load_ms", "ms of the main thread at load, beyond the page without a script", "less"),
    Metric("all_gz", "bytes of the script, gzipped", "less"),
    Metric("all_br", "bytes of the script as brotli", "less"),
    Metric("measuring_gz", "bytes of tracker and transport alone, gzipped", "less"),
    Metric("requests", "requests of the page before the message", "less"),
)
TARGETS = (
    Target(
        "call to visible message, p50 ms", Figure("widget", "visits", "visible_ms"), "most", 100
    ),
    Target("main-thread work at load, ms", Figure("widget", "visits", "load_ms"), "most", 20),
    Target("everything, bytes gzipped", Figure("widget", "visits", "all_gz"), "most", 12_000),
    Target(
        "tracker and transport, bytes gzipped",
        Figure("widget", "visits", "measuring_gz"),
        "most",
        4_000,
    ),
)


@dataclass(frozen=True, slots=True)
class Workload:
    """How often the page is loaded."""

    visits: int


def make(size: str, seed: int) -> Workload:
    """Say how often; the seed changes nothing here."""
    return Workload(SIZES[size])
