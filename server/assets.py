"""Files that pages load from us: read once, each in the encodings it was built in, told apart by content."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from server.entity_tags import entity_tag, has_current
from server.wire.envelope import Answer, Header

STATIC = Path(__file__).parent / "static"
"""Where the built files of `web/` are kept; the package holds them."""

# Pages name a script without its version. Five minutes after a release every page that loads asks anew; for
# a day nobody waits for that: a browser takes what it has once more, and fetches the new one beside it.
CACHE_CONTROL = b"public, max-age=300, stale-while-revalidate=86400"

_SUFFIXES = {"br": ".br", "gzip": ".gz", "identity": ""}
"""Encodings by what is sent when a caller takes several alike: the smallest first."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A built file in its encodings, by the name that `Content-Encoding` has for each."""

    media: str
    encodings: Mapping[str, bytes]

    def answer(self, headers: Mapping[bytes, bytes]) -> Answer:
        """Answer a request with these headers: in the encoding that it likes best, or 304."""
        encoding = chosen_encoding(headers.get(b"accept-encoding", b""), self.encodings)
        body = self.encodings[encoding]
        # A strong tag is of the bytes that are sent: each encoding has its own.
        tag = entity_tag(self.encodings["identity"], "" if encoding == "identity" else encoding)
        kept = ((b"etag", tag), (b"cache-control", CACHE_CONTROL), (b"vary", b"Accept-Encoding"))
        if has_current(headers, tag):
            return Answer(304, b"", kept)
        encoded: tuple[Header, ...] = ()
        if encoding != "identity":
            encoded = ((b"content-encoding", encoding.encode()),)
        content_type = (b"content-type", f"{self.media}; charset=utf-8".encode())
        return Answer(200, body, (content_type, *encoded, *kept))


def read_asset(folder: Path, name: str, media: str) -> Asset:
    """Read a built file and what lies beside it in other encodings.

    Raises:
        FileNotFoundError: it was not built.
    """
    encodings = {"identity": (folder / name).read_bytes()}
    for encoding, suffix in _SUFFIXES.items():
        sibling = folder / f"{name}{suffix}"
        if suffix and sibling.exists():
            encodings[encoding] = sibling.read_bytes()
    return Asset(media, encodings)


def chosen_encoding(accepted: bytes, available: Mapping[str, bytes]) -> str:
    """Choose by an `Accept-Encoding` header (RFC 9110, 12.5.3); plain when nothing else is taken.

    A caller that refuses plain bytes too gets them all the same: it can do more with them than with a refusal.
    """
    weights = _weights(accepted)
    anything = weights.get("*", 0.0)
    offered = [encoding for encoding in _SUFFIXES if encoding in available]

    def liking(encoding: str) -> float:
        # Plain bytes are welcome wherever they are not refused, but the least of all.
        return weights.get(encoding, anything or (0.001 if encoding == "identity" else 0.0))

    best = max(offered, key=liking)
    return best if liking(best) > 0 else "identity"


def _weights(accepted: bytes) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in accepted.decode("latin-1").lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = _weight(parameter)
    return weights


def _weight(parameter: str) -> float:
    """Read `q=0.8`; what is no number from 0 to 1 counts as a refusal."""
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
