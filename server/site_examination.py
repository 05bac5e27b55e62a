"""Whether the pages of the configured origins answer and hold the snippet, as findings of `opportune doctor`."""

import asyncio
from collections.abc import Iterable, Sequence
from urllib.parse import urljoin, urlsplit

from engine.outbox.posting import Page, Poster, Resolver
from server.config import Config
from server.examination import Finding
from server.snippet import tokens_of
from server.workspace_settings import Site, Workspace

ORIGINS_MAX = 20
"""Origins that are looked at; of further ones it is said that they were not. test_only_so_many_origins_are_looked_at"""

READ_S = 5.0
REDIRECTS_MAX = 3
"""Redirects that are followed inside an origin. test_a_page_that_leads_in_a_circle_is_given_up"""

_SHOW = "paste the tag that `opportune init --show-snippet` prints"


async def look_at_sites(config: Config) -> Sequence[Finding]:
    """Read the first page of each origin, all at once."""
    wanted = [
        (origin, workspace, site)
        for workspace in config.workspaces
        for site in workspace.sites
        for origin in site.origins
    ]
    resolver = Resolver()
    # The operator's own file names these addresses: a site that is still on this machine is read too.
    poster = Poster(allow_private=True, resolve=resolver)
    try:
        looks = (_look(poster, config, *each) for each in wanted[:ORIGINS_MAX])
        found = [*await asyncio.gather(*looks)]
    finally:
        await poster.close()
        resolver.close()
    if len(wanted) > ORIGINS_MAX:
        words = f"{len(wanted) - ORIGINS_MAX} more were not looked at"
        found.append(Finding("skip", "origin", words))
    return found


async def _look(
    poster: Poster, config: Config, origin: str, workspace: Workspace, site: Site
) -> Finding:
    address, page = await _first_page(poster, origin)
    if page.problem:
        return _warning(f"{origin} does not answer: {page.problem}", "open it in a browser")
    if page.location and 300 <= page.status < 400:
        elsewhere = _origin_of(address)
        if elsewhere == origin:
            return _warning(f"{origin} leads in a circle", "open it in a browser")
        advice = f'add "{elsewhere}" to the origins of {site.source_id}, if its pages are there'
        return _warning(f"{origin} sends its visitors to {elsewhere}", advice)
    if page.status >= 400:
        return _warning(f"{origin} answers {page.status}", "open it in a browser")
    return _judged(origin, page.text, config.server.public_url, tokens_of(workspace, site))


def _judged(origin: str, text: str, public_url: str, tokens: Iterable[str]) -> Finding:
    """Look for the site's token: in a tag, in a loader's options, wherever the page has it."""
    if not any(token in text for token in tokens):
        return _warning(f"{origin} answers, its page does not hold the snippet", _SHOW)
    if public_url not in text:
        words = f"{origin} holds the snippet of another server than {public_url}"
        return _warning(words, f"{_SHOW}, or set server.public_url")
    return Finding("ok", "origin", f"{origin} answers, its page holds the snippet")


async def _first_page(poster: Poster, origin: str) -> tuple[str, Page]:
    """Read an origin's first page, as far as redirects stay inside; returns where they led."""
    address = f"{origin}/"
    page = await poster.read(address, READ_S)
    for _ in range(REDIRECTS_MAX):
        if not (page.location and 300 <= page.status < 400):
            break
        address = urljoin(address, page.location)
        if _origin_of(address) != origin:
            break
        page = await poster.read(address, READ_S)
    return address, page


def _origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _warning(words: str, advice: str) -> Finding:
    return Finding("warn", "origin", words, advice)
