"""Recovery: one mistake, one message, on the right line; the rest is still read."""

import re

import pytest

from rules import nodes
from rules.diagnostics import Diagnostic, settle
from rules.parser import parse
from rules.span import Source

HEAD = 'rule a "Pricing help" {\n  on page "/pricing"\n  when time_on_page >= 45s\n'
TAIL = '  say "Questions?"\n    reply "Yes" -> ask "Which?"\n    reply "No"  -> dismiss\n}\n'


def read(text: str) -> tuple[nodes.File, list[tuple[int, Diagnostic]]]:
    source = Source("x", text)
    file, found = parse(source)
    kept = settle(found, {"x": source})
    return file, [(source.place(one.span.start).line, one) for one in kept]


def lines_and_codes(text: str) -> list[tuple[int, str]]:
    return [(line, one.code) for line, one in read(text)[1]]


def in_rule(line: str) -> str:
    return f"{HEAD}  {line}\n{TAIL}"


# A wrong clause of a rule, its code, and what is offered instead.
CLAUSES = [
    ("priority 3;", "OP001", "priority 3"),
    ("when visitor.plan = 'paid'", "OP001", 'when visitor.plan = "paid"'),
    ("when scroll_depth >= 60 %", "OP001", "when scroll_depth >= 60%"),
    ('exept page "/x"', "OP011", 'except page "/x"'),
    ("WHEN seen click", "OP011", "when seen click"),
    ("when sen plan_toggle", "OP011", "when seen plan_toggle"),
    ("when seen a than no b for 2m", "OP011", "when seen a then no b for 2m"),
    ("when a and b or c", "OP012", "when (a and b) or c"),
    ("when a = 3 && b", "OP013", "when a = 3 and b"),
    ("when a || b", "OP013", "when a or b"),
    ("when !a", "OP013", "when not a"),
    ("when a == 3", "OP013", "when a = 3"),
    ("when a <> 3", "OP013", "when a != 3"),
    ("when a => 3", "OP013", "when a >= 3"),
    ("when a -> 3", "OP013", "when a = 3"),
    ("when a AND b", "OP013", "when a and b"),
    ('when visitor.plan is "paid"', "OP013", 'when visitor.plan = "paid"'),
    ('when visitor.plan is not "paid"', "OP013", 'when visitor.plan != "paid"'),
    ("when at least 3 view within 10m", "OP014", "when at least 3 view in last 10m"),
    ("when no activity in last 60s", "OP014", "when no activity for 60s"),
    ("when no activity 60s", "OP015", "when no activity for 60s"),
    ("when seen x last 5m", "OP015", "when seen x in last 5m"),
    ("limit 1 30d", "OP015", "limit 1 per 30d"),
    ("during 09:00 17:00 in site time", "OP015", "during 09:00 to 17:00 in site time"),
    ("during 09:00 to 17:00 in site", "OP015", "during 09:00 to 17:00 in site time"),
    ('on "/pricing"', "OP015", 'on page "/pricing"'),
    ("expires 1m", "OP015", "expires after 1m"),
    ('allow OP307 "x"', "OP015", 'allow OP307 because "x"'),
    ("when (a or b", "OP015", "when (a or b)"),
    ('when x in ["a" "b"]', "OP015", 'when x in ["a", "b"]'),
    ("on page", "OP018", 'on page "/pricing"'),
    ("when", "OP018", "when time_on_page >= 45s"),
    ("active 2026-05-01", "OP018", "active 2026-05-01 to 2026-12-31"),
    ("priority high", "OP019", "priority 60"),
    ('when page = "/x"', "OP019", 'when page "/x"'),
    ("when a)", "OP015", "when (a)"),
    ("expires after 1", "OP101", "expires after 1m"),
    ("expires after 10 mins", "OP102", "expires after 10m"),
    ("when time_on_page >= 2 weeks", "OP102", "when time_on_page >= 14d"),
]


@pytest.mark.parametrize(("line", "code", "offer"), CLAUSES)
def test_a_wrong_clause_gets_its_code_on_its_line_and_a_line_that_mends_it(
    line: str, code: str, offer: str
) -> None:
    file, found = read(in_rule(line))
    assert [(at, one.code) for at, one in found] == [(4, code)]
    assert file.broken == (("rule", "a"),)
    assert f"try: {offer}" in found[0][1].help
    assert lines_and_codes(in_rule(offer)) == []


