"""Best practices: each check on both sides of its line, and what silences it."""

import pytest

from tests.rules.checking import checked, codes, report, rule

OPTIONAL = "attribute visitor.tier: text optional\nattribute visitor.vip: yes_no optional\n"
SURE = 'attribute visitor.plan: text default "none"\nattribute cart.top: text optional\n'


def policy(clause: str, *more: str) -> list[str]:
    lines = "".join(f"  {line}\n" for line in (clause, *more))
    return codes(f"policy {{\n{lines}}}\n")


def message(say: str, *replies: str, clauses: str = "") -> list[str]:
    lines = "".join(f"    reply {reply}\n" for reply in replies)
    text = (
        f'rule a "Pricing help" {{\n  on page "/pricing"\n{clauses}'
        f'  when seen click\n  say "{say}"\n{lines}}}\n'
    )
    return codes(text, hints=True)


YES, NO = '"Yes" -> ask "Which one?"', '"No" -> dismiss'


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("first message after 29s", ["OP301"]),
        ("first message after 30s", []),
        ("at most 1 per session", []),
        ("at most 2 per session", ["OP306"]),
        ("at most 3 per session unless engaged", []),
        ("at most 4 per session unless engaged", ["OP306"]),
        ("at most 9 per 7d", []),
        ("wait 59m after dismiss", ["OP310"]),
        ("wait 1h after dismiss", []),
        ("wait 1s after message", []),
        ("holdout 50% by visitor", []),
        ("holdout 50.5% by visitor", ["OP231"]),
        ("holdout 0.5% by visitor", ["OP231"]),
        ("holdout 0% by visitor", []),
    ],
)
def test_a_policy_is_polite_up_to_its_line(clause: str, found: list[str]) -> None:
    assert policy(clause) == found


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("limit 2 per session", []),
        ("limit 3 per session", ["OP306"]),
        ("limit 9 per 7d", []),
        ("holdout 60%", ["OP231"]),
    ],
)
def test_a_rule_is_polite_up_to_its_line(clause: str, found: list[str]) -> None:
    assert codes(rule(clause)) == found


@pytest.mark.parametrize(
    ("on", "found"),
    [
        ("on any page", ["OP303"]),
        ('on page "/**"', ["OP303"]),
        ("on page everything", ["OP303"]),
        ('on page "/docs/**"', []),
        ('on page "/*"', []),
    ],
)
def test_a_rule_that_speaks_everywhere_is_pointed_out(on: str, found: list[str]) -> None:
    assert codes('pages everything = "/**"\n' + rule(on=on)) == found


@pytest.mark.parametrize(
    ("say", "replies", "found"),
    [
        ("Pricing plans?", (YES, NO), []),
        ("Pricing plans?", (YES,), ["OP302"]),
        ("Pricing plans?", (YES, NO, '"A" -> quote'), []),
        ("Pricing plans?", (YES, NO, '"A" -> quote', '"B" -> call'), ["OP302"]),
        ("Can I help?", (YES, NO), ["OP304"]),
        ("Can I help?", ('"Prices" -> quote', NO), ["OP304"]),
        ("Can I help?", ('"Pricing" -> quote', NO), []),
        ("Pricing " + "x" * 152, (YES, NO), []),
        ("Pricing " + "x" * 153, (YES, NO), ["OP307"]),
        ("Pricing? Plans?", (YES, NO), ["OP308"]),
        ("Pricing plans?", (YES, '"See all" -> open "/x"'), ["OP309"]),
        ("Pricing plans?", (f'"{"y" * 25}" -> quote', NO), []),
        ("Pricing plans?", (f'"{"y" * 26}" -> quote', NO), ["OP313"]),
    ],
)
def test_a_message_is_good_up_to_its_line(
    say: str, replies: tuple[str, ...], found: list[str]
) -> None:
    assert message(say, *replies) == found


def test_a_rule_without_a_sign_of_interest_is_pointed_out() -> None:
    assert codes(rule(), hints=True) == ["OP311"]
    assert codes(rule("when seen click"), hints=True) == []


