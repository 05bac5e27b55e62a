"""The check as a whole: what it returns, in which order, and that it never gives up."""

import random
import re
from pathlib import Path

import pytest

from engine.signals import SCHEMA
from rules import CheckOptions, Schema, check, check_texts
from rules.checked import AttributePlan, EventPlan, ValueType
from rules.parser import parse
from rules.rule_sets import check_parsed
from rules.span import Source
from tests.rules.checking import checked, codes, report, rule

CASES = Path(__file__).parents[1] / "cases" / "examples"
TEST = 'test "t" {{\n  {0}\n}}\n'
DECLARED = """\
attribute visitor.plan: one_of ["none", "trial"] default "none"
event roi { seats: number }
answer cost { asked "price"  say "It is $5." }
"""
VARIANTS = """\
rule v {
  on page "/plans"
  variant one 50% { say "Plans one?"  reply "Yes" -> quote  reply "No" -> dismiss }
  variant two 50% { say "Plans two?"  reply "Yes" -> quote  reply "No" -> dismiss }
}
"""


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('given clock "2026-03-02T14:00"', None),
        ('given clock "2026-03-02T14:00:30"', None),
        ('given clock "tomorrow"', "OP105"),
        ('given clock "2026-03-02"', "OP105"),
        ('given clock "2026-03-02T14:00Z"', "OP105"),
        ('given timezone "Asia/Tokyo"', None),
        ('given timezone "Asia/Tokio"', "OP130"),
        ('given visitor.plan = "trial"', None),
        ('given visitor.plan = "paid"', "OP122"),
        ("given visitor.visits = 3", None),
        ("given visitor.vists = 3", "OP110"),
        ("given time_on_page = 5s", "OP110"),
        ("given variant v = one", None),
        ("given variant v = three", "OP114"),
        ("given variant w = one", "OP114"),
        ("given holdout yes", None),
        ("given holdout maybe", "OP120"),
        ("given message from v 9d ago", None),
        ("given message from zebra 9d ago", "OP114"),
        ("given dismiss 47h ago", None),
        ('at 0s view "/x"', None),
        ('at 0 view "/x"', "OP101"),
        ("at 1d show", "OP103"),
        ("at 5s scroll 140%", "OP105"),
        ("at 5s event roi(seats = 3)", None),
        ("at 5s event rio(seats = 3)", "OP111"),
        ("at 5s event roi(seat = 3)", "OP113"),
        ('at 5s event roi(seats = "3")', "OP120"),
        ('at 5s set visitor.plan = "trial"', None),
        ("at 5s set visitor.plan = 5", "OP120"),
        ("at 5s late 5s event roi", None),
        ("at 5s late 5 event roi", "OP101"),
        ("at 5s late 5s event rio", "OP111"),
        ("at 5s duplicate", None),
        ("at 5s expect message from v variant two", None),
        ("at 5s expect message from v variant six", "OP114"),
        ("at 5s expect message from zebra", "OP114"),
        ("at 5s expect score >= 50", None),
        ("at 5s expect score >= 500", "OP105"),
        ("at 5s expect blocked v by first_after", None),
        ("at 5s expect blocked v by tiredness", "OP114"),
        ("at 5s expect blocked zebra by cap", "OP114"),
        ("at 5s expect expired zebra", "OP114"),
        ("at 5s expect answer cost", None),
        ("at 5s expect answer costs", "OP114"),
        ("at 5s show\n  at 4s hide", "OP140"),
        ("at 5s show\n  at 5s hide", None),
    ],
)
def test_a_line_of_a_test_is_right_or_has_one_code(line: str, code: str | None) -> None:
    assert codes(DECLARED + VARIANTS + TEST.format(line)) == ([] if code is None else [code])


def test_the_tests_of_a_set_are_kept_in_file_order() -> None:
    tests = checked(TEST.format("at 0s show") + 'test "u" {\n}\n').tests
    assert [test.name.value for test in tests] == ["t", "u"]


