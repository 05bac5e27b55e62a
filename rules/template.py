"""Texts with placeholders: parsing `{visitor.first_name | there}`, rendering, and a reply's slug."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from rules.checked import Placeholder, Template, Value
from rules.value_types import print_value

VALUE_LEN_MAX = 80
"""Characters of a value that are shown; the rest is cut off."""

SLUG_LEN_MAX = 40


@dataclass(frozen=True, slots=True)
class PlaceholderText:
    """A placeholder as written; `start` and `end` are offsets in the decoded text."""

    name: str
    fallback: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class BraceProblem:
    """Braces that do not close or do not parse (OP142); `inside` is what stands in them."""

    message: str
    inside: str
    start: int
    end: int


def parse_template(text: str) -> tuple[str | PlaceholderText, ...] | BraceProblem:
    """Split a decoded text into plain pieces and placeholders; `{{` is a literal brace."""
    pieces: list[str | PlaceholderText] = []
    plain = ""
    at = 0
    while at < len(text):
        brace = text.find("{", at)
        if brace < 0:
            break
        plain += text[at:brace]
        if text.startswith("{{", brace):
            plain += "{"
            at = brace + 2
            continue
        found = _placeholder(text, brace)
        if isinstance(found, BraceProblem):
            return found
        if plain:
            pieces.append(plain)
        pieces.append(found)
        plain, at = "", found.end
    plain += text[at:]
    if plain or not pieces:
        pieces.append(plain)
    return tuple(pieces)


def _placeholder(text: str, start: int) -> PlaceholderText | BraceProblem:
    close = text.find("}", start)
    if close < 0:
        word = (text[start + 1 :].split() or [""])[0].rstrip(",.;:!?")
        inside = word if text.startswith(word, start + 1) else ""
        return BraceProblem("this brace does not close", inside, start, start + 1 + len(inside))
    inside = text[start + 1 : close]
    name, bar, fallback = inside.partition("|")
    if not is_attribute_name(name.strip()) or "{" in fallback:
        message = f'"{{{inside}}}" is not an attribute in braces'
        return BraceProblem(message, inside, start, close + 1)
    return PlaceholderText(name.strip(), fallback.strip() if bar else None, start, close + 1)


def is_attribute_name(name: str) -> bool:
    """Tell whether a text is a dotted name such as `visitor.first_name`."""
    return all(part.isascii() and part.isidentifier() for part in name.split("."))


def render(template: Template, value_of: Callable[[str], Value | None], symbol: str) -> str:
    """Fill a template with values in checked units; `symbol` is the rule set's currency sign.

    An absent value shows the attribute's default, else the fallback, else nothing.
    """
    return "".join(
        part if isinstance(part, str) else _shown(part, value_of(part.attribute.name), symbol)
        for part in template.parts
    )


def _shown(placeholder: Placeholder, value: Value | None, symbol: str) -> str:
    if value is None:
        value = placeholder.attribute.default
    if value is None:
        return placeholder.fallback or ""
    return print_value(placeholder.attribute.type, value, symbol)[:VALUE_LEN_MAX]


def slug(text: str) -> str:
    """Turn a reply's text into its value: ASCII, lower case, other runs `_`; may be empty."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    words = "".join(char if char.isalnum() else " " for char in ascii_text.lower()).split()
    return "_".join(words)[:SLUG_LEN_MAX].strip("_")
