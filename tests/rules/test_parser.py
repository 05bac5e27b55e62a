"""The parser: text in, tree and diagnostics out."""

import os
import subprocess
import sys
from pathlib import Path

import lark
import pytest

from rules import nodes
from rules.building import TreeBuilder
from rules.grammar_cache import table_file
from rules.parser import NESTING_MAX, grammar_text, parse, parse_bytes
from rules.span import Source


def blocks(text: str) -> tuple[nodes.Block, ...]:
    file, found = parse(Source("x", text))
    assert found == []
    return file.blocks


def condition(text: str) -> nodes.Condition:
    (block,) = blocks(f"define x = {text}")
    assert isinstance(block, nodes.Define)
    return block.condition


def codes(text: str) -> list[str]:
    return [one.code for one in parse(Source("x", text))[1]]


def test_the_grammar_has_no_conflicts_and_no_colliding_terminals() -> None:
    lark.Lark(grammar_text(), parser="lalr", strict=True, maybe_placeholders=False)


def test_every_rule_of_the_grammar_has_a_builder() -> None:
    """A rule without one would leave a parse tree in the syntax tree."""
    machine = lark.Lark(grammar_text(), parser="lalr", maybe_placeholders=False)
    names = {
        str(rule.alias or rule.origin.name)
        for rule in machine.rules
        if not str(rule.origin.name).startswith("_")
        and not (rule.options.expand1 and not rule.alias)
    }
    inlined = {"type", "presence"}
    assert {name for name in names - inlined if not hasattr(TreeBuilder, name)} == set()


def test_a_rule_keeps_its_clauses_in_the_order_written() -> None:
    (rule,) = blocks('rule a "Title" { unless b on page "/x" priority 3 say "s" }')
    assert isinstance(rule, nodes.Rule)
    assert [type(item).__name__ for item in rule.items] == ["Unless", "On", "Priority", "Say"]
    assert rule.title == nodes.Text("Title")


def test_every_node_knows_where_it_stands() -> None:
    text = "rule a {\n  when time_on_page >= 45s\n}"
    (rule,) = blocks(text)
    assert isinstance(rule, nodes.Rule)
    when = rule.items[0]
    assert text[when.span.start : when.span.end] == "when time_on_page >= 45s"
    assert text[rule.span.start : rule.span.end] == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("30 seconds", "30s"),
        ("1 minute", "1m"),
        ("2 hours", "2h"),
        ("7 days", "7d"),
        ("1m30s", "1m30s"),
        ("10mins", "10mins"),
        ("1.5h", "1.5h"),
        ("1.5 hours", "1.5 hours"),
    ],
)
def test_a_duration_in_words_becomes_its_unit_and_a_malformed_one_stays(
    text: str, wanted: str
) -> None:
    compared = condition(f"time_on_page >= {text}")
    assert isinstance(compared, nodes.Compare)
    assert compared.value == nodes.Literal("duration", wanted)


def test_an_escaped_quote_and_backslash_are_decoded_and_nothing_else() -> None:
    tested = condition(r'a matches "\"\\ \d"')
    assert isinstance(tested, nodes.TextTest)
    assert tested.text == nodes.Text(r'"\ \d')


def test_parentheses_group_and_leave_no_node() -> None:
    a, b, c = (nodes.Truthy(nodes.Ref((name,))) for name in "abc")
    assert condition("((a) and (b or c))") == nodes.And((a, nodes.Or((b, c))))


def test_conditions_of_every_kind_are_read() -> None:
    kinds = {
        "not a": nodes.Not,
        "(a) for 10s": nodes.Held,
        "a.b = c.d": nodes.Compare,
        'a in ["x"]': nodes.InSet,
        "a not in zips": nodes.InSet,
        "a between 1 and 2": nodes.Between,
        'a starts with "x"': nodes.TextTest,
        'a contains "x"': nodes.TextTest,
        'seen a(b in ["x"], c in zips, d starts with "e", f between 1 and 2)': nodes.Seen,
        "a is unknown": nodes.Presence,
        "page.query.ref is known": nodes.Presence,
        'page "/a", b': nodes.OnPage,
        "seen a then b within 5m": nodes.Seen,
        "seen a then no c for 2m": nodes.Seen,
        "at most 2 view this page": nodes.Count,
        'no click of "/x"(text contains "a") for 5s': nodes.Absent,
    }
    for text, kind in kinds.items():
        assert type(condition(text)) is kind, text


def test_a_sequence_keeps_its_steps_and_its_tail() -> None:
    seen = condition("seen a then b then no c for 2m")
    assert isinstance(seen, nodes.Seen)
    assert [step.event.text for step in seen.steps] == ["a", "b"]
    assert isinstance(seen.tail, nodes.ThenNo)


def test_a_gap_for_one_event_is_reported_and_still_read() -> None:
    file, found = parse(Source("x", "define x = seen a within 5m"))
    assert [one.code for one in found] == ["OP014"]
    assert len(file.blocks) == 1
    assert file.broken == ()