@pytest.mark.parametrize(
    ("shares", "found"),
    [
        (["50%", "50%"], []),
        (["33.3%", "33.3%", "33.4%"], []),
        (["34%", "33%", "34%"], ["OP230"]),
        (["40%", "40%"], ["OP230"]),
        (["100%"], ["OP230"]),
        (["20%"] * 5, []),
        (["10%"] * 4 + ["20%", "40%"], ["OP105"]),
    ],
)
def test_variants_make_a_whole(shares: list[str], found: list[str]) -> None:
    variants = "".join(
        f'  variant v{n} {share} {{\n    say "Pricing {n}?"\n      reply {YES}\n      reply {NO}\n  }}\n'
        for n, share in enumerate(shares)
    )
    text = f'rule a {{\n  on page "/pricing"\n  when seen click\n{variants}}}\n'
    assert [code for code in codes(text) if code != "OP302"] == found


def test_an_optional_value_in_a_text_needs_a_word_for_its_absence() -> None:
    def said(text: str) -> list[str]:
        return codes(
            SURE
            + f'rule a {{\n  on page "/p"\n  say "{text}"\n    reply {YES}\n    reply {NO}\n}}\n'
        )

    assert said("{visitor.name}") == ["OP305"]
    assert said("{visitor.name | you}") == []
    assert said("{visitor.name |}") == []
    assert said("{visitor.plan}") == []
    assert said("{page.path}") == []
    assert said("{page.query.ref}") == ["OP305"]


def test_payloads_are_texts_too_unless_they_are_addresses() -> None:
    assert message("Pricing?", '"Yes" -> say "Hi {visitor.name}"', NO) == ["OP305"]
    assert message("Pricing?", '"Yes" -> open "/{visitor.name}"', NO) == []


@pytest.mark.parametrize(
    "clauses",
    [
        ('when visitor.tier = "gold"',),
        ('when not visitor.tier != "gold"',),
        ("when visitor.vip",),
        ("when visitor.vip = no",),
        ('when visitor.tier is known and visitor.tier != "gold"',),
        ('when visitor.tier is unknown or visitor.tier != "gold"',),
        ('unless visitor.tier is known and visitor.tier = "gold"',),
        ("when visitor.tier is known", 'unless visitor.tier = "gold"'),
        ("unless visitor.tier is unknown", 'unless visitor.tier = "gold"'),
        ("unless not visitor.tier is known", 'when not visitor.tier = "gold"'),
        ('when not (visitor.tier is unknown or visitor.tier = "gold")',),
        ('when visitor.tier is known and (seen click or not visitor.tier contains "g")',),
        ('when (visitor.tier is known) and (visitor.tier not in ["a"]) for 5s',),
        ("when has_tier", 'unless visitor.tier = "gold"'),
        ('when not (visitor.tier is unknown and visitor.tier = "x") and visitor.tier is known',),
        ('when visitor.plan != "paid"',),
        ("unless visitor.tier is known",),
        ('when device != "mobile"',),
        ("when visitor.plan = cart.top",),
    ],
)  # fmt: skip
def test_a_guarded_condition_is_right(clauses: tuple[str, ...]) -> None:
    defines = "define has_tier = visitor.tier is known and score >= 1\n"
    assert codes(OPTIONAL + SURE + defines + rule(*clauses)) == []


@pytest.mark.parametrize(
    ("clauses", "name"),
    [
        (('when visitor.tier != "gold"',), "visitor.tier"),
        (('when visitor.tier not in ["gold"]',), "visitor.tier"),
        (('when not visitor.tier = "gold"',), "visitor.tier"),
        (("when not visitor.vip",), "visitor.vip"),
        (("unless visitor.vip",), "visitor.vip"),
        (('unless not visitor.tier != "gold"',), "visitor.tier"),
        (('unless seen click or visitor.tier starts with "g"',), "visitor.tier"),
        (('when visitor.tier is known or visitor.tier != "gold"',), "visitor.tier"),
        (('when visitor.tier is unknown and visitor.tier != "gold"',), "visitor.tier"),
        (('when (visitor.tier is known and seen click) or visitor.tier != "x"',), "visitor.tier"),
        (("when visitor.vip is known", 'unless visitor.tier = "gold"'), "visitor.tier"),
        (('unless (visitor.tier = "gold") for 10s',), "visitor.tier"),
        (("when visitor.plan != cart.top",), "cart.top"),
        (("unless is_gold",), "visitor.tier"),
        (('when utm.source != "ads"',), "utm.source"),
        (('when page.query.ref not in ["a"]',), "page.query.ref"),
        (('unless visitor.tier between "a" and "b"',), ""),
    ],
)  # fmt: skip
def test_an_unguarded_condition_names_the_attribute(clauses: tuple[str, ...], name: str) -> None:
    defines = 'define is_gold = visitor.tier = "gold"\n'
    found = report(OPTIONAL + SURE + defines + rule(*clauses)).diagnostics
    if not name:
        assert [item.code for item in found] == ["OP121"]
        return
    assert [item.code for item in found] == ["OP401"]
    assert f"while {name} is unknown" in found[0].message


