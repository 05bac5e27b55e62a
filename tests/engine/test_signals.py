"""The engine's vocabulary and the names other systems use for it."""

import pytest

from engine.signals import SCHEMA, language_name, snake_name


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("Product Added", "add_to_cart"),
        ("productAdded", "add_to_cart"),
        ("product_added", "add_to_cart"),
        ("pageView", "view"),
        ("Order Completed", "purchase"),
        ("$pageview", "view"),
        ("active", "activity"),
        ("message_sent", "agent_message"),
        ("proactive-dismissed", "message_dismissed"),
        ("heartbeat", "heartbeat"),
        ("visibility", "visibility"),
        ("Signed Up", "signed_up"),
        ("view", "view"),
    ],
)
def test_a_wire_name_becomes_its_name_in_rules(wire: str, name: str) -> None:
    assert language_name(wire) == name


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("HTTPServerError", "http_server_error"),
        ("roiV2Used", "roi_v2_used"),
        ("  --Émile--  ", "mile"),
        ("2nd visit", "e_2nd_visit"),
        ("日本", "event"),
        ("", "event"),
        ("a..b__c", "a_b_c"),
    ],
)
def test_names_are_put_in_snake_case(wire: str, name: str) -> None:
    assert snake_name(wire) == name


def test_every_other_name_leads_to_a_built_in_event() -> None:
    assert set(SCHEMA.wire_names.values()) <= SCHEMA.events.keys()
    assert SCHEMA.wire_names.keys().isdisjoint(SCHEMA.events)


def test_names_in_the_vocabulary_are_their_own_wire_names() -> None:
    for name in SCHEMA.events:
        assert language_name(name) == name


def test_every_parameter_of_the_address_is_an_optional_text() -> None:
    plan = SCHEMA.attribute("page.query.utm_id")
    assert plan is not None
    assert plan.optional
    assert SCHEMA.attribute("page.quest") is None


def test_what_counts_as_activity() -> None:
    silent = {name for name, plan in SCHEMA.events.items() if not plan.is_activity}
    assert silent == {"hide", "idle", "widget_displayed", "message_displayed", "agent_message"}