@pytest.mark.parametrize(("line", "code", "offer"), CLAUSES)
def test_a_first_line_is_short_has_no_final_period_and_no_name_of_a_terminal(
    line: str, code: str, offer: str
) -> None:
    message = read(in_rule(line))[1][0][1].message
    assert not message.endswith(".")
    assert len(message) <= 80
    assert not re.search(r"\b(NAME|STRING|INT|EQ|CMP|LBRACE|token|unexpected|illegal)\b", message)


def test_mixed_words_offer_both_readings() -> None:
    help_text = read(in_rule("when a and b or (c or d) and e"))[1][0][1].help
    assert "try: when (a and b) or ((c or d) and e)" in help_text
    assert "or:  when a and (b or (c or d)) and e" in help_text


@pytest.mark.parametrize(
    ("line", "offer"),
    [
        ("when (a and b or c) and d", "when ((a and b) or c) and d"),
        ("when a between 1 and 2 and b or c", "when (a between 1 and 2 and b) or c"),
        ("unless a or seen e(x = 1) and c", "unless a or (seen e(x = 1) and c)"),
    ],
)
def test_mixed_words_are_found_on_every_level(line: str, offer: str) -> None:
    found = read(in_rule(line))[1]
    assert [one.code for _, one in found] == ["OP012"]
    assert f"try: {offer}" in found[0][1].help
    assert lines_and_codes(in_rule(offer)) == []


def test_a_score_term_that_mixes_words_offers_both_readings() -> None:
    found = read("score {\n  +5 when a and b or c\n}\n")[1]
    assert "try: +5 when (a and b) or c" in found[0][1].help


@pytest.mark.parametrize("arrow", ["=>", "=", "=="])
def test_an_arrow_of_another_language_is_named(arrow: str) -> None:
    text = f'rule a {{\n  say "s"\n    reply "x" {arrow} dismiss\n}}\n'
    found = read(text)[1]
    assert [(line, one.code) for line, one in found] == [(3, "OP013")]
    assert 'try: reply "x" -> dismiss' in found[0][1].help


def test_an_invisible_character_is_named_as_such() -> None:
    found = read(in_rule("priority\u200b 3"))[1]
    assert found[0][1].message == "there is an invisible character here"
    assert "try: priority 3" in found[0][1].help


def test_braces_that_match_are_not_doubted_for_their_column() -> None:
    text = "rule a {\n  variant x 50% {\n    say hi\n}\n  priority 3\n}\n"
    assert lines_and_codes(text) == [(3, "OP019")]


def test_between_and_is_no_mix() -> None:
    assert lines_and_codes(in_rule("when a between 1 and 2 or b")) == []


def test_a_mistake_on_the_second_line_of_a_condition_is_reported_there() -> None:
    assert lines_and_codes(in_rule("when a\n   and b == 3")) == [(5, "OP013")]


def test_each_broken_clause_of_a_block_gets_its_own_message() -> None:
    text = 'rule a {\n  on page\n  when a == 3\n  priorty 4\n  say "x\n}\nrule b {}\n'
    assert lines_and_codes(text) == [(2, "OP018"), (3, "OP013"), (4, "OP011"), (5, "OP003")]


def test_blocks_around_a_broken_one_are_read() -> None:
    file, _ = read("define a = b\nrule broken {\n  on page\n}\ndefine c = d\n")
    assert [block.name.text for block in file.blocks if isinstance(block, nodes.Define)] == [
        "a",
        "c",
    ]
    assert file.broken == (("rule", "broken"),)


def test_a_broken_declaration_still_names_what_it_declares() -> None:
    file, _ = read('attribute cart.total money\npages p "/x"\n')
    assert file.broken == (("attribute", "cart.total"), ("pages", "p"))


def test_an_unclosed_text_is_closed_and_its_block_is_kept() -> None:
    file, found = read('rule a {\n  on page "/x\n  priority 3\n}\n')
    assert [(line, one.code) for line, one in found] == [(2, "OP003")]
    (rule,) = file.blocks
    assert isinstance(rule, nodes.Rule)
    assert rule.items[0] == nodes.On((nodes.Glob("/x"),))


def test_a_missing_brace_is_reported_where_the_block_opens() -> None:
    text = 'rule a {\n  on page "/x"\n\nrule b {\n  on page "/y"\n}\n'
    file, found = read(text)
    assert [(line, one.code) for line, one in found] == [(1, "OP010")]
    assert len(file.blocks) == 1


