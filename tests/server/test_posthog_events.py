"""Events in PostHog's words: names, fields, people, times; a field of a wrong type spoils itself alone."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import Event
from server.ingest.arrivals import Arrival
from server.ingest.posthog import (
    AGENT_CHARS_MAX,
    CONTEXT_CHARS_MAX,
    EVENT_BYTES_MAX,
    NAME_CHARS_MAX,
    OFFSET_MS_MAX,
    Reception,
    Understood,
    understand,
)
from server.ingest.posthog_clicks import (
    CHAIN_CHARS_MAX,
    ELEMENTS_MAX,
    HREF_CHARS_MAX,
    TEXT_CHARS_MAX,
)
from server.ingest.posthog_people import GROUPS_MAX, TRAIT_NAME_CHARS_MAX, TRAITS_MAX
from server.ingest.posthog_words import DWELL_S_MAX

NOW_MS = 1_705_312_800_000
PLACED: list[tuple[str, int | None, int | None]] = []


def place(device: str, client_ms: int | None, sent_ms: int | None) -> int:
    PLACED.append((device, client_ms, sent_ms))
    return NOW_MS - 5


HERE = Reception(place, NOW_MS)


def understood(*items: object, reception: Reception = HERE) -> Understood:
    return understand([msgspec.json.encode(item) for item in items], reception)


def arrival(name: object = "seen", item: dict | None = None, **properties: object) -> Arrival:
    """Understand one event; properties of the client are given as `_name` for `$name`."""
    own = {f"${key[1:]}" if key[0] == "_" else key: value for key, value in properties.items()}
    whole = {"event": name, "distinct_id": "v1", "properties": own, **(item or {})}
    (one,) = understood(whole).arrivals
    return one


def event(name: object = "seen", item: dict | None = None, **properties: object) -> Event:
    (one,) = arrival(name, item, **properties).events
    return one


def refusals(*items: object) -> list[tuple[int, str | None, str]]:
    return [(one.index, one.message_id, one.reason) for one in understood(*items).rejected]


# ---- names and fields


@pytest.mark.parametrize(
    ("name", "given_fields", "known", "fields"),
    [
        (
            "$pageview",
            {"_current_url": "https://a.example/", "plan": "pro"},
            "view",
            {"plan": "pro"},
        ),
        ("$screen", {"_screen_name": "Cart"}, "view", {}),
        ("$pageleave", {"_prev_pageview_duration": 12.3456}, "page_leave", {"dwell_ms": 12_346}),
        (
            "$pageleave",
            {"_prev_pageview_max_scroll_percentage": 0.4567},
            "page_leave",
            {"scroll_percent": 45.7},
        ),
        ("$pageleave", {}, "page_leave", {}),
        ("$pageleave", {"_prev_pageview_duration": True}, "page_leave", {}),
        ("$pageleave", {"_prev_pageview_duration": DWELL_S_MAX + 1}, "page_leave", {}),
        ("$pageleave", {"_prev_pageview_duration": -1}, "page_leave", {}),
        ("$pageleave", {"_prev_pageview_max_scroll_percentage": 7}, "page_leave", {}),
        ("$pageleave", {"_prev_pageview_duration": 10**300}, "page_leave", {}),
        ("$identify", {"plan": "pro"}, "identify", {}),
        ("$set", {}, "set", {}),
        ("$groupidentify", {}, "group", {}),
        ("$rageclick", {}, "posthog_rageclick", {}),
        ("$exception", {"_exception_list": [{"value": "secret"}]}, "posthog_exception", {}),
        ("$survey sent", {"score": 3}, "posthog_survey_sent", {"score": 3}),
        ("visitor_message", {"text": "Hi"}, "posthog_visitor_message", {"text": "Hi"}),
        ("size_guide_opened", {"Size Chart": "EU"}, "size_guide_opened", {"size_chart": "EU"}),
    ],
)
def test_names_and_fields_become_the_language_s(
    name: str, given_fields: dict, known: str, fields: dict
) -> None:
    made = event(name, **given_fields)
    own = {key: value for key, value in made.properties.items() if key != "$name"}
    assert (made.name, own, made.origin) == (known, fields, "posthog")


def test_a_name_that_rules_know_by_another_is_kept_beside_it() -> None:
    assert event("Product Added", price=5).properties == {"price": 5, "$name": "Product Added"}
    assert event("Product Added").name == "add_to_cart"
    assert "$name" not in event("size_guide_opened").properties


def test_shop_events_have_the_fields_of_rules() -> None:
    made = event("Order Completed", revenue="259.80", products=[{"price": 1}, {"price": 2}])
    assert (made.name, made.properties["total"], made.properties["items"]) == ("purchase", 259.8, 2)


def test_a_view_says_where_the_visitor_is() -> None:
    made = event(
        "$pageview",
        _current_url="https://a.example/x",
        title="X",
        _referrer="https://b.example/",
    )
    assert (made.url, made.title, made.referrer) == (
        "https://a.example/x",
        "X",
        "https://b.example/",
    )
    assert event("$pageview", _referrer="$direct").referrer is None
    assert event("$screen", _screen_name="Cart").title == "Cart"
    assert event("seen", title="A tent").title is None


@pytest.mark.parametrize(
    "name", ["$snapshot", "$web_vitals", "$$heatmap", "$feature_flag_called", "$ai_generation"]
)
def test_what_a_client_says_of_itself_is_dropped(name: str) -> None:
    told = understood({"event": name, "distinct_id": "v1"})
    assert (told.dropped, told.arrivals, told.rejected) == (1, [], [])


def test_fields_of_the_client_and_absent_ones_are_no_fields() -> None:
    made = event("seen", token="wk_dev", distinct_id="v1", gclid=None, _lib="web", color="red")
    assert made.properties == {"color": "red"}


def test_a_number_that_no_store_keeps_spoils_its_field_alone() -> None:
    assert event("seen", a=2**70, b=[{"c": -(2**70)}], d=1, e=[1]).properties == {"d": 1, "e": [1]}


def test_a_view_tells_the_campaign_where_its_address_does_not() -> None:
    told = event("$pageview", utm_source="news", utm_medium=None, utm_campaign="spring")
    assert {name: value for name, value in told.attributes.items() if value is not None} == {
        "utm.source": "news",
        "utm.campaign": "spring",
    }
    assert len(told.attributes) == 5
    address = "https://a.example/?utm_source=ad"
    assert event("$pageview", _current_url=address, utm_source="news").attributes == {}
    assert event("seen", utm_source="news").attributes == {}
    assert event("$pageview").attributes == {}


# ---- clicks


@pytest.mark.parametrize(
    ("properties", "fields"),
    [
        ({"_elements": [{"tag_name": "button", "attr__id": "buy", "$el_text": "Buy"}]},
         {"target": "buy", "text": "Buy"}),
        ({"_elements": [{"attr__name": "q"}], "_el_text": "Go"}, {"target": "q", "text": "Go"}),
        ({"_elements": [{"attr__href": "/x"}, {"attr__data-opportune": "menu"}]},
         {"target": "menu", "href": "/x"}),
        ({"_elements_chain": 'a.b:attr__href="/x"attr__id="go"nth-child="1"text="A \\"b\\"";'
          'div:attr__id="no"'}, {"target": "go", "href": "/x", "text": 'A "b"'}),
        ({"_elements_chain": 'span:nth-child="1";a:attr__id="no"'}, {}),
        ({"_elements": "x"}, {}),
        ({"_elements": [7, {"attr__id": 7}]}, {}),
        ({"_elements": [{}] * ELEMENTS_MAX + [{"attr__data-opportune": "far"}]}, {}),
        ({"_elements_chain": "a" * CHAIN_CHARS_MAX + ':attr__id="far"'}, {}),
        ({}, {}),
    ],
)  # fmt: skip
def test_a_noticed_click_names_its_target(properties: dict, fields: dict) -> None:
    made = event("$autocapture", _event_type="click", **properties)
    assert (made.name, made.properties) == ("click", fields)


def test_long_texts_of_elements_are_cut() -> None:
    element = {"attr__id": "i" * 999, "$el_text": "t" * 999, "attr__href": "h" * 9_999}
    made = event("$autocapture", _event_type="click", _elements=[element])
    lengths = {name: len(str(value)) for name, value in made.properties.items()}
    assert lengths == {"target": TEXT_CHARS_MAX, "text": TEXT_CHARS_MAX, "href": HREF_CHARS_MAX}


def test_noticed_forms_and_inputs_are_events_too() -> None:
    sent = event("$autocapture", _event_type="submit", _elements=[{"attr__id": "newsletter"}])
    assert (sent.name, sent.properties) == ("form_submit", {"form": "newsletter"})
    assert event("$autocapture", _event_type="change").name == "activity"
    assert event("$autocapture", _event_type="hover").name == "posthog_autocapture"


# ---- people


def test_identify_names_who_the_visitor_was_until_now() -> None:
    told = arrival("$identify", _anon_distinct_id="anon")
    assert (told.visitor, told.former, told.user) == ("v1", "anon", "v1")
    again = arrival("$identify", _anon_distinct_id="v1")
    assert again.former == ""


def test_an_alias_is_who_the_visitor_is_from_now_on() -> None:
    told = arrival("$create_alias", alias="user-1")
    assert (told.visitor, told.former, told.events[0].name) == ("user-1", "v1", "alias")
    assert arrival("$create_alias").former == ""


@pytest.mark.parametrize("nobody", ["null", "undefined", "NaN", "anonymous", "[object Object]"])
def test_an_id_that_stands_for_nobody_is_joined_with_none(nobody: str) -> None:
    one = arrival("$identify", {"distinct_id": nobody}, _anon_distinct_id="anon")
    assert (one.visitor, one.former, one.user) == (nobody, "", "")
    assert arrival("$identify", _anon_distinct_id=nobody).former == ""
    assert arrival("$create_alias", alias=nobody).former == ""


def test_an_identified_visitor_s_events_claim_the_user() -> None:
    assert arrival("seen", _user_id="u1").user == "u1"
    assert arrival("seen").user == ""


def test_whole_numbers_are_ids_as_their_digits() -> None:
    one = arrival("seen", {"distinct_id": 42, "uuid": 7}, _session_id=9)
    assert (one.visitor, one.visit, one.events[0].id) == ("42", "9", "7")
    (inside,) = understood({"event": "seen", "properties": {"distinct_id": "v2"}}).arrivals
    assert inside.visitor == "v2"


def test_what_is_set_becomes_attributes() -> None:
    top = {"$set": {"planName": "pro", "age": 7, "vip": True, "gone": None}}
    made = event("seen", top, _set={"planName": "free", "deep": {"a": 1}, "$browser": "X"})
    assert made.attributes == {
        "visitor.plan_name": "pro",
        "visitor.age": 7,
        "visitor.vip": True,
        "visitor.gone": None,
    }
    assert event("seen", {"$unset": ["plan", 7]}).attributes == {"visitor.plan": None}


def test_what_is_set_once_waits_until_it_is_known_what_is_known() -> None:
    item = {"event": "$set_once", "distinct_id": "v1", "$set_once": {"first": "a", "$initial": 1}}
    told = understood({"event": "seen", "distinct_id": "v1"}, item)
    assert told.first_traits == {1: {"visitor.first": "a"}}
    assert told.arrivals[1].events[0].attributes == {}


def test_a_group_is_an_attribute_of_the_visitor_and_its_properties_are_its_own() -> None:
    made = event("$groupidentify", _group_type="company", _group_key=7, _group_set={"Plan": "pro"})
    assert made.attributes == {"visitor.company": "7", "company.plan": "pro"}
    assert event("seen", _groups={"company": "acme"}).attributes == {"visitor.company": "acme"}
    assert event("$groupidentify", _group_type="company").attributes == {}


def test_what_is_said_of_a_group_alone_is_no_visitor_s() -> None:
    item = {"event": "$groupidentify", "distinct_id": "$company_acme"}
    properties = {"$group_type": "company", "$group_key": "acme"}
    assert understood({**item, "properties": properties}).dropped == 1


def test_attributes_are_bounded_in_number_and_length() -> None:
    many = {f"t{number}": number for number in range(TRAITS_MAX + 1)}
    assert len(event("seen", _set=many).attributes) == TRAITS_MAX
    long = {"a" * (TRAIT_NAME_CHARS_MAX + 1): 1, "text": "x" * 501, "big": 2**70}
    assert event("seen", _set=long).attributes == {"visitor.text": "x" * 500}
    groups = {f"g{number}": "k" for number in range(GROUPS_MAX + 1)}
    assert len(event("seen", _groups=groups).attributes) == GROUPS_MAX


# ---- ids, surroundings, times


def test_an_event_is_known_by_its_uuid_else_by_its_insert_id() -> None:
    assert event("seen", {"uuid": "u-1"}, _insert_id="i-1").id == "u-1"
    assert event("seen", {"uuid": None}, _insert_id="i-1").id == "i-1"
    assert event("seen", {"uuid": ["x"]}).id == ""


def test_surroundings_come_from_the_event() -> None:
    told = arrival(
        "seen", _raw_user_agent="Mozilla", _timezone="Europe/Berlin", _browser_language="de"
    )
    assert (told.user_agent, told.timezone, told.locale) == ("Mozilla", "Europe/Berlin", "de")
    assert len(arrival("seen", _raw_user_agent="x" * 900).user_agent) == AGENT_CHARS_MAX
    odd = arrival("seen", _timezone="x" * (CONTEXT_CHARS_MAX + 1), _locale="fr")
    assert (odd.timezone, odd.locale) == ("", "fr")


@pytest.mark.parametrize(
    ("item", "properties", "client_ms", "sent_ms"),
    [
        ({"timestamp": "2024-01-15T10:00:00Z"}, {}, NOW_MS, NOW_MS - 9),
        ({"timestamp": "2024-01-15T10:00:00"}, {}, NOW_MS, NOW_MS - 9),
        ({"timestamp": NOW_MS, "sent_at": NOW_MS + 7}, {}, NOW_MS, NOW_MS + 7),
        ({"timestamp": NOW_MS / 1_000}, {}, NOW_MS, NOW_MS - 9),
        ({"timestamp": "2024-01-15T10:00:00Z"}, {"$ignore_sent_at": True}, NOW_MS, None),
        ({"offset": 1_000}, {}, NOW_MS - 1_009, NOW_MS - 9),
        ({"offset": OFFSET_MS_MAX + 1}, {}, None, NOW_MS - 9),
        ({"timestamp": "soon", "offset": "x"}, {}, None, NOW_MS - 9),
        ({"timestamp": {}}, {}, None, NOW_MS - 9),
        ({}, {}, None, NOW_MS - 9),
    ],
)
def test_times_are_the_client_s_until_they_are_placed(
    item: dict, properties: dict, client_ms: int | None, sent_ms: int | None
) -> None:
    reception = Reception(place, NOW_MS, NOW_MS - 9)
    whole = {"event": "seen", "distinct_id": "v1", "properties": properties, **item}
    (one,) = understood(whole, reception=reception).arrivals
    assert PLACED[-1][1:] == (client_ms, sent_ms)
    assert one.events[0].at_ms == NOW_MS - 5


def test_a_browser_and_a_server_that_speak_of_one_visitor_are_two_clocks() -> None:
    arrival("seen", _device_id="d1", _lib="web")
    arrival("$identify", {"distinct_id": "u1"}, _device_id="d1", _lib="web")
    arrival("seen", _lib="posthog-python")
    browser, identified, server = (device for device, _, _ in PLACED[-3:])
    assert browser == identified != server


# ---- what cannot be taken


def test_a_bad_event_harms_no_other() -> None:
    good = {"event": "seen", "distinct_id": "v1"}
    bad = [
        {"event": "seen", "uuid": "u-1"},
        {"event": "seen", "distinct_id": ""},
        {"event": "seen", "distinct_id": {}},
        {"distinct_id": "v1"},
        {"event": 7, "distinct_id": "v1"},
        {"event": "seen", "distinct_id": "a\nb"},
        {"event": "seen", "distinct_id": "x" * 257},
        7,
        {**good, "properties": {"a": "x" * EVENT_BYTES_MAX}},
    ]
    told = understood(good, *bad, good)
    assert len(told.arrivals) == 2
    assert [one.index for one in told.rejected] == list(range(1, 10))
    assert refusals(*bad) == [
        (0, "u-1", "missing_identity"),
        (1, None, "missing_identity"),
        (2, None, "missing_identity"),
        (3, None, "required"),
        (4, None, "required"),
        (5, None, "invalid_id"),
        (6, None, "invalid_id"),
        (7, None, "not_an_object"),
        (8, None, "event_too_large"),
    ]


def test_a_long_event_name_is_cut() -> None:
    assert event("x" * (NAME_CHARS_MAX + 1)).name == "x" * NAME_CHARS_MAX


def test_an_event_is_measured_by_what_is_kept_of_it() -> None:
    made = event("$exception", _exception_list=["x" * 2 * EVENT_BYTES_MAX])
    assert made.properties == {}


def test_json_deeper_than_allowed_spoils_its_event_alone() -> None:
    deep = b'{"event":"seen","distinct_id":"v1","properties":{"a":' + b"[" * 40 + b"]" * 40 + b"}}"
    told = understand([deep, b'{"event":"seen","distinct_id":"v1"}'], HERE)
    assert [one.reason for one in told.rejected] == ["malformed_json"]
    assert len(told.arrivals) == 1


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["$pageview", "$pageleave", "$identify", "$create_alias", "$set", "$set_once", "$autocapture",
     "$groupidentify", "$screen", "Product Added", "Order Completed", "consent", "visibility"]
)  # fmt: skip
FIELDS = st.sampled_from(
    ["$set", "$set_once", "$unset", "$groups", "$group_type", "$group_key", "$elements", "alias",
     "$elements_chain", "$event_type", "$anon_distinct_id", "$session_id", "products",
     "$prev_pageview_duration", "$prev_pageview_max_scroll_percentage", "$timezone", "price", "state",
     "$current_url", "$insert_id", "$device_id", "visible", "title"]
)  # fmt: skip


@given(
    NAMES | ANY_JSON,
    st.dictionaries(FIELDS, ANY_JSON),
    st.dictionaries(
        st.sampled_from(
            ["distinct_id", "uuid", "timestamp", "offset", "sent_at", "$set", "$unset"]
        ),
        ANY_JSON,
    ),
)
def test_whatever_an_event_holds_it_is_taken_or_refused(
    name: object, properties: dict, fields: dict
) -> None:
    item = {"event": name, "distinct_id": "v1", "properties": properties, **fields}
    told = understood(item)
    assert len(told.arrivals) + len(told.rejected) + told.dropped == 1
    for one in told.arrivals:
        # What the engine keeps is written like this.
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Arrival) == one
