"""Rule files on disk: the files of a set, imports resolved inside one root, unchanged ones kept."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from rules.diagnostics import Diagnostic
from rules.nodes import File, Import
from rules.parser import parse, parse_bytes
from rules.resolver import imported_name
from rules.span import Source

SUFFIX = ".rules"
READ_BYTES_MAX = (1 << 20) + 1
"""One more than a file may have: enough to refuse it, without reading it all."""


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """One file as read: its text, its tree, and what the parser found."""

    source: Source
    file: File
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The files of one rule set in file order; sources are named relative to `root`."""

    root: Path
    files: tuple[ParsedFile, ...]


@dataclass(slots=True)
class ParseCache:
    """Files parsed before, by place and SHA-256: one entry a file, the latest."""

    entries: dict[tuple[Path, str], tuple[bytes, ParsedFile]] = field(default_factory=dict)

    def parsed(self, root: Path, name: str, content: bytes) -> ParsedFile:
        """Return the file parsed, from memory when its bytes are the same."""
        digest = sha256(content).digest()
        known = self.entries.get((root, name))
        if known is not None and known[0] == digest:
            return known[1]
        source, file, diagnostics = parse_bytes(name, content)
        fresh = ParsedFile(source, file, tuple(diagnostics))
        self.entries[root, name] = (digest, fresh)
        return fresh

    def keep_only(self, root: Path, names: Sequence[str]) -> None:
        """Forget files of a root that are no longer there."""
        kept = frozenset(names)
        for place in [p for p in self.entries if p[0] == root and p[1] not in kept]:
            del self.entries[place]


def load(path: Path, cache: ParseCache | None = None) -> RuleSet:
    """Read a rule set: a file with what it imports, or all `*.rules` below a folder.

    Args:
        path: a file or a folder; its folder is the root that imports may not leave.
        cache: files that did not change since are not parsed again.

    Raises:
        FileNotFoundError: the path does not exist.
        OSError: a file cannot be read.
    """
    cache = ParseCache() if cache is None else cache
    root = path if path.is_dir() else path.parent
    found = _read_all(root, _first_names(path), cache)
    if path.is_dir():
        cache.keep_only(root, [parsed.source.name for parsed in found])
    return RuleSet(root, found)


def parse_text(name: str, text: str) -> ParsedFile:
    """Parse a text that is not on disk, under a name relative to its set's root."""
    source = Source(name, text)
    file, diagnostics = parse(source)
    return ParsedFile(source, file, tuple(diagnostics))


def _first_names(path: Path) -> list[str]:
    if not path.is_dir():
        return [path.name]
    return sorted(
        found.relative_to(path).as_posix() for found in path.rglob(f"*{SUFFIX}") if found.is_file()
    )


def _read_all(root: Path, names: Sequence[str], cache: ParseCache) -> tuple[ParsedFile, ...]:
    """Read the named files and, behind them, whatever they import that is there."""
    inside = root.resolve()
    pending = deque(names)
    found: dict[str, ParsedFile] = {}
    while pending:
        name = pending.popleft()
        if name in found:
            continue
        found[name] = cache.parsed(root, name, _read(root / name))
        for wanted in _imports(found[name].file):
            if _is_inside(inside, root / wanted):
                pending.append(wanted)
    return tuple(found.values())


def _imports(file: File) -> Iterator[str]:
    for block in file.blocks:
        name = imported_name(file.source, block.path.value) if isinstance(block, Import) else None
        if name is not None:
            yield name


def _is_inside(root: Path, path: Path) -> bool:
    """Tell whether a file is there and, links followed, below the root."""
    return path.is_file() and path.resolve().is_relative_to(root)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(READ_BYTES_MAX)
