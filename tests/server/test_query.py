"""Query strings as typed values, and the refusal of everything else by the parameter's name."""

from contextlib import suppress
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from server.errors import ApiError
from server.wire.paging import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, PageQuery
from server.wire.query import PARAMETERS_MAX, read_query


class Listing(PageQuery, frozen=True, kw_only=True):
    status: Literal["active", "closed"] | None = None
    hints: bool = False
    version: int | None = None


class Demanding(Struct, frozen=True):
    workspace: str


def refusal(text: str, kind: type[Struct] = Listing) -> tuple[str, str | None]:
    with pytest.raises(ApiError) as refused:
        read_query(kind, text)
    assert refused.value.status == 400
    return refused.value.reason, refused.value.field


def test_without_parameters_the_defaults_hold() -> None:
    value, unknown = read_query(Listing, "")
    assert value == Listing(limit=PAGE_ROWS_DEFAULT)
    assert unknown == []


def test_parameters_become_values_of_their_types() -> None:
    value, _ = read_query(Listing, "limit=7&status=closed&hints=true&version=3&cursor=a%20b")
    assert value == Listing(limit=7, status="closed", hints=True, version=3, cursor="a b")


def test_a_parameter_without_a_value_is_absent() -> None:
    assert read_query(Listing, "status=&limit=&cursor=")[0] == Listing()


def test_unknown_parameters_are_named_and_ignored() -> None:
    value, unknown = read_query(Listing, "limit=5&page=2&Status=closed")
    assert value == Listing(limit=5)
    assert unknown == ["page", "Status"]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "abc", "1.5", "9" * 40, "%00", "1e9"])
def test_a_limit_that_is_not_1_to_100_is_out_of_range(limit: str) -> None:
    assert refusal(f"limit={limit}") == ("out_of_range", "limit")


@pytest.mark.parametrize("limit", [1, PAGE_ROWS_MAX])
def test_the_ends_of_the_range_are_inside(limit: int) -> None:
    assert read_query(Listing, f"limit={limit}")[0].limit == limit


@pytest.mark.parametrize(
    ("text", "field"),
    [("status=open", "status"), ("hints=perhaps", "hints"), ("version=x", "version")],
)
def test_a_value_that_does_not_fit_names_its_parameter(text: str, field: str) -> None:
    assert refusal(text) == ("invalid_value", field)


def test_a_parameter_given_twice_is_refused() -> None:
    assert refusal("status=active&status=closed") == ("invalid_value", "status")


def test_a_missing_parameter_is_required() -> None:
    assert refusal("", Demanding) == ("required", "workspace")


def test_a_query_has_a_bounded_number_of_parameters() -> None:
    read_query(Listing, "&".join(f"p{n}=1" for n in range(PARAMETERS_MAX)))
    text = "&".join(f"p{n}=1" for n in range(PARAMETERS_MAX + 1))
    assert refusal(text) == ("too_many", None)


def test_a_query_is_utf_8() -> None:
    assert refusal("cursor=%ff") == ("invalid_value", None)


@given(st.text(max_size=40))
def test_no_query_makes_anything_but_a_value_or_a_refusal(text: str) -> None:
    with suppress(ApiError):
        assert isinstance(read_query(Listing, text)[0], Listing)
