"""Built files as they are served: their encodings, their tags, and what is answered to whom."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.assets import Asset, chosen_encoding, read_asset
from server.wire.envelope import Answer

PLAIN = b"console.log('widget');"
PACKED = {"br": b"as brotli", "gzip": gzip.compress(PLAIN), "identity": PLAIN}
ASSET = Asset("text/javascript", PACKED)
TOKENS = ["br", "gzip", "identity", "*", "deflate", "", "q", "br ", " gzip"]
WEIGHTS = ["", ";q=1", ";q=0", ";q=0.5", "; q=0.001", ";q=", ";q=x", ";q=2", ";q=nan", ";level=9"]


def header(answer: Answer, name: bytes) -> bytes | None:
    return dict(answer.headers).get(name)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", "identity"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip;q=0.2", "gzip"),
        ("GZIP", "gzip"),
        ("gzip ; q=0.8 , identity;q=0.9", "identity"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("*;q=0", "identity"),
        ("identity;q=0", "identity"),
        ("identity;q=0, gzip", "gzip"),
        ("br;q=much, gzip;q=0.1", "gzip"),
        ("deflate, zstd", "identity"),
    ],
)
def test_the_encoding_that_the_caller_likes_best_is_chosen(accepted: str, encoding: str) -> None:
    assert chosen_encoding(accepted.encode(), PACKED) == encoding


@given(st.lists(st.tuples(st.sampled_from(TOKENS), st.sampled_from(WEIGHTS))), st.binary())
def test_whatever_is_accepted_one_of_ours_is_chosen(
    parts: list[tuple[str, str]], noise: bytes
) -> None:
    accepted = ",".join(name + weight for name, weight in parts).encode()
    for text in (accepted, noise, accepted + b"," + noise):
        chosen = chosen_encoding(text, PACKED)
        assert chosen in PACKED
    refused = {name.strip() for name, weight in parts if weight == ";q=0"}
    liked = {name.strip() for name, weight in parts if weight != ";q=0"}
    if refused >= {"br", "gzip"} and not liked & {"br", "gzip"}:
        assert chosen_encoding(accepted, PACKED) == "identity"


def test_an_encoding_that_was_not_built_is_never_chosen() -> None:
    assert chosen_encoding(b"br, gzip", {"identity": PLAIN}) == "identity"
    assert chosen_encoding(b"br, gzip", {"gzip": b"", "identity": PLAIN}) == "gzip"


def test_an_answer_says_what_it_is_and_how_long_it_is_kept() -> None:
    answer = ASSET.answer({b"accept-encoding": b"br"})
    assert (answer.status, answer.body) == (200, b"as brotli")
    assert header(answer, b"content-encoding") == b"br"
    assert header(answer, b"content-type") == b"text/javascript; charset=utf-8"
    assert header(answer, b"vary") == b"Accept-Encoding"
    kept = b"public, max-age=300, stale-while-revalidate=86400"
    assert header(answer, b"cache-control") == kept
    assert header(ASSET.answer({}), b"content-encoding") is None


def test_each_encoding_has_a_strong_tag_of_its_own_content() -> None:
    tags = {header(ASSET.answer({b"accept-encoding": name.encode()}), b"etag") for name in PACKED}
    assert len(tags) == 3
    assert not any(tag is None or tag.startswith(b"W/") for tag in tags)
    other = Asset("text/javascript", {"identity": PLAIN + b" "})
    assert header(other.answer({}), b"etag") not in tags


@pytest.mark.parametrize("accepted", [b"", b"gzip", b"br"])
def test_what_the_caller_has_already_is_not_sent_again(accepted: bytes) -> None:
    tag = header(ASSET.answer({b"accept-encoding": accepted}), b"etag")
    assert tag is not None
    for known in (tag, b"W/" + tag, b'"other", ' + tag, b"*"):
        answer = ASSET.answer({b"accept-encoding": accepted, b"if-none-match": known})
        assert (answer.status, answer.body, header(answer, b"etag")) == (304, b"", tag)
    answer = ASSET.answer({b"accept-encoding": accepted, b"if-none-match": b'"other"'})
    assert answer.status == 200


def test_a_file_is_read_with_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "widget.js").write_bytes(PLAIN)
    assert set(read_asset(tmp_path, "widget.js", "text/javascript").encodings) == {"identity"}
    (tmp_path / "widget.js.gz").write_bytes(gzip.compress(PLAIN))
    asset = read_asset(tmp_path, "widget.js", "text/javascript")
    assert gzip.decompress(asset.encodings["gzip"]) == PLAIN
