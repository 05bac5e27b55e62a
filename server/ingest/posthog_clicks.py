"""What PostHog's clients notice by themselves of clicks and forms, in the words of our own widget."""

from collections.abc import Mapping

ELEMENTS_MAX = 20
"""Elements around a click that are looked at, from the innermost on. test_a_noticed_click_names_its_target"""

CHAIN_CHARS_MAX = 8_000
"""Characters of such elements as one text that are looked at. test_a_noticed_click_names_its_target"""

TEXT_CHARS_MAX = 300
"""A longer text or name of an element is cut. test_long_texts_of_elements_are_cut"""

HREF_CHARS_MAX = 2_048
"""A longer address of an element is cut. test_long_texts_of_elements_are_cut"""

_OPENS = '="'
_QUOTE = '\\"'
_MARK = "attr__data-opportune"

Element = Mapping[str, object]


def noticed(properties: Mapping[str, object]) -> tuple[str, dict[str, object]] | None:
    """Return the event and its fields: a click, a form that was sent, or activity; None for what is none."""
    match properties.get("$event_type"):
        case "click":
            return "click", _click(properties, _elements(properties))
        case "submit":
            return "form_submit", _named("form", _elements(properties)[:1])
        case "change":
            return "activity", {}
        case _:
            return None


def _click(properties: Mapping[str, object], elements: list[Element]) -> dict[str, object]:
    marked = next((one for one in elements if one.get(_MARK)), None)
    fields = _named("target", [marked] if marked else elements[:1])
    first = elements[0] if elements else {}
    text = properties.get("$el_text") or first.get("$el_text") or first.get("text")
    if isinstance(text, str) and text:
        fields["text"] = text[:TEXT_CHARS_MAX]
    href = first.get("attr__href") or first.get("href")
    if isinstance(href, str) and href:
        fields["href"] = href[:HREF_CHARS_MAX]
    return fields


def _named(field: str, elements: list[Element]) -> dict[str, object]:
    """Name an element as the widget does: by what the site marked it with, else its id or name."""
    for element in elements:
        for attribute in (_MARK, "attr__id", "attr__name"):
            value = element.get(attribute)
            if isinstance(value, str) and value:
                return {field: value[:TEXT_CHARS_MAX]}
    return {}


def _elements(properties: Mapping[str, object]) -> list[Element]:
    listed = properties.get("$elements")
    if isinstance(listed, list):
        return [one for one in listed[:ELEMENTS_MAX] if isinstance(one, dict)]
    chain = properties.get("$elements_chain")
    return [_of_chain(chain[:CHAIN_CHARS_MAX])] if isinstance(chain, str) and chain else []


def _of_chain(chain: str) -> Element:
    """Read the innermost element of `a.button:attr__id="buy"text="Buy";div:...`."""
    attributes: dict[str, object] = {}
    start = 0
    while (equals := chain.find(_OPENS, start)) >= 0:
        name = chain[start:equals]
        end = _closing_quote(chain, equals + len(_OPENS))
        if ";" in name or end < 0:
            break
        value = chain[equals + len(_OPENS) : end]
        # Before the first attribute stand the tag and its classes.
        attributes.setdefault(
            name if start else name.rpartition(":")[2], value.replace(_QUOTE, '"')
        )
        start = end + 1
    return attributes


def _closing_quote(chain: str, start: int) -> int:
    """Find the quotation mark that ends a value, -1 without one; those inside have a backslash."""
    end = chain.find('"', start)
    while end > start and chain[end - 1] == "\\":
        end = chain.find('"', end + 1)
    return end