def test_score_and_policy_terms_keep_their_numbers() -> None:
    score, policy = blocks(
        "score likelihood { start -2.2 +0.35 per view up to 1.4 -1 per 5s of page_age up to 3 }"
        "policy { at most 2 per 7d unless engaged holdout 5% by company }"
    )
    assert isinstance(score, nodes.Score)
    assert isinstance(policy, nodes.Policy)
    assert score.likelihood
    assert score.items[0] == nodes.StartAt(nodes.Literal("signed", "-2.2"))
    assert policy.items[0] == nodes.Cap(
        nodes.Literal("int", "2"),
        nodes.Scope("duration", nodes.Literal("duration", "7d")),
        unless_engaged=True,
    )
    assert policy.items[1] == nodes.PolicyHoldout(nodes.Literal("percent", "5%"), "company")


def test_answers_and_tests_are_read() -> None:
    answer, test = blocks(
        'answer o { asked anything asked "a", "b" say "x" }'
        'test "t" { given a.b = 1 at 5s late 2s event e(x = 1) at 9s expect message from r variant v }'
    )
    assert isinstance(answer, nodes.Answer)
    assert answer.items[:2] == (
        nodes.AskedAnything(),
        nodes.Asked((nodes.Text("a"), nodes.Text("b"))),
    )
    assert isinstance(test, nodes.Test)
    late = test.steps[0].what
    assert isinstance(late, nodes.Happening)
    assert late.inner is not None
    assert late.inner.kind == "event"
    assert test.steps[1].what == nodes.Expectation(
        "message", name=nodes.Name("r"), other=nodes.Name("v")
    )


def test_a_reply_keeps_action_payload_and_value() -> None:
    (rule,) = blocks('rule a { say "s" reply "b" -> open "/x" as go }')
    assert isinstance(rule, nodes.Rule)
    say = rule.items[0]
    assert isinstance(say, nodes.Say)
    assert say.replies == (
        nodes.Reply(nodes.Text("b"), "open", nodes.Text("/x"), nodes.Name("go")),
    )


def test_comments_are_kept_with_their_place() -> None:
    file, _ = parse(Source("x", "# one\r\ndefine a = b # two\r\n"))
    assert [comment.text for comment in file.comments] == ["# one", "# two"]


def test_tabs_crlf_and_a_byte_order_mark_are_no_finding() -> None:
    assert codes("\ufeffdefine a\t=\r\n\tb\r\n") == []


def test_curly_quotes_and_hard_spaces_are_read_as_plain_once_a_line() -> None:
    file, found = parse(Source("x", "pages\u00a0a = “/x”, „/y“\npages b = ”/z”\n"))
    assert [one.code for one in found] == ["OP002", "OP002"]
    assert len(file.blocks) == 2
    fix = found[0].fix
    assert fix is not None
    assert fix.safe
    assert len(fix.edits) == 5


def test_curly_quotes_inside_a_text_stay() -> None:
    (rule,) = blocks('rule a { say "He said “hi”" }')
    assert isinstance(rule, nodes.Rule)
    assert rule.items[0] == nodes.Say(nodes.Text("He said “hi”"), ())


def test_curly_quotes_in_a_comment_are_no_finding() -> None:
    assert codes("# “hi”\n") == []


def test_what_is_not_utf8_is_refused_at_its_line() -> None:
    source, file, found = parse_bytes("x", b"define a = b\ndefine \xff = c\n")
    assert [one.code for one in found] == ["OP004"]
    assert source.place(found[0].span.start).line == 2
    assert file.blocks == ()


def test_bytes_with_a_byte_order_mark_are_read() -> None:
    source, file, found = parse_bytes("x", b"\xef\xbb\xbfdefine a = b\n")
    assert (source.text, len(file.blocks), found) == ("define a = b\n", 1, [])


def test_a_file_over_a_mebibyte_is_refused_on_line_one() -> None:
    _, file, found = parse_bytes("x", b"#" * (1024 * 1024 + 1))
    assert [(one.code, one.span.start) for one in found] == [("OP005", 0)]
    assert file.blocks == ()


def test_a_file_of_20000_lines_is_read_and_one_more_is_refused() -> None:
    assert codes("#\n" * 20_000) == []
    assert codes("#\n" * 20_001) == ["OP005"]


def test_conditions_nested_too_deeply_are_refused_and_deep_parentheses_are_not() -> None:
    assert codes("define x = " + "not " * (NESTING_MAX + 1) + "a") == ["OP019"]
    assert codes("define x = " + "(" * 500 + "a" + ")" * 500) == []


def test_tables_are_kept_in_a_private_folder_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    name = table_file("k")
    assert name is not None
    folder = Path(name).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    assert table_file("k") is None


def test_damaged_tables_are_made_again(tmp_path: Path) -> None:
    program = (
        "from rules.parser import parse; from rules.span import Source;"
        "print(len(parse(Source('x', 'define a = b'))[0].blocks))"
    )
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    for damage in (b"", b"junk"):
        for tables in (tmp_path / "opportune").glob("*.tables"):
            tables.write_bytes(damage)
        done = subprocess.run(
            [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
        )
        assert (done.stdout, done.stderr) == ("1\n", "")
    assert len(list((tmp_path / "opportune").glob("*.tables"))) == 1


def test_no_folder_for_tables_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert table_file("k") is None
