"""URLs of Redis deployments: taken apart, or refused with a sentence that hides the password."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import StoreRefused
from engine.stores.redis.address import (
    ADDRESSES_MAX,
    Address,
    Place,
    is_redis_url,
    read_address,
    read_url,
)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://h", Place("nodes", (Address("h", 6379),))),
        ("redis://h:1/", Place("nodes", (Address("h", 1),))),
        ("redis://a:1,b:2/3", Place("nodes", (Address("a", 1), Address("b", 2)), database=3)),
        ("redis://[::1]:7", Place("nodes", (Address("::1", 7),))),
        ("redis+cluster://a,b:2", Place("cluster", (Address("a", 6379), Address("b", 2)))),
        ("rediss+cluster://a/0", Place("cluster", (Address("a", 6379),), tls=True)),
        (
            "rediss://u%40x:p%2F%3A%40s@h:1",
            Place("nodes", (Address("h", 1),), tls=True, user="u@x", password="p/:@s"),
        ),
        ("redis://:secret@h", Place("nodes", (Address("h", 6379),), password="secret")),
    ],
)
def test_a_url_is_taken_apart(url: str, place: Place) -> None:
    assert is_redis_url(url)
    assert read_url(url) == place


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://", "names no server"),
        ("redis://a,,b", "names no server"),
        ("redis://h:port", "names no server"),
        ("redis://h:0", "names no server"),
        ("redis://h:70000", "names no server"),
        ("redis://h?x=1", "names no server"),
        ("redis://h/one", "database's number"),
        ("redis+cluster://h/2", "no database but 0"),
        ("mysql://h", "scheme is unknown"),
        ("redis://" + ",".join(["h"] * (ADDRESSES_MAX + 1)), "more than"),
    ],
)
def test_another_text_is_refused_with_what_to_write(url: str, words: str) -> None:
    with pytest.raises(StoreRefused, match=words):
        read_url(url)


@given(st.text(max_size=20), st.text(max_size=40))
def test_a_refusal_names_no_password(before: str, after: str) -> None:
    said = ""
    try:
        read_url(f"redis://user:{before}canary@{after}")
    except StoreRefused as refusal:
        said = refusal.reason
    assert "canary" not in said


def test_a_password_may_hold_what_ends_other_parts() -> None:
    assert read_url("redis://u:a/b,c@h").password == "a/b,c"
    with pytest.raises(StoreRefused) as refused:
        read_url("redis://user:ca/nary@h:port")
    assert "ca" not in refused.value.reason


@pytest.mark.parametrize("text", ["h:1", "10.0.0.1:6379", "::1:6379", "[::1]:6379", ":7"])
def test_an_address_as_servers_write_it_is_read(text: str) -> None:
    address = read_address(text)
    assert str(address.port) == text.rpartition(":")[2]
    assert "[" not in address.host


def test_an_address_is_written_as_a_url_has_it() -> None:
    assert str(Address("h", 1)) == "h:1"
    assert str(Address("::1", 1)) == "[::1]:1"
