"""The live rule sets of all workspaces: which program a site runs, and the swap that a reload is."""

from dataclasses import dataclass, field

from engine.effect import Terms
from rules.compiler.program import Program

_USUAL = Terms()


@dataclass(frozen=True, slots=True)
class LiveSet:
    """One rule set as it runs: `version` counts up from 1 with each swap."""

    name: str
    program: Program
    version: int


@dataclass(slots=True)
class Workspaces:
    """Programs by (workspace, set), and the set of each (workspace, site).

    A swap replaces one value: every session meets the new program at its next instant.
    """

    sites: dict[tuple[str, str], str] = field(default_factory=dict)
    live: dict[tuple[str, str], LiveSet] = field(default_factory=dict)
    agreed: dict[str, Terms] = field(default_factory=dict)

    def terms(self, workspace: str) -> Terms:
        """Return a workspace's own settings, the usual ones when it has none."""
        return self.agreed.get(workspace, _USUAL)

    def add_site(self, workspace: str, source: str, rule_set: str) -> None:
        """Let a site use a rule set of its workspace."""
        self.sites[workspace, source] = rule_set

    def swap(self, workspace: str, rule_set: str, program: Program) -> LiveSet:
        """Make a program the live one of a set."""
        before = self.live.get((workspace, rule_set))
        after = LiveSet(rule_set, program, 1 if before is None else before.version + 1)
        self.live[workspace, rule_set] = after
        return after

    def program(self, workspace: str, source: str) -> Program:
        """Return the program a site runs now; KeyError for an unknown site, which the edge refuses before."""
        return self.live[workspace, self.sites[workspace, source]].program
