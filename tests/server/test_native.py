"""Our own dialect: wire items to events in the language's words."""

from datetime import UTC, datetime

import msgspec
import pytest

from server.errors import ApiError
from server.ingest.native import Moment, event_of, events_of, moment_of, tab_and_sequence
from server.wire.widgets import PageBody, TrackBody, TrackItem

NOW_MS = 1_705_312_800_000
NOW = Moment(NOW_MS)


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


@pytest.mark.parametrize(
    ("event", "metadata", "name", "properties"),
    [
        ("page_view", None, "view", {}),
        ("Product Added", {"productId": 7}, "add_to_cart", {"product_id": 7}),
        ("visibility", {"visible": True}, "show", {}),
        ("visibility", {"visible": False}, "hide", {}),
        ("scroll", {"percent": 40}, "scroll", {"depth": 40}),
        ("scroll", {"depth": 50, "percent": 40}, "scroll", {"depth": 50}),
        ("active", None, "activity", {}),
        (
            "heartbeat",
            {"activeMs": 5, "visible": True},
            "heartbeat",
            {"active_ms": 5, "visible": True},
        ),
        ("order_completed", {"revenue": 5}, "purchase", {"revenue": 5, "total": 5}),
        ("purchase", {"total": 9, "value": 5}, "purchase", {"total": 9, "value": 5}),
        ("purchase", {"products": [1, 2]}, "purchase", {"items": 2}),
        ("bookingStarted", {"Kind Of": "a"}, "booking_started", {"kind_of": "a"}),
        ("consent", {"state": "granted"}, "consent", {"state": "granted"}),
        ("visitor_message", {"text": "Hi", "conversation": "c"}, "visitor_message", {"text": "Hi"}),
        ("reply_clicked", {"value": "v", "Conversation": "c"}, "reply_clicked", {"value": "v"}),
    ],
)
def test_names_and_fields_become_the_language_s(
    event: str, metadata: dict | None, name: str, properties: dict
) -> None:
    made = event_of(TrackItem(event, metadata=metadata), None, NOW)
    assert (made.name, made.properties) == (name, properties)
    assert made.at_ms == NOW_MS


def test_the_page_comes_from_the_item_or_from_the_batch() -> None:
    batch_page = PageBody("https://a.example/", "A")
    own = event_of(TrackItem("click", page=PageBody("https://b.example/")), batch_page, NOW)
    other = event_of(TrackItem("click"), batch_page, NOW)
    assert (own.url, own.title) == ("https://b.example/", None)
    assert (other.url, other.title) == ("https://a.example/", "A")


@pytest.mark.parametrize(
    ("message_id", "expected"),
    [
        ("abcdefgh-12", ("abcdefgh", 12)),
        ("abcdefgh-", ("", 0)),
        ("abcdefg-12", ("", 0)),
        ("abcdefgh-1x", ("", 0)),
        ("abcdefgh-123456789", ("", 0)),
        ("", ("", 0)),
        ("0123456789", ("", 0)),
    ],
)
def test_a_widget_s_id_gives_tab_and_order(message_id: str, expected: tuple[str, int]) -> None:
    assert tab_and_sequence(message_id) == expected


def test_the_sender_s_clock_is_corrected_by_when_it_sent() -> None:
    sent_ms = NOW_MS + 3_600_000
    body = TrackBody("s", "click", timestamp=at(sent_ms - 5_000), sent_at=at(sent_ms))
    (event,), _ = events_of(body, 0, moment_of(body, NOW_MS))
    assert event.at_ms == NOW_MS - 5_000


def test_a_future_event_happened_now() -> None:
    made = event_of(TrackItem("click", timestamp=at(NOW_MS + 9_000)), None, NOW)
    assert made.at_ms == NOW_MS


def test_visibility_must_say_which() -> None:
    with pytest.raises(ApiError) as error:
        event_of(TrackItem("visibility"), None, NOW)
    assert error.value.field == "metadata.visible"


def test_long_addresses_and_titles_are_cut() -> None:
    page = PageBody("https://a.example/" + "x" * 5_000, "t" * 5_000)
    made = event_of(TrackItem("view", page=page), None, NOW)
    assert made.url is not None
    assert made.title is not None
    assert (len(made.url), len(made.title)) == (2_048, 300)


def test_large_metadata_is_refused_alone() -> None:
    big = msgspec.Raw(msgspec.json.encode({"event": "a", "metadata": {"x": "y" * 17_000}}))
    small = msgspec.Raw(b'{"event":"a"}')
    events, rejected = events_of(TrackBody("s", batch=[small, big, small]), 0, NOW)
    assert len(events) == 2
    assert [(item.index, item.field, item.reason) for item in rejected] == [
        (1, "metadata", "too_long")
    ]
