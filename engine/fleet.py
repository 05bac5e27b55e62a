"""What the living workers say of themselves: people at dashboards, who watches which feed, and figures."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

WORKSPACES_NOTED_MAX = 400
"""Workspaces of which a worker says something; of further ones, those that nobody watches, it says nothing."""


class WorkspaceNote(msgspec.Struct, frozen=True, array_like=True):
    """What one worker has of a workspace; `is_watched`: somebody looks at its feed there."""

    agents: int = 0
    is_watched: bool = False
    connected: int = 0
    steps_per_second: float = 0.0


class Figures(msgspec.Struct, frozen=True):
    """Visitors of a workspace with a socket, and steps of its sessions per second."""

    connected: int = 0
    steps_per_second: float = 0.0


_NOTHING = WorkspaceNote()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, WorkspaceNote]).decode


def _none_here() -> Mapping[str, int]:
    """Count people where there are no dashboards."""
    return {}


def _nobody_looks() -> Iterable[str]:
    """List feeds where nobody watches one."""
    return ()


def _no_figures(_: str) -> Figures:
    """Count where nothing is counted."""
    return Figures()


class Fleet:
    """This worker's word to the others, and the sum of theirs. Without others it is what is here."""

    def __init__(self) -> None:
        """Start alone and with nothing to say."""
        self._elsewhere: dict[str, WorkspaceNote] = {}
        self.agents_here: Callable[[], Mapping[str, int]] = _none_here
        """Counts the people of each workspace at dashboards of this worker."""
        self.watched_here: Callable[[], Iterable[str]] = _nobody_looks
        """Lists the workspaces whose feed somebody watches at this worker."""
        self.figures_here: Callable[[str], Figures] = _no_figures
        """Gives this worker's figures of a workspace."""
        self.on_change: Callable[[], None] | None = None
        """Called on the loop after the others were heard."""

    def about(self) -> bytes:
        """Write what the others are to know of this worker."""
        agents, watched = self.agents_here(), frozenset(self.watched_here())
        names = dict.fromkeys((*sorted(watched), *sorted(self.watched_elsewhere), *sorted(agents)))
        notes = {}
        for name in tuple(names)[:WORKSPACES_NOTED_MAX]:
            figures = self.figures_here(name)
            notes[name] = WorkspaceNote(
                agents.get(name, 0), name in watched, figures.connected, figures.steps_per_second
            )
        return _encode(notes)

    def learn(self, others: Iterable[bytes]) -> None:
        """Take what each of the other living workers says now; what cannot be read says nothing."""
        sums: dict[str, WorkspaceNote] = {}
        for about in others:
            for name, note in _read(about).items():
                before = sums.get(name, _NOTHING)
                sums[name] = WorkspaceNote(
                    before.agents + note.agents,
                    before.is_watched or note.is_watched,
                    before.connected + note.connected,
                    before.steps_per_second + note.steps_per_second,
                )
        self._elsewhere = sums
        if self.on_change is not None:
            self.on_change()

    @property
    def watched_elsewhere(self) -> frozenset[str]:
        """Return the workspaces whose feed somebody watches at another worker."""
        return frozenset(name for name, note in self._elsewhere.items() if note.is_watched)

    def agents_elsewhere(self, workspace: str) -> int:
        """Count the people at dashboards of the other workers."""
        return self._elsewhere.get(workspace, _NOTHING).agents

    def figures_elsewhere(self, workspace: str) -> Figures:
        """Sum the figures of the other workers."""
        note = self._elsewhere.get(workspace, _NOTHING)
        return Figures(note.connected, note.steps_per_second)


def _read(about: bytes) -> dict[str, WorkspaceNote]:
    """Read what a worker says; one of a later version may say it in words that are not known here."""
    try:
        return _decode(about)
    except msgspec.DecodeError:
        return {}