def test_a_name_of_a_rule_that_does_not_parse_can_be_expected() -> None:
    broken = 'rule r {\n  on pag "/x"\n}\n'
    assert "OP114" not in codes(broken + TEST.format("at 5s expect message from r"))


def test_diagnostics_come_by_file_and_place() -> None:
    result = report({"b.rules": "goal x = zebra\n", "a.rules": "\nset page = [1]\ngoal y = lion\n"})
    assert [(item.span.source, item.code) for item in result.diagnostics] == [
        ("a.rules", "OP020"),
        ("a.rules", "OP111"),
        ("b.rules", "OP111"),
    ]


def test_names_of_one_file_can_be_used_in_another() -> None:
    plans = checked({"a.rules": rule("when hot"), "b.rules": "define hot = score >= 50\n"})
    assert plans.rules[0].when.key == "score >= 50"


def test_a_line_has_one_message_and_hints_are_shown_only_when_wanted() -> None:
    text = rule("when cart.x >= 1 and cart.y >= 1 and time_on_page >= 4")
    assert codes(text) == ["OP101"]
    assert codes(rule(), hints=False) == []


def test_a_set_with_an_error_has_no_checked_form() -> None:
    assert report(rule("when zebra")).checked is None
    assert report("rule").checked is None
    assert report('set a = ["x]\n').checked is None


def test_matches_is_refused_with_the_reason_that_holds() -> None:
    text = rule('when page.url matches "a+"')
    for allow_regex, reason in ((False, "is off"), (True, "has no engine")):
        options = CheckOptions(allow_regex=allow_regex)
        (found,) = check_texts({"a.rules": text}, SCHEMA, options).diagnostics
        assert found.code == "OP127"
        assert reason in found.message


def test_a_set_with_thousands_of_unknown_names_is_still_checked_whole() -> None:
    text = "".join(f"define d{n} = zebra{n} >= 1\n" for n in range(3000))
    assert codes(text) == ["OP110"] * 3000


def test_checking_is_deterministic() -> None:
    text = (CASES / "saas_pricing.rules").read_text(encoding="utf-8")
    assert checked(text) == checked(text)


def test_the_vocabulary_is_what_the_host_offers() -> None:
    plan = AttributePlan("temperature", ValueType("number"), False, 0, True)
    schema = Schema({"temperature": plan}, {"door": EventPlan("door", (), True, True)}, {})
    text = rule("when temperature >= 20 and seen door")
    result = check_texts({"a.rules": text}, schema)
    assert result.diagnostics == ()
    assert result.checked is not None
    assert result.checked.score.terms != ()
    assert check_texts({"a.rules": rule("when seen click")}, schema).checked is None


def test_check_alone_needs_no_source() -> None:
    file, _ = parse(Source("x.rules", rule("when seen click")))
    result = check([file], SCHEMA)
    assert result.checked is not None
    assert check_parsed((), SCHEMA).checked is not None


_TOKENS = re.compile(r'"[^"\n]*"|[A-Za-z_][A-Za-z0-9_.]*|\d+[a-z%]*|\s+|\S')


@pytest.mark.parametrize("seed", range(4))
def test_no_text_makes_the_check_fail_and_each_finding_has_a_place(seed: int) -> None:
    """Texts made of the samples with tokens swapped, dropped and doubled."""
    chance = random.Random(seed)
    samples = [path.read_text(encoding="utf-8") for path in sorted(CASES.rglob("*.rules"))]
    words = [word for sample in samples for word in _TOKENS.findall(sample) if word.strip()]
    for _ in range(25):
        tokens = _TOKENS.findall(chance.choice(samples))
        for _ in range(chance.randint(1, 4)):
            tokens[chance.randrange(len(tokens))] = chance.choice([*chance.sample(words, 3), " "])
        text = "".join(tokens)
        result = check_texts({"x.rules": text}, SCHEMA, CheckOptions(hints=True))
        for found in result.diagnostics:
            assert 0 <= found.span.start <= found.span.end <= len(text) + 1
            assert found.message
        has_error = any(found.severity == "error" for found in result.diagnostics)
        assert (result.checked is None) == has_error