@pytest.mark.parametrize(
    "text",
    [
        'rule a {\n  variant x 50% {\n    say "x"\n  variant y 50% {\n    say "y"\n  }\n}\n',
        'rule a {\n  variant x 50% {\n    say "x"\n}\ndefine a = b\n',
    ],
)
def test_a_missing_brace_of_a_variant_is_reported_at_the_variant(text: str) -> None:
    assert lines_and_codes(text) == [(2, "OP010")]


def test_a_brace_too_many_is_reported_on_its_line() -> None:
    file, found = read('rule a {\n  on page "/x"\n}\n}\nrule b {}\n')
    assert [(line, one.code) for line, one in found] == [(4, "OP016")]
    assert len(file.blocks) == 2


def test_a_block_closed_too_early_gets_one_message() -> None:
    text = 'rule a {\n  on page "/x"\n  }\n  when a\n  unless b\n}\nrule b {}\n'
    assert lines_and_codes(text) == [(4, "OP017")]


def test_a_misspelt_block_is_named_and_its_clauses_are_read_as_of_that_block() -> None:
    found = read("polcy {\n  first message after 30\n}\n")[1]
    assert [(line, one.code) for line, one in found] == [(1, "OP017"), (2, "OP101")]
    assert 'did you mean "policy"' in found[0][1].message


def test_a_block_without_its_opening_brace_is_reported_on_its_first_line() -> None:
    assert lines_and_codes('rule a "x"\n  on page "/x"\n}\n') == [(1, "OP018")]


def test_replies_without_a_message_get_one_message() -> None:
    text = 'rule a {\n  on page "/x"\n  reply "x" -> dismiss\n  reply "y" -> dismiss\n}\n'
    assert lines_and_codes(text) == [(3, "OP021")]


def test_a_broken_message_takes_its_replies_with_it() -> None:
    text = 'rule a {\n  say hello\n    reply "x" -> dismis\n  priority 3\n}\n'
    assert lines_and_codes(text) == [(2, "OP019")]


def test_a_wrong_action_is_reported_at_its_reply() -> None:
    text = 'rule a {\n  say "s"\n    reply "x" -> dismis\n    reply "y" -> launch\n}\n'
    found = read(text)[1]
    assert [(line, one.code) for line, one in found] == [(3, "OP011"), (4, "OP011")]


def test_every_clause_of_a_policy_score_event_and_test_is_explained_alone() -> None:
    text = (
        "policy {\n  first message 30s\n  wait 24 after dismiss\n  quiet hours 22:00 to 07:00\n}\n"
        "score {\n  +5 when\n  5 when a\n  +5 per view up 20\n}\n"
        "event e {\n  seats number\n  email: txt\n}\n"
        'test "t" {\n  at 5 view "/x"\n  at 5s viw "/x"\n  at 6s expect message a\n}\n'
    )
    assert lines_and_codes(text) == [
        (2, "OP015"),
        (3, "OP101"),
        (4, "OP018"),
        (7, "OP018"),
        (8, "OP019"),
        (9, "OP015"),
        (12, "OP015"),
        (13, "OP011"),
        (16, "OP101"),
        (17, "OP011"),
        (18, "OP015"),
    ]


def test_given_after_a_step_is_explained() -> None:
    found = read('test "t" {\n  at 5s view "/x"\n  given clock "x"\n}\n')[1]
    assert [(line, one.code) for line, one in found] == [(3, "OP019")]
    assert 'before the first "at"' in found[0][1].message


def test_a_block_on_one_line_is_explained() -> None:
    assert lines_and_codes('answer o { asked anythng say "x" }\n') == [(1, "OP011")]


def test_clauses_without_indentation_are_explained_alike() -> None:
    text = 'rule a {\non page "/x"\nwhen a == 3\nsay "x"\n}\n'
    assert lines_and_codes(text) == [(3, "OP013")]


@pytest.mark.parametrize(
    "text",
    [
        "@#$%^" * 5_000,
        "{" * 5_000,
        "}" * 5_000,
        "(" * 5_000,
        '"' * 5_001,
        "define x = " + "not " * 5_000,
        "define x = " + "a and " * 5_000,
        'pages x "/a"\n' * 5_000,
        "rule a {\n" + "  whn a\n" * 5_000,
        "rule a {\n" + "variant x 5% {\n" * 2_000,
        'test "x" {\nat 5s ' + "late 5s " * 5_000,
        "a " * 5_000,
        "\ud800\0\x0c" * 100,
        '\\"\n"\\',
    ],
    ids=range(14),
)
def test_junk_gets_a_message_and_ends(text: str) -> None:
    _, found = parse(Source("x", text))
    assert found
    assert all(0 <= one.span.start <= one.span.end <= len(text) for one in found)
