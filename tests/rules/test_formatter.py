"""The formatter: one layout, the meaning and every comment kept."""

from pathlib import Path

import pytest

from rules.formatter import FormatRefused, format_text
from rules.span import Source
from tests.golden.golden import assert_golden

TESTS = Path(__file__).parent.parent
PAIRS = sorted((TESTS / "golden" / "fmt").glob("*.in.rules"))
CANONICAL = sorted((TESTS / "cases" / "examples").glob("*.rules"))


def formatted(text: str) -> str:
    return format_text(Source("x", text))


@pytest.mark.parametrize("path", PAIRS, ids=[path.name for path in PAIRS])
def test_a_file_is_laid_out_as_reviewed_and_stays_so(path: Path) -> None:
    text = formatted(path.read_bytes().decode())
    assert_golden(path.with_name(path.name.replace(".in.", ".out.")), text)
    assert formatted(text) == text


def test_there_are_pairs_to_compare() -> None:
    assert len(PAIRS) >= 5


@pytest.mark.parametrize("path", CANONICAL, ids=[path.name for path in CANONICAL])
def test_the_example_files_are_canonical(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text) == text


def test_a_text_that_does_not_parse_is_refused_with_the_reason() -> None:
    with pytest.raises(FormatRefused) as refused:
        formatted("rule a {\n  on page\n}\n")
    assert [one.code for one in refused.value.diagnostics] == ["OP018"]


def test_a_mistake_of_meaning_is_no_reason_to_refuse() -> None:
    assert formatted("define x = seen  a within 5m") == "define x = seen a within 5m\n"


def test_nothing_stays_nothing() -> None:
    assert formatted("") == ""
    assert formatted("\n\n  \n") == ""


def test_line_ends_tabs_and_byte_order_marks_become_plain() -> None:
    assert formatted("\ufeffrule a {\r\n\ton page “/x”\r\n}\r\n") == 'rule a {\n  on page "/x"\n}\n'


def test_texts_are_never_changed() -> None:
    assert formatted('rule a { say "a\t #  b" }') == 'rule a {\n  say "a\t #  b"\n}\n'


def test_durations_in_words_become_units_and_others_stay() -> None:
    text = "define a = time_on_page >= 30 seconds\ndefine b = time_on_page >= 90s\n"
    assert formatted(text) == "define a = time_on_page >= 30s\ndefine b = time_on_page >= 90s\n"


def test_an_event_called_like_a_unit_is_no_unit() -> None:
    assert formatted("define a = at least 3 seconds") == "define a = at least 3 seconds\n"


def test_a_condition_of_over_100_characters_breaks_before_each_and() -> None:
    parts = [f"attribute_number_{number} = {number}" for number in range(5)]
    out = formatted(f"rule a {{ when {' and '.join(parts)} unless {' or '.join(parts)} }}")
    assert out == (
        "rule a {\n"
        f"  when {parts[0]}\n"
        + "".join(f"   and {part}\n" for part in parts[1:])
        + f"  unless {parts[0]}\n"
        + "".join(f"      or {part}\n" for part in parts[1:])
        + "}\n"
    )


def test_breaks_of_the_author_are_kept_and_parentheses_are_never_broken() -> None:
    text = "rule a {\n  when a and b\n     and (c\n or d) and e between 1\n and 2\n}\n"
    assert formatted(text) == (
        "rule a {\n  when a and b\n   and (c or d) and e between 1 and 2\n}\n"
    )


def test_a_comment_goes_with_its_line() -> None:
    text = (
        "#top\nrule a { # open\n#first\n  on page a #here\n"
        "  when b # one\n# between\n and c # two\n# last\n} #! end\n##foot"
    )
    assert formatted(text) == (
        "# top\nrule a {  # open\n  # first\n  on page a  # here\n"
        "  when b  # one\n   # between\n   and c  # two\n  # last\n}  #! end\n##foot\n"
    ).replace("   # between", "   # between")


def test_a_comment_in_the_middle_of_a_clause_moves_above_it() -> None:
    assert formatted('pages a = "/x", # one\n  "/y" # two\n') == (
        '# one\npages a = "/x", "/y"  # two\n'
    )


def test_a_comment_keeps_an_empty_block_open() -> None:
    assert formatted("event x {\n# soon\n}") == "event x {\n  # soon\n}\n"
    assert formatted("event x {\n\n}") == "event x {}\n"


def test_rules_stand_apart_and_other_blank_lines_are_kept_once() -> None:
    text = "define a = b\n\n\n\ndefine c = d\n# about r\nrule r {\n\n  on page a\n\n\n  when b\n\n}\nevent e {}"
    assert formatted(text) == (
        "define a = b\n\ndefine c = d\n\n# about r\nrule r {\n  on page a\n\n  when b\n}\nevent e {}\n"
    )


def test_equal_signs_are_aligned_in_runs_of_one_keyword() -> None:
    text = "pages a = b\npages long = c\nset s = [1]\n\npages x = y\n# apart\npages yy = z\n"
    assert formatted(text) == (
        "pages a    = b\npages long = c\nset s = [1]\n\npages x = y\n# apart\npages yy = z\n"
    )


def test_arrows_and_values_are_aligned_within_a_message_and_steps_within_a_test() -> None:
    text = (
        'rule a { say "s" reply "Yes" -> ask "Which one?" as x reply "Never" -> dismiss as yy '
        'reply "No"->open "/a very long path that has no value" }'
        'test "t" { at 5 seconds view "/x" at 1m30s expect no message }'
    )
    assert (
        formatted(text)
        == (
            "\nrule a {\n"
            '  say "s"\n'
            '    reply "Yes"   -> ask "Which one?" as x\n'
            '    reply "Never" -> dismiss          as yy\n'
            '    reply "No"    -> open "/a very long path that has no value"\n'
            "}\n"
            'test "t" {\n'
            '  at 5s    view "/x"\n'
            "  at 1m30s expect no message\n"
            "}\n"
        ).lstrip()
    )