def test_both_ways_out_of_an_unguarded_condition_are_right() -> None:
    for clause in (
        'when visitor.tier != "gold"',
        'unless visitor.tier = "gold"',
        "when not visitor.vip",
    ):
        text = OPTIONAL + rule(clause, "when seen click")
        (found,) = report(text).diagnostics
        first, second = [line[5:] for line in found.help.splitlines()[1:]]
        assert codes(OPTIONAL + rule(first, "when seen click")) == []
        assert codes(OPTIONAL + rule(clause, second)) == []


def test_a_condition_behind_a_define_is_reported_in_the_rule() -> None:
    text = OPTIONAL + 'define is_gold = visitor.tier = "gold"\n' + rule("unless is_gold")
    (found,) = report(text).diagnostics
    assert text[found.span.start : found.span.end] == "is_gold"
    assert "try: when visitor.tier is known" in found.help


def test_allow_silences_a_warning_of_its_own_block() -> None:
    reason = 'allow OP303 because "it is about the whole site"'
    assert codes(rule(reason, on="on any page")) == []
    assert codes(rule(reason, on="on any page") + rule(on="on any page", name="b")) == ["OP303"]
    assert policy("first message after 5s", 'allow OP301 because "chat first"') == []


def test_allow_silences_a_hint_and_no_error() -> None:
    assert codes(rule('allow OP311 because "x"'), hints=True) == []
    assert message("{visitor.name}, pricing?", YES, NO, clauses='  allow OP305 because "x"\n') == [
        "OP305"
    ]


def test_warnings_leave_a_rule_set_usable() -> None:
    result = report(rule(on="on any page"))
    assert result.checked is not None
    assert checked(rule()).rules


def test_what_is_never_used_is_pointed_out() -> None:
    declared = 'attribute a: text optional\nevent b {}\npages c = "/c"\nset d = [1]\ndefine e = seen click\n'
    assert codes(declared, hints=True) == ["OP119"] * 5
    used = rule("when a in d and seen b and e", on="on page c").replace("set", "set")
    assert codes(declared.replace("a: text", "a: number") + used, hints=True) == []


def test_a_name_that_only_a_dead_define_uses_counts_as_used() -> None:
    text = 'pages c = "/c"\ndefine e = seen view of c\n'
    assert codes(text, hints=True) == ["OP119"]


def test_the_company_is_used_by_a_holdout_of_companies() -> None:
    declared = "attribute visitor.company: text optional\n"
    assert codes(declared + "policy {\n  holdout 10% by company\n}\n", hints=True) == []


def test_a_define_that_goes_round_is_reported_once_and_ends() -> None:
    assert codes("define a = not a\n" + rule("unless a")) == ["OP117"]


def test_a_comparison_of_two_optional_attributes_is_reported_once() -> None:
    assert codes(OPTIONAL + SURE + rule("when visitor.tier != cart.top")) == ["OP401"]


def test_what_does_not_read_is_not_judged() -> None:
    assert policy("wait 5 after dismiss") == ["OP101"]
    variants = "variant x 140% {\n  }\n  variant y 50% {\n  }"
    assert "OP230" not in codes(f'rule a {{\n  on page "/x"\n  {variants}\n}}\n')


def test_a_rule_without_a_topic_is_never_off_topic() -> None:
    text = f'rule a {{\n  on any page\n  when seen click\n  say "Hm?"\n    reply {YES}\n    reply {NO}\n}}\n'
    assert codes(text, hints=True) == ["OP303"]


def test_the_about_and_named_pages_are_topics_too() -> None:
    about = '  about "Volume discounts"\n'
    assert message("Discount?", YES, NO, clauses=about) == []
    text = rule("when seen click", on="on page plans").replace("Pricing help", "x")
    named = 'pages plans = "/tariffs?x=1"\n'
    assert codes(named + text, hints=True) == []
    assert codes(named + text.replace("pricing plans", "tariffs"), hints=True) == []
