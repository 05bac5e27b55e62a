"""P9: from a command to its answer: `opportune check` on 100 lines, `opportune serve` to the first 200.

The works are different; the ratio is to what starting Python with the web framework costs.
"""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.outcome import Figure, Metric, Target
from benchmarks.scratch import scratch_folder

SIZES = {"tiny": 2, "100": 12}
"""How many rules the file holds: a dozen are about 100 lines."""
REFERENCE = "framework"
METRICS = (Metric("seconds", "s", "less"),)
TARGETS = (
    Target("opportune check on 100 lines, s", Figure("check", "100", "seconds"), "most", 0.35),
    Target("opportune serve to /readyz, s", Figure("serve", "100", "seconds"), "most", 1.2),
)

_HEAD = """site "start" timezone "UTC"
policy {
  at most 1 per session unless engaged
  wait 1d after dismiss
}
"""
_RULE = """
rule r{number} "Rule {number}" {{
  on page "/g{number}/**"
  when time_on_page >= 30s and scroll_depth >= 50%
  unless seen form_submit
  say "Can I help you with this?"
    reply "Yes, please" -> ask "What are you looking for?"
    reply "No" -> dismiss
}}
"""
_CONFIG = """[store]
url = "memory:"
durability = "D0"

[[workspaces]]
id = "ws_bench"
name = "Bench"
rules = "rules"

  [[workspaces.sites]]
  source_id = "site_bench"
  origins = ["http://127.0.0.1"]
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """A folder with `opportune.toml` and `rules/start.rules`."""

    folder: Path


def make(size: str, seed: int) -> Workload:
    """Write the folder; the seed changes nothing here."""
    folder = scratch_folder()
    (folder / "rules").mkdir()
    text = _HEAD + "".join(_RULE.format(number=number) for number in range(SIZES[size]))
    (folder / "rules" / "start.rules").write_text(text, encoding="utf-8")
    (folder / "opportune.toml").write_text(_CONFIG, encoding="utf-8")
    return Workload(folder)
