"""Blocks: declarations, policy, score, rules, answers and goals into plans."""

import pytest

from rules.checked import CapPlan, DayRange, EventTerm, Holdout, PolicyPlan, StartTerm, TimeTerm
from rules.resolver import DEFAULT_SCORE
from tests.rules.checking import MESSAGE, checked, codes, report, rule


def one(*clauses: str, on: str = 'on page "/pricing"') -> list[str]:
    return codes(rule(*clauses, on=on))


def test_a_default_keeps_its_case_and_a_type_its_options() -> None:
    text = 'attribute visitor.plan: one_of ["None", "Trial"] default "none"\n'
    plan = checked(text).attributes["visitor.plan"]
    assert plan.type.options == ("None", "Trial")
    assert plan.default == "none"
    assert not plan.optional


def test_what_is_computed_is_no_stored_attribute() -> None:
    attributes = checked(rule()).attributes
    assert "device" in attributes
    assert attributes.keys().isdisjoint({"score", "scroll_depth", "time_on_page"})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("event limit {}", "OP020"),
        ("set page = [1]", "OP020"),
        ("define not_a_word = seen click", None),
        ("attribute score: number default 0", "OP020"),
        ("attribute no.cart: number default 0", "OP020"),
        ("attribute page.kind: text optional", None),
        (f"event {'x' * 65} {{}}", "OP105"),
        ("attribute a: text optional\nattribute a: number default 0", "OP115"),
        ("event a { x: text  x: number }", "OP115"),
        ('pages a = "/a"\npages a = "/b"', "OP115"),
        ("event view {}", "OP116"),
        ("event product_added {}", "OP116"),
        ("attribute visitor.visits: number default 0", "OP116"),
        ("attribute page.query.ref: text optional", "OP116"),
        ("define device = seen click", "OP116"),
        ("attribute a: one_of [1, 2] optional", "OP120"),
        ('set a = ["x", 1]', "OP120"),
        ("set a = [1, +2]", None),
        ("attribute a: text", "OP128"),
        ("attribute a: number default 1%", "OP129"),
        ('attribute a: one_of ["x"] default "y"', "OP129"),
        ("event a { x: number default $1 }", "OP129"),
        ('site "a" timezone "Chicago"', "OP130"),
        ("goal a = seen_it", "OP111"),
        ("goal a = purchase within 7d", None),
        ("goal a = purchase within 7", "OP101"),
        (
            f"attribute a: one_of [{', '.join(f'{chr(34)}{n}{chr(34)}' for n in range(501))}] optional",
            "OP105",
        ),
        (f"event a {{ {' '.join(f'f{n}: text' for n in range(201))} }}", "OP105"),
        (f"pages a = {', '.join(f'{chr(34)}/{n}{chr(34)}' for n in range(2001))}", "OP105"),
        ("event a { x: one_of [1] }", "OP120"),
        ("pages a = a", "OP117"),
        ("pages a = b\npages b = c\npages c = a", "OP117"),
        ("define a = time_on_page >= 5", "OP101"),
    ],
)
def test_a_declaration_is_right_or_has_one_code(text: str, code: str | None) -> None:
    assert codes(text + "\n") == ([] if code is None else [code])


def test_a_zone_is_found_by_its_city() -> None:
    (found,) = report('site "a" timezone "Chicago"\n').diagnostics
    assert 'try: site "a" timezone "America/Chicago"' in found.help


def test_a_missing_presence_shows_both_lines() -> None:
    (found,) = report('attribute a: one_of ["x", "y"]\n').diagnostics
    assert 'try: attribute a: one_of ["x", "y"] optional' in found.help
    assert 'or:  attribute a: one_of ["x", "y"] default "x"' in found.help


