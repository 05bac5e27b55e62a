"""Diagnostics as values: order, limits and the three ways to show them."""

import pytest

from rules.codes import CODES, code_of
from rules.diagnostic_text import render_github, render_more, render_text, to_json
from rules.diagnostics import (
    Diagnostic,
    Edit,
    Fix,
    Related,
    diagnose,
    has_error,
    limit,
    settle,
    with_fix,
    with_related,
)
from rules.nearest import near, nearest
from rules.span import Source, Span

TEXT = 'rule a {\n  when x\n  when score >= 40 and scroll_depth >= 50% or page "/y"\n}\n'
SOURCE = Source("shop.rules", TEXT)


def at(code: str, snippet: str) -> Diagnostic:
    start = TEXT.index(snippet)
    return diagnose(code, Span("shop.rules", start, start + len(snippet)), f"about {snippet}")


def test_a_code_stands_once_in_the_registry_and_in_order() -> None:
    numbers = [entry.code for entry in CODES]
    assert numbers == sorted(set(numbers))


def test_a_diagnostic_has_the_severity_of_its_code() -> None:
    assert code_of("OP002").severity == "warning"
    assert at("OP002", "when").severity == "warning"


def test_an_unknown_code_is_our_own_bug() -> None:
    with pytest.raises(KeyError):
        at("OP999", "when")


def test_diagnostics_are_sorted_by_line_and_only_the_lowest_code_of_a_line_is_kept() -> None:
    found = [at("OP302", "or page"), at("OP110", "x\n"), at("OP012", "score")]
    kept = settle(found, {"shop.rules": SOURCE})
    assert [one.code for one in kept] == ["OP110", "OP012"]


def test_a_hint_gives_way_to_an_error_of_its_line() -> None:
    kept = settle([at("OP119", "score"), at("OP305", "or")], {"shop.rules": SOURCE})
    assert [one.code for one in kept] == ["OP305"]


def test_a_plain_reading_of_quotes_gives_way_to_an_error_of_its_line() -> None:
    kept = settle([at("OP002", "score"), at("OP012", "or page")], {"shop.rules": SOURCE})
    assert [one.code for one in kept] == ["OP012"]


def test_ten_of_a_file_are_shown_and_the_rest_is_counted() -> None:
    shown = limit([at("OP110", "x")] * 14)
    assert len(shown.diagnostics) == 10
    assert shown.more == (("shop.rules", 4),)
    assert render_more(4) == "and 4 more"


def test_only_an_error_refuses_a_rule_set() -> None:
    assert has_error([at("OP110", "x")])
    assert not has_error([at("OP302", "x"), at("OP119", "x")])


def mixed() -> Diagnostic:
    start = TEXT.index("or page")
    return diagnose(
        "OP012",
        Span("shop.rules", start, start + 2),
        'this mixes "and" with "or"',
        "It could mean two things, and they reach different visitors.",
        ("when a and (b or c)", "when (a and b) or c"),
    )


def test_the_text_has_place_line_caret_why_and_try() -> None:
    assert render_text(mixed(), SOURCE) == (
        'shop.rules:3:44  error OP012  this mixes "and" with "or"\n'
        '    3 │ when score >= 40 and scroll_depth >= 50% or page "/y"\n'
        "      │                                          ^^\n"
        "  It could mean two things, and they reach different visitors.\n"
        "  try: when a and (b or c)\n"
        "  or:  when (a and b) or c"
    )


def test_a_related_place_is_shown_with_its_remark() -> None:
    related = with_related(at("OP115", "score"), Related(Span("shop.rules", 0, 4), "the first"))
    assert "    1 │ rule a {    the first\n    3 │ when score" in render_text(related, SOURCE)


def test_a_related_place_of_another_file_is_named() -> None:
    related = with_related(at("OP115", "score"), Related(Span("base.rules", 0, 4), "the first"))
    assert render_text(related, SOURCE).endswith("  base.rules: the first")
    others = {"base.rules": Source("base.rules", "\nrule a {}")}
    assert render_text(related, SOURCE, others).endswith("  base.rules:1:1: the first")


def test_json_names_the_file_of_a_related_place_whose_source_is_known() -> None:
    related = with_related(at("OP115", "score"), Related(Span("base.rules", 1, 5), "the first"))
    others = {"base.rules": Source("base.rules", "\nrule a {}")}
    assert to_json(related, SOURCE)["related"] == []
    assert to_json(related, SOURCE, others)["related"] == [
        {
            "file": "base.rules",
            "start": {"line": 2, "column": 1},
            "end": {"line": 2, "column": 5},
            "message": "the first",
        }
    ]


def test_a_control_character_never_reaches_the_terminal() -> None:
    source = Source("x", "a\x1b[31mb\tc")
    text = render_text(diagnose("OP001", Span("x", 1, 2), "odd"), source)
    assert "\x1b" not in text
    assert "\t" not in text


def test_a_long_line_is_shown_around_the_caret() -> None:
    source = Source("x", "a" * 500 + "!" + "b" * 500)
    text = render_text(diagnose("OP001", Span("x", 500, 501), "odd"), source)
    line, caret = text.splitlines()[1:3]
    assert line[caret.index("^")] == "!"
    assert len(line) < 140


def test_a_wide_letter_moves_the_caret_by_two_columns() -> None:
    source = Source("x", "日;")
    text = render_text(diagnose("OP001", Span("x", 1, 2), "odd"), source)
    assert text.splitlines()[2] == "      │   ^"


def test_json_counts_lines_and_columns_from_one_and_names_hints_info() -> None:
    fix = Fix("or", safe=True, edits=(Edit(Span("shop.rules", 0, 4), "x"),))
    value = to_json(with_fix(at("OP119", "rule"), fix), SOURCE)
    assert value == {
        "code": "OP119",
        "severity": "info",
        "message": "about rule",
        "help": "",
        "file": "shop.rules",
        "start": {"line": 1, "column": 1},
        "end": {"line": 1, "column": 5},
        "related": [],
        "fix": {
            "title": "or",
            "safe": True,
            "edits": [
                {
                    "start": {"line": 1, "column": 1},
                    "end": {"line": 1, "column": 5},
                    "text": "x",
                }
            ],
        },
    }


def test_a_workflow_command_escapes_what_would_end_it() -> None:
    source = Source("a,b:c.rules", "100%\n")
    text = render_github(diagnose("OP101", Span("a,b:c.rules", 0, 4), "100%", "why"), source)
    assert text == (
        "::error file=a%2Cb%3Ac.rules,line=1,endLine=1,col=1,endColumn=5,title=OP101::100%25%0Awhy"
    )


def test_the_nearest_word_is_unique_and_close() -> None:
    assert nearest("exept", ["except", "expires"]) == "except"
    assert nearest("wehn", ["when", "view"]) == "when"
    assert nearest("WHEN", ["when"]) == "when"
    assert nearest("coffee", ["when", "view"]) is None


def test_two_equally_near_words_are_no_help() -> None:
    assert nearest("sen", ["seen", "set"]) is None
    assert near("sen", ["seen", "set"]) == [(1, "seen"), (1, "set")]


def test_a_short_word_is_only_near_to_itself() -> None:
    assert nearest("a", ["b", "at"]) is None
    assert nearest("IN", ["in", "is"]) == "in"
