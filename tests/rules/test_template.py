"""Texts with placeholders, and the values of replies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.checked import AttributePlan, Placeholder, Template, Value, ValueType
from rules.template import (
    SLUG_LEN_MAX,
    BraceProblem,
    PlaceholderText,
    parse_template,
    render,
    slug,
)

NAME = AttributePlan("visitor.name", ValueType("text"), optional=True, default=None)
TOTAL = AttributePlan("cart.total", ValueType("money"), optional=False, default=0)


def test_a_text_is_split_at_its_placeholders() -> None:
    assert parse_template("Hi {visitor.name | there}!") == (
        "Hi ",
        PlaceholderText("visitor.name", "there", 3, 25),
        "!",
    )


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("plain", ("plain",)),
        ("", ("",)),
        ("{{x}", ("{x}",)),
        ("a {{ b } c", ("a { b } c",)),
        ("{a}{b}", (PlaceholderText("a", None, 0, 3), PlaceholderText("b", None, 3, 6))),
        ("{a|}", (PlaceholderText("a", "", 0, 4),)),
    ],
)
def test_two_braces_are_one_brace_and_a_fallback_may_be_left_out(
    text: str, pieces: tuple[object, ...]
) -> None:
    assert parse_template(text) == pieces


@pytest.mark.parametrize("text", ["{", "{}", "{a b}", "{a | {b}}", "{1}", "{a.}", "x {name", "{é}"])
def test_braces_that_do_not_parse_are_a_problem(text: str) -> None:
    assert isinstance(parse_template(text), BraceProblem)


@settings(max_examples=100)
@given(st.text(alphabet="{}ab|. ", max_size=12))
def test_every_text_is_a_template_or_a_problem_within_it(text: str) -> None:
    parsed = parse_template(text)
    if isinstance(parsed, BraceProblem):
        assert 0 <= parsed.start < parsed.end <= len(text)
    else:
        plain = sum(len(piece) for piece in parsed if isinstance(piece, str))
        assert plain <= len(text)


def rendered(parts: tuple[str | Placeholder, ...], values: dict[str, Value]) -> str:
    return render(Template(parts, ""), values.get, "€")


def test_an_absent_value_shows_the_fallback_and_a_default_comes_first() -> None:
    assert rendered(("Hi ", Placeholder(NAME, "there")), {}) == "Hi there"
    assert rendered((Placeholder(NAME, None),), {}) == ""
    assert rendered((Placeholder(TOTAL, "much"),), {}) == "€0"


def test_a_value_is_cut_and_never_read_again() -> None:
    shown = rendered((Placeholder(NAME, None),), {"visitor.name": "{cart.total}" + "x" * 100})
    assert shown.startswith("{cart.total}")
    assert len(shown) == 80


def test_money_shows_the_sign_of_the_rule_set() -> None:
    assert rendered((Placeholder(TOTAL, None),), {"cart.total": 120_050}) == "€1,200.50"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Get a Quote", "get_a_quote"),
        ("  Où? Là-bas! ", "ou_la_bas"),
        ("日本", ""),
        ("Yes!", "yes"),
        ("x" * 60, "x" * SLUG_LEN_MAX),
        ("a" * 39 + " b", "a" * 39),
        ("½ price", "12_price"),
    ],
)
def test_a_reply_is_named_by_its_text(text: str, value: str) -> None:
    assert slug(text) == value