@pytest.mark.parametrize("kind", ["text", "number", "yes_no", "money", "date"])
def test_the_lines_for_a_missing_presence_are_right_themselves(kind: str) -> None:
    (found,) = report(f"attribute a: {kind}\n").diagnostics
    lines = [line[5:] for line in found.help.splitlines() if line[:5] in ("try: ", "or:  ")]
    assert len(lines) == 2
    for line in lines:
        assert codes(line + "\n") == []


def test_the_first_of_two_declarations_holds_and_the_second_points_at_it() -> None:
    (found,) = report("define a = seen click\ndefine a = seen view\n").diagnostics
    (related,) = found.related
    assert related.span.start == len("define ")


def test_a_set_without_a_policy_has_the_defaults() -> None:
    assert checked(rule()).policy == PolicyPlan()


def test_clauses_of_a_policy_replace_their_defaults() -> None:
    policy = checked("""\
policy {
  first message after 45s
  at most 2 per session unless engaged
  at most 3 per 7d
  at most 9 per visitor
  wait 2d after dismiss
  wait 0s after message
  wait 1m after chat
  quiet hours 22:00 to 07:00 in visitor time
  quiet hours 12:00 to 13:00 in site time
  never on page "/a"
  never on page "/b", "/c"
  holdout 12.5% by session
}
""").policy
    assert policy.first_after_ms == 45_000
    assert policy.caps == (
        CapPlan(2, "session", None, unless_engaged=True),
        CapPlan(3, "window", 7 * 86_400_000),
        CapPlan(9, "visitor"),
    )
    waits = (policy.wait_dismiss_ms, policy.wait_message_ms, policy.wait_chat_ms)
    assert waits == (2 * 86_400_000, 0, 60_000)
    assert policy.quiet == (DayRange(1320, 420, "visitor"), DayRange(720, 780, "site"))
    assert policy.never_on is not None
    assert [glob.source for glob in policy.never_on.globs] == ["/a", "/b", "/c"]
    assert policy.holdout == Holdout(12.5, "session")


def test_the_cap_of_a_session_stays_when_only_others_are_written() -> None:
    policy = checked("policy {\n  at most 3 per 7d\n}\n").policy
    assert policy.caps == (*PolicyPlan().caps, CapPlan(3, "window", 7 * 86_400_000))


@pytest.mark.parametrize(
    ("clause", "code"),
    [
        ("first message after 30", "OP101"),
        ("first message after 0s", "OP104"),
        ("first message after 1d", "OP103"),
        ("at most 5000 per 7d", "OP105"),
        ("quiet hours 24:00 to 07:00 in site time", "OP105"),
        ("quiet hours 07:00 to 07:00 in site time", "OP141"),
        ("holdout 140% by visitor", "OP105"),
        ('never on page "pay"', "OP126"),
        ("never on page nowhere", "OP112"),
        ("wait 24h after dismiss\n  wait 25h after dismiss", "OP022"),
        ("holdout 5% by visitor\n  holdout 6% by session", "OP022"),
    ],
)
def test_a_faulty_clause_of_a_policy_has_one_code(clause: str, code: str) -> None:
    assert codes(f"policy {{\n  {clause}\n}}\n") == [code]


def test_a_second_policy_score_or_site_is_refused() -> None:
    for block in ("policy {\n}\n", "score {\n}\n", 'site "a" timezone "UTC"\n'):
        assert codes(block + block) == ["OP023"]


def test_terms_of_a_score() -> None:
    score = checked("""\
score likelihood {
  start -2.2
  +0.35 per view of "/trips" up to 1.4
  -0.5 per 10s of page_age up to -2
}
""").score
    assert score.likelihood
    start, events, time = score.terms
    assert start == StartTerm(-2.2)
    assert isinstance(events, EventTerm)
    assert (events.amount, events.up_to, events.pattern.key) == (0.35, 1.4, 'view of ["/trips"]')
    assert time == TimeTerm(-0.5, "page_age", 10_000, 2.0)


def test_a_set_without_a_score_gets_the_default_one() -> None:
    assert checked(rule()).score == checked(DEFAULT_SCORE).score
    assert len(checked(rule()).score.terms) == 8


