"""Instants of other tools' clients: texts and numbers, whatever else is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ingest.instants import instant_ms

AT_MS = 1_795_296_293_516


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-21T21:24:53.516Z",
        "2026-11-21T21:24:53.516000+00:00",
        "2026-11-21T22:24:53.516+01:00",
        "2026-11-21 21:24:53.516",
        " 2026-11-21T21:24:53.516Z ",
        "1795296293516.0",
        1_795_296_293_516,
        1_795_296_293.516,
    ],
)
def test_an_instant_is_text_or_a_number(value: object) -> None:
    assert instant_ms(value) == AT_MS


@pytest.mark.parametrize(
    "value",
    [None, True, [], "", "soon", "2026-13-01", "9" * 41, 0, -5, 10**30, float("nan"), float("inf")],
)
def test_everything_else_is_none(value: object) -> None:
    assert instant_ms(value) is None


@given(st.datetimes(timezones=st.timezones() | st.none()) | st.integers() | st.floats() | st.text())
def test_whatever_is_given_it_is_an_instant_or_none(value: object) -> None:
    text = value.isoformat() if hasattr(value, "isoformat") else value
    for given_value in (text, str(text)):
        assert isinstance(instant_ms(given_value), int | None)
