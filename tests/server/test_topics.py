"""What a dashboard wants to hear: stars in topics, filters by site and session."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.feeds import FeedRecord
from server.sockets.topics import Wanted, fits
from server.wire.tenant import Filter


def record(kind: str, source: str = "site_1", session: str = "chat_1") -> FeedRecord:
    return FeedRecord(kind, 0, msgspec.Raw(b"{}"), source, session)


@pytest.mark.parametrize(
    ("topic", "kind", "is_so"),
    [
        ("message:new", "message:new", True),
        ("message:new", "message:newer", False),
        ("conversation:*", "conversation:qualified", True),
        ("conversation:*", "message:new", False),
        ("*:new", "decision:new", True),
        ("*", "stats:tick", True),
        ("*:*ew", "message:new", True),
        ("m*e*new", "message:new", True),
        ("a*a", "a", False),
        ("", "message:new", False),
    ],
)
def test_a_star_stands_for_any_text(topic: str, kind: str, is_so: bool) -> None:
    assert fits(topic, kind) is is_so


@given(topic=st.text("ab*", max_size=8), kind=st.text("ab", max_size=8))
def test_stars_mean_what_they_mean_elsewhere(topic: str, kind: str) -> None:
    pattern = ".*".join(re.escape(piece) for piece in topic.split("*"))
    assert fits(topic, kind) == bool(re.fullmatch(pattern, kind))


def test_without_topics_everything_is_wanted() -> None:
    assert Wanted().holds(record("message:new"))


def test_a_filter_narrows_to_a_session_or_a_site() -> None:
    by_session = Wanted(("*",), Filter(session_id="chat_1"))
    assert by_session.holds(record("message:new"))
    assert not by_session.holds(record("message:new", session="chat_2"))
    by_site = Wanted(("*",), Filter(source_id="site_1"))
    assert by_site.holds(record("message:new", session="chat_2"))
    assert not by_site.holds(record("message:new", source="site_2"))


def test_what_belongs_to_no_session_does_not_pass_a_filter_by_session() -> None:
    assert not Wanted(("*",), Filter(session_id="chat_1")).holds(
        record("appointment:new", session="")
    )


def test_what_belongs_to_the_whole_workspace_passes_filters_and_not_topics() -> None:
    published = record("rules:published", source="", session="")
    assert Wanted(("*",), Filter(session_id="chat_1")).holds(published)
    assert not Wanted(("message:*",)).holds(published)