@pytest.mark.parametrize(
    ("term", "code"),
    [
        ("start 5000", "OP105"),
        ("start 2.5", "OP137"),
        ("+1 per 5s of time_on_pages up to 10", "OP110"),
        ("+1 per 5s of zebra up to 10", "OP110"),
        ("+1 per 5 seconds of time_on_page up to 2.5", "OP137"),
        ("+1 per zebra up to 10", "OP111"),
        ("+1 when score >= 5", "OP118"),
        ("start 5\n  start 6", "OP022"),
    ],
)
def test_a_faulty_term_has_one_code(term: str, code: str) -> None:
    assert codes(f"score {{\n  {term}\n}}\n") == [code]


def test_a_rule_without_clauses_has_the_defaults() -> None:
    (plan,) = checked(rule()).rules
    assert plan.when.key == "always"
    assert plan.unless == ()
    assert (plan.priority, plan.expires_ms, plan.assistant) == (50, 120_000, "primary")
    assert plan.limits == (CapPlan(1, "session"),)
    assert (plan.active, plan.during, plan.holdout_percent) == (None, (), 0.0)
    assert [variant.name for variant in plan.variants] == [""]


def test_clauses_of_a_rule_replace_their_defaults() -> None:
    (plan,) = checked(
        rule(
            'about "Plans are hard to compare."',
            'owner "growth@ledgerly.example"',
            "tags pricing, sales",
            'except page "/pricing/thanks"',
            "when seen click",
            "when score >= 5",
            "unless seen purchase",
            "unless seen form_submit",
            "priority 85",
            "limit 1 per 30d",
            "active 2026-05-01 to 2026-07-31",
            "during 09:00 to 17:00 on fri, mon in site time",
            "during 22:00 to 02:00 in visitor time",
            "expires after 1m",
            "assistant sales",
            "holdout 10%",
        )
    ).rules
    assert plan.when.key == "(at least 1 click this session and score >= 5)"
    assert len(plan.unless) == 2
    assert plan.except_on is not None
    assert plan.limits == (CapPlan(1, "session"), CapPlan(1, "window", 30 * 86_400_000))
    assert plan.active == (739737, 739828)
    assert plan.during == (DayRange(540, 1020, "site", (1, 5)), DayRange(1320, 120, "visitor"))
    assert (plan.priority, plan.expires_ms, plan.assistant) == (85, 60_000, "sales")
    assert (plan.about, plan.owner) == ("Plans are hard to compare.", "growth@ledgerly.example")
    assert (plan.tags, plan.holdout_percent) == (("pricing", "sales"), 10.0)


def test_a_limit_per_session_replaces_the_default() -> None:
    (plan,) = checked(rule("limit 2 per session")).rules
    assert plan.limits == (CapPlan(2, "session"),)


@pytest.mark.parametrize(
    ("clause", "code"),
    [
        ("priority 500", "OP105"),
        ("limit 0 per session", "OP105"),
        ("limit 1 per session\n  limit 2 per session", "OP022"),
        ("priority 1\n  priority 2", "OP022"),
        ('on page "/b"', "OP022"),
        ("on any page", "OP138"),
        ("during 09:00 to 25:00 in site time", "OP105"),
        ("during 09:00 to 17:00 on someday in site time", "OP107"),
        ("active 2026-02-01 to 2026-02-30", "OP105"),
        ("active 2026-07-31 to 2026-05-01", "OP141"),
        ("expires after 2d", "OP103"),
        ("holdout 101%", "OP105"),
        ('say "Plans?"\n    reply "Yes" -> dismiss\n    reply "No" -> dismiss', "OP134"),
    ],
)
def test_a_faulty_clause_of_a_rule_has_one_code(clause: str, code: str) -> None:
    found = [found for found in one(clause) if found != "OP303"]
    assert found == [code]


