"""Page patterns: parsing one, matching it, and a segment trie over many (LANGUAGE.md 6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qsl

from rules.addresses import (
    ADDRESSES_MAX,
    Address,
    address,
    address_key,
    matching_path,
    normal_host,
    normal_path,
)
from rules.glob_problems import GlobProblem, glob_problem

__all__ = [
    "Address", "GlobProblem", "PageGlob", "SegmentTrie", "address", "address_key", "matches"
]  # fmt: skip

ANY_SEGMENT = "*"
ANY_SEGMENTS = "**"


@dataclass(frozen=True, slots=True)
class PageGlob:
    """One page pattern, parsed.

    `host` is None for any host, a name, or `*.name` for every host below it. `segments` are in the
    form in which addresses are compared. `params` are (name, value) with None for any value and "*"
    for any that is not empty.
    """

    source: str
    host: str | None = None
    segments: tuple[str, ...] = ()
    params: tuple[tuple[str, str | None], ...] = ()

    @staticmethod
    def parse(pattern: str) -> "PageGlob | GlobProblem":
        """Read a pattern as written; a pattern that breaks the form is OP126."""
        problem = glob_problem(pattern)
        if problem is not None:
            return problem
        place, _, query = pattern.partition("?")
        host, slash, path = place.partition("/")
        return PageGlob(
            pattern,
            _pattern_host(host) if host else None,
            _segments(matching_path(normal_path(slash + path))),
            tuple(_param(part) for part in query.split("&") if part),
        )


def _pattern_host(host: str) -> str:
    return "*." + normal_host(host[2:]) if host.startswith("*.") else normal_host(host)


def _param(part: str) -> tuple[str, str | None]:
    name, value = parse_qsl(part, keep_blank_values=True)[0]
    return name, (value if "=" in part else None)


def _segments(path: str) -> tuple[str, ...]:
    return tuple(path[1:].split("/")) if path != "/" else ()


@dataclass(frozen=True, slots=True)
class _Page:
    host: str
    segments: tuple[str, ...]
    query: dict[str, str]


@lru_cache(maxsize=ADDRESSES_MAX)
def _page(key: str) -> _Page:
    """Split a key into its parts; it is normalised already."""
    place, _, query_text = key.partition("?")
    host, slash, path = place.partition("/")
    query = dict(parse_qsl(query_text, keep_blank_values=True)) if query_text else {}
    return _Page(host, _segments(slash + path), query)


def matches(glob: PageGlob, key: str) -> bool:
    """Tell whether an address (`address_key`) matches a pattern; "" (no page) matches none."""
    if not key:
        return False
    page = _page(key)
    return (
        _host_matches(glob.host, page.host)
        and _params_match(glob.params, page.query)
        and _path_matches(glob.segments, page.segments)
    )


def _host_matches(wanted: str | None, host: str) -> bool:
    if wanted is None:
        return True
    return host.endswith(wanted[1:]) if wanted.startswith("*.") else host == wanted


def _params_match(params: Iterable[tuple[str, str | None]], query: dict[str, str]) -> bool:
    for name, wanted in params:
        value = query.get(name)
        if value is None or (wanted == "*" and not value):
            return False
        if wanted not in (None, "*", value):
            return False
    return True


def _path_matches(wanted: tuple[str, ...], segments: tuple[str, ...]) -> bool:
    """Walk all readings at once: `places` are the parts of the pattern that may come next."""
    places = _skip_stars({0}, wanted)
    for segment in segments:
        after = {at for at in places if at < len(wanted) and wanted[at] == ANY_SEGMENTS}
        after |= {
            at + 1
            for at in places - after
            if at < len(wanted) and _segment_matches(wanted[at], segment)
        }
        places = _skip_stars(after, wanted)
    return len(wanted) in places


def _skip_stars(places: set[int], wanted: tuple[str, ...]) -> set[int]:
    reached = set(places)
    for at in sorted(places):
        step = at
        while step < len(wanted) and wanted[step] == ANY_SEGMENTS:
            step += 1
            reached.add(step)
    return reached


def _segment_matches(wanted: str, segment: str) -> bool:
    if "*" not in wanted:
        return wanted == segment
    return _pieces_match(wanted.split("*"), segment)


def _pieces_match(pieces: Sequence[str], segment: str) -> bool:
    """Match literal pieces in order; the leftmost place is always the best one for the rest."""
    first, last = pieces[0], pieces[-1]
    end = len(segment) - len(last)
    if not (segment.startswith(first) and segment.endswith(last)) or end < len(first):
        return False
    at = len(first)
    for piece in pieces[1:-1]:
        found = segment.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


# ---- many patterns at once


@dataclass(slots=True)
class _Node:
    """What may follow some leading segments, and the lists whose patterns end here."""

    literals: dict[str, "_Node"] = field(default_factory=dict)
    partials: dict[tuple[str, ...], "_Node"] = field(default_factory=dict)
    any_one: "_Node | None" = None
    any_many: "_Node | None" = None
    repeats: bool = False
    everywhere: int = 0
    on_host: dict[str, int] = field(default_factory=dict)
    guarded: list[tuple[PageGlob, int]] = field(default_factory=list)

    def child(self, segment: str) -> "_Node":
        """Return the node after one more segment of a pattern, made when it is not there."""
        if segment == ANY_SEGMENTS:
            self.any_many = self.any_many or _Node(repeats=True)
            return self.any_many
        if segment == ANY_SEGMENT:
            self.any_one = self.any_one or _Node()
            return self.any_one
        if "*" in segment:
            return self.partials.setdefault(tuple(segment.split("*")), _Node())
        return self.literals.setdefault(segment, _Node())

    def add(self, glob: PageGlob, bit: int) -> None:
        """Note that a pattern of the list with this bit ends here."""
        if glob.params or (glob.host or "").startswith("*."):
            self.guarded.append((glob, bit))
        elif glob.host is None:
            self.everywhere |= bit
        else:
            self.on_host[glob.host] = self.on_host.get(glob.host, 0) | bit

    def bits(self, page: _Page) -> int:
        """Return the bits of the lists that match a page whose segments end here."""
        found = self.everywhere | self.on_host.get(page.host, 0)
        for glob, bit in self.guarded:
            if _host_matches(glob.host, page.host) and _params_match(glob.params, page.query):
                found |= bit
        return found


class SegmentTrie:
    """Many lists of page patterns, matched in one walk over an address's segments.

    Cost of `bits`: segments times the readings alive at once, whatever the number of patterns, save
    that patterns with a `*` inside one and the same segment are tried one by one.
    """

    def __init__(self, lists: Sequence[Sequence[PageGlob]]) -> None:
        """Index the lists; the number of a list is its place in `lists`."""
        self._root = _Node()
        for number, globs in enumerate(lists):
            for glob in globs:
                node = self._root
                for segment in glob.segments:
                    node = node.child(segment)
                node.add(glob, 1 << number)

    def bits(self, key: str) -> int:
        """Return a number with bit i set when list i matches the address; 0 for "" (no page)."""
        if not key:
            return 0
        page = _page(key)
        nodes = _with_repeats([self._root])
        for segment in page.segments:
            nodes = _with_repeats(_step(nodes, segment))
            if not nodes:
                return 0
        found = 0
        for node in nodes:
            found |= node.bits(page)
        return found


def _step(nodes: Iterable[_Node], segment: str) -> list[_Node]:
    after: list[_Node] = []
    for node in nodes:
        if node.repeats:
            after.append(node)
        literal = node.literals.get(segment)
        if literal is not None:
            after.append(literal)
        if node.any_one is not None:
            after.append(node.any_one)
        for pieces, child in node.partials.items():
            if _pieces_match(pieces, segment):
                after.append(child)
    return after


def _with_repeats(nodes: Iterable[_Node]) -> list[_Node]:
    """Add the nodes that `**` reaches with no segment at all; each node stands once."""
    reached: dict[int, _Node] = {}
    for start in nodes:
        node: _Node | None = start
        while node is not None and id(node) not in reached:
            reached[id(node)] = node
            node = node.any_many
    return list(reached.values())
