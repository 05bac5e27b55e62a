"""Schemas of structs: what a client may leave out, what the server always writes, and one name each."""

import pytest
from msgspec import UNSET, Struct, UnsetType

from server.contract.json_schemas import Schemas, structs_in
from server.wire import chat_sessions, widgets


class Asked(Struct, frozen=True):
    """What is asked.

    With a second paragraph.
    """

    name: str
    colour: str = "red"


class Told(Struct, frozen=True):
    name: str
    colour: str = "red"
    note: str | UnsetType = UNSET
    more: dict[str, object] = {}  # a field of a struct


class Sparse(Struct, frozen=True, omit_defaults=True):
    name: str
    error: str = ""


class Framed(Struct, frozen=True, tag_field="type", tag="framed"):
    asked: tuple[Asked, ...] | None


def test_a_client_may_leave_out_what_has_a_default() -> None:
    _, required = Schemas([Asked]).fields(Asked)
    assert required == {"name"}


def test_the_server_always_writes_what_has_a_default() -> None:
    fields, required = Schemas([], [Told]).fields(Told)
    assert required == {"name", "colour", "more"}
    assert "default" not in fields["colour"]


def test_what_leaves_out_its_defaults_requires_only_the_rest() -> None:
    _, required = Schemas([], [Sparse]).fields(Sparse)
    assert required == {"name"}


def test_what_both_sides_write_is_as_a_client_may_write_it() -> None:
    _, required = Schemas([Asked], [list[Asked]]).fields(Asked)
    assert required == {"name"}


def test_a_tag_is_required_too() -> None:
    fields, required = Schemas([], [Framed]).fields(Framed)
    assert required == {"type", "asked"}
    assert fields["type"] == {"enum": ["framed"]}


def test_a_value_of_any_json_has_no_limits() -> None:
    fields, _ = Schemas([], [Told]).fields(Told)
    assert fields["more"]["additionalProperties"] == {}


def test_a_text_is_tidied_and_its_name_is_the_title() -> None:
    component = Schemas([Asked]).components["Asked"]
    assert component["description"] == "What is asked.\n\nWith a second paragraph."
    assert "title" not in component


def test_structs_of_one_name_are_told_apart_by_their_modules() -> None:
    schemas = Schemas([], [chat_sessions.SessionCreated, widgets.ConfigReply])
    assert {"ChatSessionsWidgetLook", "WidgetsWidgetLook"} <= set(schemas.components)
    fields, _ = schemas.fields(chat_sessions.SessionCreated)
    assert fields["widget_config"] == {"$ref": "#/components/schemas/ChatSessionsWidgetLook"}


def test_every_struct_inside_is_found_once() -> None:
    assert list(structs_in([list[Framed], Framed])) == [Framed, Asked]


def test_a_type_without_a_schema_is_refused() -> None:
    class Odd(Struct):
        value: complex

    with pytest.raises(TypeError):
        Schemas([Odd])