def test_the_key_of_a_rule_does_not_depend_on_its_place() -> None:
    first = checked(rule(name="a") + rule(name="b")).rules
    second = checked(rule(name="b") + rule(name="a")).rules
    assert first[0].key == second[1].key
    assert first[0].key != first[1].key


def message(*replies: str, say: str = "Questions about pricing?") -> str:
    lines = "".join(f"    reply {reply}\n" for reply in replies)
    return f'rule a {{\n  on page "/pricing"\n  say "{say}"\n{lines}}}\n'


def test_replies_have_values_and_payloads_by_their_action() -> None:
    text = message(
        '"Où?" -> ask "Where, {country | you}?"', '"!" -> open "/x"', '"B" -> quote as b'
    )
    replies = checked(text).rules[0].variants[0].message.replies
    assert [reply.value for reply in replies] == ["ou", "reply_2", "b"]
    assert [reply.payload.source if reply.payload else None for reply in replies] == [
        "Where, {country | you}?",
        "/x",
        None,
    ]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ('"Yes" -> say', "OP131"),
        ('"Yes" -> open "shop"', "OP131"),
        ('"Yes" -> open "javascript:alert(1)"', "OP131"),
        ('"Yes" -> open "//evil.example"', "OP131"),
        ('"Yes" -> open "http://shop.example/x"', "OP131"),
        ('"Yes" -> open "https://shop.example/x"', None),
        ('"Yes" -> handoff "sales"', None),
        ('"Yes" -> handoff', None),
        ('"Yes" -> dismiss "bye"', "OP131"),
        ('"No!" -> quote', "OP132"),
        ('"Yes" -> quote as no', "OP132"),
        (f'"{"y" * 41}" -> quote', "OP105"),
        (f'"Yes" -> say "{"y" * 2001}"', "OP105"),
        ('"Yes {x}" -> quote', "OP110"),
        ('"Yes" -> say "{score}"', "OP142"),
        ('"Yes" -> quote "{x}"', None),
        ('"Yes" -> say "{x"', "OP142"),
    ],
)
def test_a_reply_is_right_or_has_one_code(reply: str, code: str | None) -> None:
    assert codes(message('"No" -> dismiss', reply)) == ([] if code is None else [code])


def test_the_mended_address_of_a_reply_is_right_itself() -> None:
    for address in ("shop", "http://shop.example/x", "//evil.example", "javascript:x", "a b"):
        (found,) = report(message('"No" -> dismiss', f'"Yes" -> open "{address}"')).diagnostics
        assert found.fix is not None
        fixed = found.fix.edits[0].text
        assert codes(message('"No" -> dismiss', f'"Yes" -> open {fixed}')) == []


def test_a_placeholder_behind_escapes_is_shown_at_its_own_place() -> None:
    text = message('"A" -> dismiss', '"B" -> quote', say='\\"Hi\\" \\\\ {visitor.nam | you}')
    (found,) = report(text).diagnostics
    assert found.code == "OP110"
    assert text[found.span.start : found.span.end] == "visitor.nam"


def test_an_answer_has_its_phrases_and_message() -> None:
    plans = checked("""\
answer cost "Prices" {
  on page "/services/**"
  asked "how much", "diagnostic fee"
  asked "price"
  say "A visit is $89."
}
answer other { asked anything  say "I'll pass that on." }
""").answers
    assert plans[0].phrases == ("how much", "diagnostic fee", "price")
    assert plans[0].on is not None
    assert (plans[0].anything, plans[1].anything) == (False, True)


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ('asked "x"', "OP134"),
        ('asked "x"\n  say "a"\n  say "b"', "OP134"),
        (f'asked "{"x" * 300}"\n  say "a"', "OP105"),
        ('asked "x"\n  on page "x"\n  say "a"', "OP126"),
        ('asked "x"\n  say "{visitor.name}"', "OP305"),
    ],
)
def test_a_faulty_answer_has_one_code(items: str, code: str) -> None:
    assert codes(f"answer a {{\n  {items}\n}}\n") == [code]


