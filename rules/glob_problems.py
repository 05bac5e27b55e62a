"""What can be wrong with a page pattern, and the nearest one that is right (OP126)."""

import re
from dataclasses import dataclass

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*://)+")
_SPACES = re.compile(r"\s+")
_DOUBLE_STAR = re.compile(r"\*{2,}")


@dataclass(frozen=True, slots=True)
class GlobProblem:
    """A pattern that breaks the form: one sentence about it, and a valid pattern close to it."""

    message: str
    suggestion: str


def glob_problem(pattern: str) -> GlobProblem | None:
    """Find the first thing that is wrong with a pattern, None when it is well formed."""
    message = _message(pattern)
    return None if message is None else GlobProblem(message, _repaired(pattern))


def _message(pattern: str) -> str | None:
    place, _, query = pattern.partition("?")
    host, slash, path = place.partition("/")
    if _SPACES.search(pattern):
        return "a page pattern has no spaces"
    if _SCHEME.match(place):
        return "a page pattern starts with / or with a host, not with https://"
    if "#" in pattern:
        return "a page pattern has no #: the part after it is not compared"
    if not slash:
        return "a page pattern starts with / or has a / after its host"
    if "*" in host.removeprefix("*."):
        return "in a host, * can only stand at the front: *.example.com/cart"
    if host == "*.":
        return "*. needs the name of a host after it"
    if any("**" in segment and segment != "**" for segment in path.split("/")):
        return "** stands alone between two slashes"
    if any(part.startswith("=") for part in query.split("&")):
        return "a parameter has a name: ?plan=pro"
    return None


def _repaired(pattern: str) -> str:
    text = _SPACES.sub("%20", pattern.strip()).partition("#")[0]
    scheme = _SCHEME.match(text)
    text = text[scheme.end() :] if scheme else text
    place, mark, query = text.partition("?")
    host, slash, path = place.partition("/")
    if not slash:
        host, path = (host, "**") if "." in host.strip(".") else ("", host)
    if "*" in host.removeprefix("*.") or host == "*.":
        host = ""
    query = "&".join(part for part in query.split("&") if not part.startswith("="))
    repaired = host + "/" + "/".join(_repaired_segment(part) for part in path.split("/"))
    return repaired + (mark + query if query else "")


def _repaired_segment(segment: str) -> str:
    return segment if segment == "**" else _DOUBLE_STAR.sub("*", segment)
