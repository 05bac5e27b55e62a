"""Messages of Segment's and RudderStack's clients in the language's words: each row of API.md 8.3 and 8.4."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from engine.events import Event
from engine.intake import widget_number
from server.ingest.arrivals import RUN_BYTES_MAX, RUN_LEN_MAX, Arrival
from server.ingest.client_clocks import ClientClocks
from server.ingest.segment import AGENT_CHARS_MAX, CONTEXT_CHARS_MAX, Reception, understand
from server.ingest.segment_words import NAME_CHARS_MAX, TRAITS_MAX
from server.wire.decoding import DEPTH_MAX
from server.wire.rejections import RejectedArrival
from server.wire.segment import EVENT_BYTES_MAX, ITEMS_MAX, REJECTED_LEN_MAX, Campaign, Context

NOW_MS = 1_800_000_000_000
NOW = "2027-01-15T08:00:00.000Z"
URL = "https://shop.example/tents"
PAGE = {"url": URL, "path": "/tents", "title": "Tents", "referrer": "https://news.example/"}
WHO = {"anonymousId": "a-1"}
TRACK = {**WHO, "type": "track", "event": "Plan Chosen"}


def read(
    *items: object, clocks: ClientClocks | None = None, **reception: object
) -> tuple[list[Arrival], list[RejectedArrival]]:
    raws = [Raw(item if isinstance(item, bytes) else msgspec.json.encode(item)) for item in items]
    known = {"workspace": "ws", "now_ms": NOW_MS, **reception}
    return understand(raws, Reception(**known), ClientClocks() if clocks is None else clocks)


def arrival(item: object, **reception: object) -> Arrival:
    arrivals, rejected = read(item, **reception)
    assert not rejected
    (found,) = arrivals
    return found


def event_of(item: object, **reception: object) -> Event:
    (event,) = arrival(item, **reception).events
    return event


def reason(item: object, **reception: object) -> str:
    arrivals, rejected = read(item, **reception)
    assert not arrivals
    return rejected[0].reason


def test_events_of_one_sender_come_as_one_arrival() -> None:
    by_name = {**TRACK, "userId": "u-1"}
    visit = {**TRACK, "context": {"sessionId": 7}}
    other = {**TRACK, "anonymousId": "b-1"}
    joined = {**WHO, "type": "alias", "userId": "u-1"}
    told, _ = read(TRACK, TRACK, by_name, visit, visit, other, TRACK, joined, joined)
    assert [(one.visitor, one.user, one.visit, one.former, len(one.events)) for one in told] == [
        ("a-1", "", "", "", 2),
        ("a-1", "u-1", "", "", 1),
        ("a-1", "", "7", "", 2),
        ("b-1", "", "", "", 1),
        ("a-1", "", "", "", 1),
        ("u-1", "u-1", "", "a-1", 1),
        ("u-1", "u-1", "", "a-1", 1),
    ]


def test_an_arrival_is_no_larger_than_a_commit() -> None:
    big = {**TRACK, "properties": {"a": "x" * (EVENT_BYTES_MAX - 200)}}
    told, _ = read(*[big] * 20)
    size_bytes = len(msgspec.json.encode(big))
    assert [one.size_bytes for one in told] == [len(one.events) * size_bytes for one in told]
    assert all(RUN_BYTES_MAX - size_bytes < one.size_bytes <= RUN_BYTES_MAX for one in told[:-1])


# ---- pages and screens


@pytest.mark.parametrize("kind", ["page", "screen"])
@pytest.mark.parametrize(
    "where",
    [
        {"context": {"page": PAGE}},
        {"properties": PAGE},
        {"properties": PAGE, "context": {"page": {"url": "https://other.example/"}}},
    ],
)
def test_a_page_or_screen_is_a_view(kind: str, where: dict[str, object]) -> None:
    event = event_of({**WHO, "type": kind, **where})
    assert (event.name, event.url, event.title) == ("view", URL, "Tents")
    assert event.referrer == "https://news.example/"
    assert event.origin == "segment"
    assert event.from_browser
    assert not {"url", "path", "title", "referrer", "search"} & event.properties.keys()


def test_a_page_s_name_and_category_are_its_properties_and_the_name_a_title_for_want_of_one() -> (
    None
):
    item = {**WHO, "type": "page", "name": "Tents", "category": "Shop", "properties": {"url": URL}}
    event = event_of(item)
    assert event.properties == {"name": "Tents", "category": "Shop"}
    assert event.title == "Tents"


def test_a_page_without_an_address_is_known_by_its_path_or_not_at_all() -> None:
    assert event_of({**WHO, "type": "page", "properties": {"path": "/tents"}}).url == "/tents"
    assert event_of({**WHO, "type": "screen", "name": "Home"}).url is None


def test_a_direct_visit_has_no_referrer() -> None:
    item = {**WHO, "type": "page", "properties": {"url": URL, "referrer": "$direct"}}
    assert event_of(item).referrer is None


def test_a_track_call_says_on_which_page_it_happened_whatever_its_own_url_is() -> None:
    item = {**TRACK, "properties": {"url": "https://cdn.example/x"}, "context": {"page": PAGE}}
    event = event_of(item)
    assert event.url == URL
    assert event.properties["url"] == "https://cdn.example/x"


# ---- names


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("Product Added", "add_to_cart"),
        ("productAdded", "add_to_cart"),
        ("Product Removed", "remove_from_cart"),
        ("Product Viewed", "product_view"),
        ("Checkout Started", "checkout_start"),
        ("Order Completed", "purchase"),
        ("Cart Viewed", "cart_viewed"),
        ("Page Viewed", "view"),
        ("Form Submitted", "form_submit"),
        ("Signed Up", "signed_up"),
        ("2nd Step", "e_2nd_step"),
        ("Quote Requested", "quote_requested"),
    ],
)
def test_a_track_call_s_name_is_the_language_s_and_the_original_is_kept(
    wire: str, name: str
) -> None:
    event = event_of({**TRACK, "event": wire})
    assert event.name == name
    assert event.properties["$name"] == wire


def test_a_name_that_is_the_language_s_already_is_not_kept_twice() -> None:
    event = event_of({**TRACK, "event": "plan_chosen", "properties": {"planName": "pro"}})
    assert (event.name, event.properties) == ("plan_chosen", {"plan_name": "pro"})


@pytest.mark.parametrize(
    "wire",
    [
        "Message Sent",
        "visitor_message",
        "Agent Message",
        "Message Displayed",
        "proactive_dismissed",
        "Message Read",
        "Quick Reply",
        "Voice Started",
        "Chat Opened",
        "Widget Displayed",
        "Session Start",
        "context",
        "Tab Closed",
        "Show",
        "hide",
    ],
)
@pytest.mark.parametrize(("channel", "origin"), [({}, "segment"), ({"channel": "web"}, "rudder")])
def test_what_only_we_can_say_is_the_site_s_own_event_in_another_s_mouth(
    wire: str, channel: dict[str, str], origin: str
) -> None:
    event = event_of({**TRACK, **channel, "event": wire})
    assert event.name == f"{origin}_" + wire.lower().replace(" ", "_")
    assert event.origin == origin


@pytest.mark.parametrize(
    ("wire", "properties", "name", "fields"),
    [
        ("visibility", {"visible": True}, "show", {}),
        ("visibility", {"visible": False}, "hide", {}),
        ("visibility", {"visible": 1}, "segment_visibility", {"visible": 1}),
        ("heartbeat", {"active_ms": 5}, "heartbeat", {"active_ms": 5}),
        ("heartbeat", {"bpm": 60}, "segment_heartbeat", {"bpm": 60}),
        ("page_leave", {"dwell_ms": 5}, "page_leave", {"dwell_ms": 5}),
        ("page_leave", {}, "segment_page_leave", {}),
        ("consent", {"state": "granted"}, "consent", {"state": "granted"}),
        ("consent", {"state": "maybe"}, "segment_consent", {"state": "maybe"}),
        ("scroll", {"percent": 40}, "scroll", {"depth": 40}),
    ],
)
def test_a_measuring_name_is_ours_with_its_measure_alone(
    wire: str, properties: dict[str, object], name: str, fields: dict[str, object]
) -> None:
    event = event_of({**TRACK, "event": wire, "properties": properties})
    told = {field: value for field, value in event.properties.items() if field != "$name"}
    assert (event.name, told) == (name, fields)


def test_set_carries_attributes_by_their_names_in_rules() -> None:
    properties = {"cart.total": 120, "weather.now": "rain", "nested": {"a": 1}, "gone": None}
    event = event_of({**TRACK, "event": "set", "properties": properties})
    assert (event.name, event.properties) == ("set", {})
    assert event.attributes == {"cart.total": 120, "weather.now": "rain", "gone": None}


def test_a_long_event_name_is_cut() -> None:
    event = event_of({**TRACK, "event": "x" * (NAME_CHARS_MAX + 1)})
    assert event.name == "x" * NAME_CHARS_MAX


def test_shop_events_carry_what_the_running_cart_needs() -> None:
    products = [{"product_id": "b", "price": 40, "quantity": 2}]
    event = event_of({**TRACK, "event": "Cart Viewed", "properties": {"products": products}})
    assert event.properties["cart_total"] == 80
    added = {"product_id": "b", "price": "40.00", "quantity": 2}
    event = event_of({**TRACK, "event": "Product Added", "properties": added})
    told = {name: event.properties[name] for name in ("id", "price", "quantity")}
    assert told == {"id": "b", "price": 40, "quantity": 2}


# ---- who it is


def test_identify_sets_traits_and_claims_a_user() -> None:
    traits = {
        "firstName": "Ada",
        "plan": "pro",
        "seats": 3,
        "address": {"city": "Bern"},
        "old": None,
    }
    found = arrival({**WHO, "userId": "u-1", "type": "identify", "traits": traits})
    assert (found.visitor, found.user, found.former) == ("a-1", "u-1", "")
    assert found.events[0].name == "identify"
    assert found.events[0].properties == {
        "first_name": "Ada",
        "plan": "pro",
        "seats": 3,
        "old": None,
    }


def test_rudderstack_identifies_in_the_context_alone() -> None:
    item = {
        **WHO,
        "type": "identify",
        "channel": "web",
        "context": {"traits": {"firstName": "Ada"}},
    }
    event = event_of(item)
    assert (event.origin, event.properties) == ("rudder", {"first_name": "Ada"})


def test_traits_of_a_context_are_attributes_of_the_visitor() -> None:
    event = event_of({**TRACK, "context": {"traits": {"Plan": "pro"}}})
    assert event.attributes == {"visitor.plan": "pro"}


def test_a_group_is_the_visitor_s_company() -> None:
    item = {**WHO, "type": "group", "groupId": "g-1", "traits": {"employeeCount": 12}}
    event = event_of(item)
    assert event.attributes == {"visitor.company": "g-1", "company.employee_count": 12}


def test_a_server_s_user_is_the_visitor_where_it_names_no_other() -> None:
    found = arrival({"type": "track", "event": "x", "userId": "u-1"})
    assert (found.visitor, found.user) == ("u-1", "u-1")


@pytest.mark.parametrize("empty", ["", None, "undefined", "null", "anonymous", [], {"a": 1}, True])
def test_an_id_that_names_nobody_is_absent(empty: object) -> None:
    item = {"type": "track", "event": "x", "anonymousId": "a-1", "userId": empty}
    assert (arrival(item).visitor, arrival(item).user) == ("a-1", "")
    assert reason({**item, "anonymousId": empty}) == "missing_identity"


def test_a_number_is_an_id_as_its_digits() -> None:
    found = arrival({"type": "track", "event": "x", "userId": 42, "messageId": 7})
    assert (found.visitor, found.user, found.events[0].id) == ("42", "42", "7")


def test_the_request_s_own_visitor_stands_in_for_items_without_one() -> None:
    assert arrival({"type": "track", "event": "x"}, anonymous="h-1").visitor == "h-1"
    assert arrival(TRACK, anonymous="h-1").visitor == "a-1"


@pytest.mark.parametrize(
    ("ids", "visitor", "former"),
    [
        ({"previousId": "a-1", "userId": "u-1"}, "u-1", "a-1"),
        ({"previousId": "old", "userId": "u-1", "anonymousId": "a-1"}, "u-1", "old"),
        ({"userId": "u-1", "anonymousId": "a-1"}, "u-1", "a-1"),
        ({"previousId": "u-1", "userId": "u-1"}, "u-1", ""),
        ({"previousId": 41, "userId": 42}, "42", "41"),
    ],
)
def test_an_alias_joins_two_ids(ids: dict[str, object], visitor: str, former: str) -> None:
    found = arrival({"type": "alias", **ids})
    assert (found.visitor, found.user, found.former) == (visitor, visitor, former)


@pytest.mark.parametrize(
    "ids", [{"userId": "u-1"}, {"anonymousId": "a-1"}, {"anonymousId": "a", "previousId": "b"}]
)
def test_an_alias_without_two_ids_is_rejected(ids: dict[str, object]) -> None:
    assert reason({"type": "alias", **ids}) == "required"


@pytest.mark.parametrize("odd", ["x" * 257, "a\nb"])
def test_a_person_s_id_that_cannot_be_kept_is_absent_and_a_message_s_is_its_digest(
    odd: str,
) -> None:
    assert reason({**TRACK, "anonymousId": odd}) == "missing_identity"
    ids = {event_of({**TRACK, "messageId": text}).id for text in (odd, odd, odd + "!")}
    assert len(ids) == 2
    assert all(len(found) == 32 for found in ids)


def test_no_id_of_another_s_client_is_taken_for_one_of_our_widget() -> None:
    event = event_of({**TRACK, "messageId": "order123-42"})
    assert event.id == "segment:order123-42"
    assert widget_number(event.id) == ("", 0)
    assert event_of({**TRACK, "messageId": "c2ee354a-aa02"}).id == "c2ee354a-aa02"
    assert event.tab == ""


# ---- what surrounds it


def test_what_a_context_says_of_a_browser_is_kept_where_it_fits() -> None:
    context = {
        "userAgent": "B" * (AGENT_CHARS_MAX + 1),
        "locale": "de-CH",
        "timezone": "Europe/Zurich",
        "sessionId": 1_795_296_285_114,
        "ip": "203.0.113.7",
    }
    found = arrival({**TRACK, "context": context})
    assert found.user_agent == "B" * AGENT_CHARS_MAX
    assert (found.locale, found.timezone, found.visit) == (
        "de-CH",
        "Europe/Zurich",
        "1795296285114",
    )
    odd = {"timezone": "GMT+0200", "locale": "x" * (CONTEXT_CHARS_MAX + 1), "userAgent": None}
    found = arrival({**TRACK, "context": odd}, user_agent="Header")
    assert (found.timezone, found.locale, found.user_agent) == ("", "", "Header")


def test_a_batch_s_context_lies_under_each_item_s_own() -> None:
    batch = Context(
        locale="de",
        timezone="Europe/Zurich",
        campaign=Campaign(name="spring"),
        traits={"plan": "nobody's"},
    )
    found = arrival({**TRACK, "context": {"locale": "fr"}}, context=batch)
    assert (found.locale, found.timezone) == ("fr", "Europe/Zurich")
    assert found.events[0].attributes["utm.campaign"] == "spring"
    assert "visitor.plan" not in found.events[0].attributes


def test_a_campaign_that_the_address_does_not_tell_is_told_whole() -> None:
    campaign = {"name": "spring", "source": "news", "medium": ""}
    told = event_of({**TRACK, "context": {"campaign": campaign, "page": PAGE}}).attributes
    assert told == {
        "utm.campaign": "spring",
        "utm.source": "news",
        "utm.medium": None,
        "utm.term": None,
        "utm.content": None,
    }
    page = {"url": URL + "?utm_source=news"}
    told = event_of({**TRACK, "context": {"campaign": campaign, "page": page}}).attributes
    assert told == {}
    assert event_of({**TRACK, "context": {"campaign": {"name": ""}}}).attributes == {}


def test_more_traits_than_are_set_are_dropped() -> None:
    traits = {f"t{number}": number for number in range(TRAITS_MAX + 1)}
    event = event_of({**WHO, "type": "identify", "traits": traits})
    assert len(event.properties) == TRAITS_MAX


# ---- when it was


@pytest.mark.parametrize(
    ("times", "at_ms"),
    [
        ({}, NOW_MS),
        ({"timestamp": "2027-01-15T07:59:50.000Z"}, NOW_MS - 10_000),
        ({"timestamp": "2027-01-15T08:59:50+01:00"}, NOW_MS - 10_000),
        ({"timestamp": "2027-01-15T07:59:50"}, NOW_MS - 10_000),
        ({"timestamp": NOW_MS - 10_000}, NOW_MS - 10_000),
        ({"timestamp": "yesterday"}, NOW_MS),
        ({"timestamp": "2027-01-15T08:00:10Z"}, NOW_MS),
        ({"timestamp": "2020-01-01T00:00:00Z"}, 1_577_836_800_000),
        (
            {"timestamp": "2000-01-01T00:00:00Z", "sentAt": "2000-01-01T00:00:07.500Z"},
            NOW_MS - 7_500,
        ),
        (
            {
                "originalTimestamp": "2000-01-01T00:00:05Z",
                "timestamp": "2000-01-01T00:00:00Z",
                "sentAt": "2000-01-01T00:00:07Z",
            },
            NOW_MS - 2_000,
        ),
    ],
)
def test_an_event_s_time_is_corrected_by_the_sending(times: dict[str, object], at_ms: int) -> None:
    assert event_of({**TRACK, **times}).at_ms == at_ms


def test_the_batch_s_time_of_sending_is_newer_than_an_item_s() -> None:
    times = {"timestamp": "2000-01-01T00:00:00Z", "sentAt": "2000-01-01T00:00:07Z"}
    sent_ms = 946_684_800_000 + 60_000
    assert event_of({**TRACK, **times}, sent_ms=sent_ms).at_ms == NOW_MS - 60_000


def test_events_of_one_instant_are_in_the_order_of_the_client_s_clock() -> None:
    clocks = ClientClocks()
    quick = {**TRACK, "timestamp": "2000-01-01T00:00:02Z", "sentAt": "2000-01-01T00:00:02Z"}
    slow = {**TRACK, "timestamp": "2000-01-01T00:00:01Z", "sentAt": "2000-01-01T00:00:01Z"}
    (second,), _ = read(quick, clocks=clocks)
    (first,), _ = read(slow, clocks=clocks, now_ms=NOW_MS + 3_000)
    assert first.events[0].at_ms == second.events[0].at_ms == NOW_MS
    assert first.events[0].sequence < second.events[0].sequence


def test_a_server_and_a_browser_that_speak_of_one_visitor_have_two_clocks() -> None:
    clocks = ClientClocks()
    items = [{**TRACK, "timestamp": "2027-01-15T07:59:50Z"}]
    read(*items, clocks=clocks, is_browser=True)
    read(*items, clocks=clocks)
    assert len(clocks) == 2


# ---- bad items


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"type": "track", "event": "x"}, "missing_identity"),
        ({**WHO, "type": "track"}, "required"),
        ({**WHO, "type": "track", "event": "  "}, "required"),
        ({**WHO, "type": "track", "event": 7}, "required"),
        ({**WHO, "event": "x"}, "required"),
        ({**WHO, "type": "delete"}, "unknown_type"),
        ([], "not_an_object"),
        (3, "not_an_object"),
        (None, "not_an_object"),
        ({**TRACK, "properties": {"a": "x" * EVENT_BYTES_MAX}}, "event_too_large"),
        (b'{"type":"track","a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "malformed_json"),
        (b'{"type":"track","properties":{"n":' + b"9" * 5_000 + b"}}", "malformed_json"),
    ],
)
def test_a_bad_item_is_rejected_alone(item: object, why: str) -> None:
    arrivals, rejected = read({**TRACK, "messageId": "m-0"}, item, {**TRACK, "messageId": "m-2"})
    assert [event.id for one in arrivals for event in one.events] == ["m-0", "m-2"]
    assert [(one.index, one.reason) for one in rejected] == [(1, why)]


def test_properties_are_nested_as_deep_as_any_body_and_no_deeper() -> None:
    def nested(levels: int) -> bytes:
        # The message and its properties are two levels more.
        return b'{"a":' * (levels - 2) + b"1" + b"}" * (levels - 2)

    def item(properties: bytes, name: bytes = b"properties") -> bytes:
        return b'{"anonymousId":"a","type":"track","event":"x","%s":{"a":%s}}' % (name, properties)

    assert event_of(item(nested(DEPTH_MAX))).properties["a"] == msgspec.json.decode(
        nested(DEPTH_MAX)
    )
    assert reason(item(nested(DEPTH_MAX + 1))) == "malformed_json"
    assert reason(item(nested(DEPTH_MAX + 1).replace(b"1", b"[]"))) == "malformed_json"
    # Nobody reads this: the event is taken.
    assert event_of(item(nested(DEPTH_MAX + 9), b"more")).name == "x"


def test_a_rejected_item_is_named_by_its_message_id() -> None:
    _, rejected = read({"type": "x", "messageId": "m-1"}, {"type": "x", "messageId": 5}, [])
    assert [one.message_id for one in rejected] == ["m-1", "5", None]


def test_an_event_over_its_limit_is_rejected() -> None:
    base = len(msgspec.json.encode({**TRACK, "properties": {"a": ""}}))
    filling = "x" * (EVENT_BYTES_MAX - base)
    assert event_of({**TRACK, "properties": {"a": filling}}).properties["a"] == filling
    assert reason({**TRACK, "properties": {"a": filling + "x"}}) == "event_too_large"


def test_items_beyond_the_longest_batch_are_rejected_and_the_others_taken() -> None:
    arrivals, rejected = read(*[TRACK] * (ITEMS_MAX + 2))
    assert sum(len(one.events) for one in arrivals) == ITEMS_MAX
    assert [len(one.events) for one in arrivals] == [
        RUN_LEN_MAX,
        RUN_LEN_MAX,
        ITEMS_MAX % RUN_LEN_MAX,
    ]
    assert [(one.index, one.reason) for one in rejected] == [
        (ITEMS_MAX, "batch_too_long"),
        (ITEMS_MAX + 1, "batch_too_long"),
    ]


def test_an_answer_lists_a_bounded_number_of_rejected_items() -> None:
    _, rejected = read(*[3] * (REJECTED_LEN_MAX + 1))
    assert [one.index for one in rejected] == list(range(REJECTED_LEN_MAX))
    _, rejected = read(3, *[TRACK] * (ITEMS_MAX - 1), *[3] * REJECTED_LEN_MAX)
    assert len(rejected) == REJECTED_LEN_MAX


def test_a_type_may_be_in_capitals() -> None:
    assert event_of({**WHO, "type": "Page"}).name == "view"


def test_a_merge_is_accepted_and_dropped() -> None:
    assert read({**WHO, "type": "merge", "mergeProperties": []}) == ([], [])


# ---- odd fields


@pytest.mark.parametrize(
    "odd",
    [
        {"properties": "none"},
        {"properties": None},
        {"context": "here"},
        {"context": {"page": "here", "locale": 3, "traits": []}},
        {"context": {"page": {"url": 5}, "campaign": 4}},
        {"messageId": {}},
        {"timestamp": {}},
        {"timestamp": -5},
        {"name": 3},
        {"channel": 3},
        {"integrations": 3},
    ],
)
def test_a_field_of_a_wrong_type_spoils_itself_alone(odd: dict[str, object]) -> None:
    assert event_of({**TRACK, **odd}).name == "plan_chosen"


def test_what_fits_of_an_odd_context_is_read() -> None:
    item = {
        **TRACK,
        "properties": [],
        "context": {"page": {"url": URL, "title": 3}, "locale": "de"},
    }
    found = arrival(item)
    assert (found.events[0].url, found.events[0].title, found.locale) == (URL, None, "de")


def test_numbers_that_no_store_keeps_exactly_become_text() -> None:
    properties = {"a": 10**30, "b": [10**30, 1], "c": {"d": -(10**30)}, "e": 2**63 - 1}
    event = event_of({**TRACK, "event": "plan_chosen", "properties": properties})
    assert event.properties == {
        "a": "1" + "0" * 30,
        "b": ["1" + "0" * 30, 1],
        "c": {"d": "-1" + "0" * 30},
        "e": 2**63 - 1,
    }
    traits = {"a": 10**30, "b": 1}
    assert event_of({**WHO, "type": "identify", "traits": traits}).properties == {"b": 1}


@pytest.mark.parametrize("cut", [rb"Boots \ud83d", rb"\ude00 Boots", b"Boots \xff"])
def test_text_that_was_cut_in_the_middle_of_a_character_is_read(cut: bytes) -> None:
    item = b'{"type":"track","event":"' + cut + b'","anonymousId":"a-1"}'
    assert event_of(item).name == "boots"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)
KEYS = st.sampled_from(
    [
        "type", "event", "anonymousId", "userId", "messageId", "properties", "traits", "context",
        "timestamp", "originalTimestamp", "sentAt", "previousId", "groupId", "name", "channel",
    ]
)  # fmt: skip
KINDS = st.sampled_from(["track", "page", "identify", "group", "alias", "screen", "merge"])


@given(st.dictionaries(KEYS, JSON), KINDS)
def test_whatever_an_item_holds_it_is_taken_or_rejected_and_can_be_kept(
    item: dict[str, object], kind: str
) -> None:
    arrivals, rejected = read({**item, "type": kind})
    assert len(arrivals) + len(rejected) <= 1
    for found in arrivals:
        assert found.events[0].at_ms <= NOW_MS
        assert 1 <= len(found.visitor) <= 256
        assert msgspec.msgpack.encode(found.events[0])


@given(st.binary(max_size=60))
def test_whatever_bytes_an_item_has_it_is_rejected(raw: bytes) -> None:
    arrivals, rejected = read(raw)
    assert not arrivals
    assert len(rejected) == 1