def test_what_changes_behaviour_changes_the_version_and_nothing_else_does() -> None:
    base = checked(rule("when seen click"))
    same = checked("# a remark\n" + rule("when   seen click"))
    tested = rule("when seen click") + 'test "x" {\n  at 0s view "/pricing"\n}\n'
    assert base.version == same.version == checked(tested).version
    changed = [
        rule("when seen view"),
        rule("when seen click", "priority 51"),
        rule("when seen click") + 'site "b" timezone "UTC"\n',
        rule("when seen click") + "attribute a: number default 1\n",
        rule("when seen click") + "event a {}\n",
        rule("when seen click") + "goal a = purchase\n",
        rule("when seen click") + "policy {\n  first message after 31s\n}\n",
        rule("when seen click").replace("Which one?", "Which?"),
    ]
    versions = {checked(text).version for text in changed}
    assert len(versions) == len(changed)
    assert base.version not in versions


def test_an_empty_set_is_a_rule_set() -> None:
    assert checked("").rules == ()
    assert checked({}).site == "default"


def test_two_rules_with_one_name_are_refused() -> None:
    assert codes(rule() + rule()) == ["OP115"]


def test_a_message_is_needed_on_every_variant() -> None:
    text = f'rule a {{\n  on page "/pricing"\n  variant x 50% {{\n}}\n  variant y 50% {{\n{MESSAGE}}}\n}}\n'
    assert codes(text) == ["OP134"]


def test_two_variants_with_one_name_are_refused() -> None:
    variants = "".join(
        f'  variant x 50% {{\n    say "Plans {n}?"\n      reply "Yes" -> quote\n      reply "No" -> dismiss\n  }}\n'
        for n in range(2)
    )
    assert codes(f'rule a {{\n  on page "/pricing"\n{variants}}}\n') == ["OP115"]


def test_a_faulty_message_of_a_variant_is_reported() -> None:
    variant = '  variant {0} 50% {{\n    say "{{x}}"\n      reply "Yes" -> quote\n      reply "No" -> dismiss\n  }}\n'
    text = f'rule a {{\n  on page "/pricing"\n{variant.format("x")}{variant.format("y")}}}\n'
    assert codes(text) == ["OP110", "OP110"]


def test_a_say_beside_variants_is_refused() -> None:
    text = rule().replace("}\n", '  variant x 100% {\n    say "Plans?"\n  }\n}\n')
    assert "OP134" in codes(text)


def test_a_text_that_is_too_long_is_not_cut_in_a_placeholder() -> None:
    say = "x" * 1995 + "{visitor.name | you}"
    (found,) = report(message('"A" -> quote', '"B" -> dismiss', say=say)).diagnostics
    assert found.code == "OP105"
    assert found.fix is not None
    assert found.fix.edits[0].text == f'"{"x" * 1995}"'


def test_an_answer_may_say_what_it_is_about() -> None:
    text = 'answer a {\n  about "Prices"\n  owner "x"\n  asked "price"\n  say "It is $5."\n}\n'
    assert len(checked(text).answers) == 1
    assert codes(text.replace("owner", "about")) == ["OP022"]


def test_a_zone_that_is_nowhere_near_becomes_utc() -> None:
    (found,) = report('site "a" timezone "Middle Earth"\n').diagnostics
    assert 'try: site "a" timezone "UTC"' in found.help


def test_a_removed_declaration_over_several_lines_has_no_line_to_try() -> None:
    (found,) = report("event view {\n  x: text\n}\n").diagnostics
    assert found.fix is not None
    assert "try:" not in found.help


def test_a_declared_name_that_is_reported_twice_is_reported_at_the_second() -> None:
    assert codes('set a = [1]\nset a = [2]\nanswer b { say "x" }\nanswer b { say "y" }\n') == [
        "OP115",
        "OP115",
    ]
