"""Which pages belong together: the page of a message and the page the visitor is on now."""

from engine.message import Message
from engine.session import Session
from rules.checked import PageList
from rules.compiler.program import Program
from rules.page_globs import address_key, matches


def is_never_on(program: Program, page_key: str) -> bool:
    """Tell whether the policy keeps a page free of messages."""
    return program.page_bits(page_key) & program.never_on_bit != 0


def fits_page(program: Program, session: Session, message: Message) -> bool:
    """Tell whether the current page is one of the message's rule, or related to its trigger's page."""
    key = session.state.page_key
    if message.rule:
        rule = next((r for r in program.checked.rules if r.name == message.rule), None)
        return rule is not None and bool(program.page_rules(key) >> rule.number & 1)
    wanted = message.trigger.get("page_url")
    if not isinstance(wanted, str) or not key:
        return True
    return related_pages(program, address_key(wanted), key)


def related_pages(program: Program, one: str, other: str) -> bool:
    """Tell whether two normalised addresses are one page, or lie in one `pages` block (API.md 3.2).

    Host, query and ASCII case do not matter.
    """
    if _path_of(one) == _path_of(other):
        return True
    return any(
        _is_among(pages, one) and _is_among(pages, other)
        for pages in program.checked.pages.values()
    )


def _is_among(pages: PageList, page_key: str) -> bool:
    return any(matches(glob, page_key) for glob in pages.globs)


def _path_of(key: str) -> str:
    path = key[key.find("/") :] if "/" in key else key
    return path.partition("?")[0].lower()
