"""Page patterns and addresses as LANGUAGE.md 6 describes them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.page_globs import GlobProblem, PageGlob, SegmentTrie, address, address_key, matches


def glob(pattern: str) -> PageGlob:
    """Parse a pattern that is known to be good."""
    parsed = PageGlob.parse(pattern)
    assert isinstance(parsed, PageGlob), parsed
    return parsed


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://www.northside.example/Services/AC-Repair/?utm_source=ads#top",
         "northside.example/services/ac-repair?utm_source=ads"),
        ("http://Shop.Example:80/", "shop.example/"),
        ("https://shop.example:443", "shop.example/"),
        ("https://shop.example:8443/a", "shop.example:8443/a"),
        ("//user:pass@shop.example/a", "shop.example/a"),
        ("/pricing", "/pricing"),
        ("/pricing/#plans", "/pricing"),
        ("/a//b/./c/../d/", "/a/b/d"),
        ("/../..", "/"),
        ("/%7Ea/%2e%2E/b", "/b"),
        ("/a%2Fb", "/a%2fb"),
        ("/über", "/%c3%bcber"),
        ("/%C3%BCber", "/%c3%bcber"),
        ("/my page", "/my%20page"),
        ("/my%20page", "/my%20page"),
        ("https://bücher.example/x", "xn--bcher-kva.example/x"),
        ("/a?b=1&b=2&c+d=%20", "/a?b=1&c+d=+"),
        ("?x", "/?x="),
        ("/index.html", "/index.html"),
        ("", ""),
    ],
)  # fmt: skip
def test_an_address_has_one_normal_form(url: str, key: str) -> None:
    assert address_key(url) == key


def test_an_address_keeps_the_case_of_its_path_and_its_first_values() -> None:
    page = address("https://www.Shop.example/P/Rain-Shell/?Size=M&Size=L")
    assert (page.host, page.path, page.query) == ("shop.example", "/P/Rain-Shell", {"Size": "M"})


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("/", ["/", "https://shop.example"], ["/a"]),
        ("/pricing", ["/Pricing/", "https://x.example/pricing?a=1"], ["/pricing/x", "/"]),
        ("/a/*", ["/a/b"], ["/a", "/a/b/c"]),
        ("/services/*-repair", ["/services/ac-repair", "/services/-repair"],
         ["/services/repair", "/services/a/b-repair"]),
        ("/a*b*c", ["/abc", "/axbxc", "/abbcc"], ["/acb", "/ab"]),
        ("/docs/**", ["/docs", "/docs/a", "/docs/a/b"], ["/doc", "/"]),
        ("/**/b", ["/b", "/a/b", "/a/a/b"], ["/b/a"]),
        ("/a/**/b/**/c", ["/a/b/c", "/a/x/b/y/z/c", "/a/b/b/c"], ["/a/c", "/a/c/b"]),
        ("/**", ["/", "/a/b"], []),
        ("shop.example/cart", ["https://www.shop.example/Cart"], ["/cart", "https://a.example/cart"]),
        ("*.example.com/cart", ["https://a.b.example.com/cart"],
         ["https://example.com/cart", "https://badexample.com/cart"]),
        ("/p?plan=pro&ref=*", ["/p?ref=x&plan=pro&z=1"], ["/p?plan=pro", "/p?plan=pro&ref=", "/p?plan=x&ref=y"]),
        ("/p?plan", ["/p?plan", "/p?plan=x"], ["/p"]),
        ("/p?plan=", ["/p?plan="], ["/p?plan=x", "/p"]),
        ("/über", ["/%C3%BCBER", "/über"], ["/uber"]),
    ],
)  # fmt: skip
def test_a_pattern_matches_what_section_six_says(
    pattern: str, yes: list[str], no: list[str]
) -> None:
    parsed = glob(pattern)
    trie = SegmentTrie([[parsed]])
    for url in yes:
        assert matches(parsed, address_key(url)), url
        assert trie.bits(address_key(url)) == 1, url
    for url in no:
        assert not matches(parsed, address_key(url)), url
        assert trie.bits(address_key(url)) == 0, url


def test_without_a_page_nothing_matches() -> None:
    assert not matches(glob("/**"), "")
    assert SegmentTrie([[glob("/**")]]).bits("") == 0


@pytest.mark.parametrize(
    ("pattern", "suggestion"),
    [
        ("pricing", "/pricing"),
        ("example.com", "example.com/**"),
        ("https://example.com/a", "example.com/a"),
        ("/a#b", "/a"),
        ("/my page", "/my%20page"),
        ("/docs**", "/docs*"),
        ("/a/***", "/a/*"),
        ("shop.*/cart", "/cart"),
        ("/a?=x", "/a"),
        ("", "/"),
    ],
)
def test_a_bad_pattern_comes_with_a_good_one(pattern: str, suggestion: str) -> None:
    problem = PageGlob.parse(pattern)
    assert isinstance(problem, GlobProblem)
    assert problem.suggestion == suggestion
    assert glob(problem.suggestion).source == suggestion


def test_bits_say_which_lists_match() -> None:
    lists = [["/a"], ["/b", "/a/**"], ["x.example/a"], ["/a?q=1"], ["/*"]]
    trie = SegmentTrie([[glob(pattern) for pattern in patterns] for patterns in lists])
    assert trie.bits(address_key("https://x.example/a?q=1")) == 0b11111
    assert trie.bits(address_key("/a")) == 0b10011
    assert trie.bits(address_key("/b/c")) == 0


PATH_TEXT = st.text(alphabet="ab*/.%2eE?=&#:@ \ud800ü°℀", max_size=40)


@given(PATH_TEXT)
@settings(max_examples=100, deadline=None)
def test_no_text_is_too_odd_to_be_an_address(url: str) -> None:
    key = address_key(url)
    assert ("/" in key) == bool(url.strip())
    glob_or_problem = PageGlob.parse(url)
    if isinstance(glob_or_problem, GlobProblem):
        glob_or_problem = glob(glob_or_problem.suggestion)
    assert SegmentTrie([[glob_or_problem]]).bits(key) == matches(glob_or_problem, key)


SEGMENT = st.sampled_from(["a", "b", "ab", "*", "**", "a*", "*b", "a*b*", "x"])
PATTERN = st.lists(SEGMENT, max_size=5).map(lambda parts: "/" + "/".join(parts))
PATH = st.lists(st.sampled_from(["a", "b", "ab", "abb", "x"]), max_size=6).map(
    lambda parts: "/" + "/".join(parts)
)


@given(st.lists(st.lists(PATTERN, max_size=3), max_size=5), PATH)
@settings(max_examples=100, deadline=None)
def test_the_trie_agrees_with_each_pattern_alone(lists: list[list[str]], path: str) -> None:
    globs = [[glob(pattern) for pattern in patterns] for patterns in lists]
    expected = sum(
        1 << number
        for number, alone in enumerate(globs)
        if any(matches(one, path) for one in alone)
    )
    assert SegmentTrie(globs).bits(path) == expected
