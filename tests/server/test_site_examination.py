"""What `opportune doctor` says of the pages that should hold the snippet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.outbox.posting import PAGE_BYTES_MAX
from server.config import Config
from server.examination import Finding
from server.site_examination import ORIGINS_MAX, look_at_sites
from tests.browser.pages import Pages, website
from tests.faults.server import free_port
from tests.server.running import write_config

pytestmark = pytest.mark.anyio
SERVER = "https://chat.acme.example"
TAG = f'<script async src="{SERVER}/widget.js" data-widget="ws_acme" data-token="wk_acme"></script>'


@pytest.fixture
def pages() -> Iterator[Pages]:
    with website() as site:
        yield site


def config_of(folder: Path, *origins: str) -> Config:
    listed = ", ".join(f'"{origin}"' for origin in origins)
    text = f"""
[server]
public_url = "{SERVER}"
[store]
url = "memory:"
[[workspaces]]
id = "ws_acme"
name = "Acme"
  [[workspaces.sites]]
  source_id = "site_acme"
  origins = [{listed}]
  [[workspaces.widget_tokens]]
  token = "wk_acme"
  site = "site_acme"
"""
    return write_config(folder, text)


async def look(folder: Path, pages: Pages) -> Finding:
    (found,) = await look_at_sites(config_of(folder, pages.address))
    assert found.subject == "origin"
    assert found.words.startswith(pages.address)
    return found


async def test_a_page_with_the_snippet_is_right(tmp_path: Path, pages: Pages) -> None:
    pages.put("/", body=TAG)
    found = await look(tmp_path, pages)
    assert found.level == "ok"
    assert found.words.endswith("answers, its page holds the snippet")


async def test_a_page_without_it_is_told_where_it_is(tmp_path: Path, pages: Pages) -> None:
    pages.put("/", body="<h1>Acme</h1>")
    found = await look(tmp_path, pages)
    assert found.level == "warn"
    assert found.words.endswith("answers, its page does not hold the snippet")
    assert found.advice == "paste the tag that `opportune init --show-snippet` prints"


async def test_a_snippet_of_another_server_is_told_apart(tmp_path: Path, pages: Pages) -> None:
    pages.put("/", body=TAG.replace(SERVER, "http://127.0.0.1:8700"))
    found = await look(tmp_path, pages)
    assert found.level == "warn"
    assert f"of another server than {SERVER}" in found.words


async def test_the_page_behind_a_redirect_of_the_site_is_read(tmp_path: Path, pages: Pages) -> None:
    pages.put_file("/", b"", "text/html", headers={"Location": "/en"}, status=302)
    pages.put("/en", body=TAG)
    assert (await look(tmp_path, pages)).level == "ok"


async def test_a_site_that_moved_says_where_its_visitors_are(tmp_path: Path, pages: Pages) -> None:
    to = "https://www.acme.example/start"
    pages.put_file("/", b"", "text/html", headers={"Location": to}, status=301)
    found = await look(tmp_path, pages)
    assert found.words.endswith("sends its visitors to https://www.acme.example")
    assert 'add "https://www.acme.example" to the origins of site_acme' in found.advice


async def test_a_page_that_leads_in_a_circle_is_given_up(tmp_path: Path, pages: Pages) -> None:
    pages.put_file("/", b"", "text/html", headers={"Location": "/"}, status=302)
    assert (await look(tmp_path, pages)).words.endswith("leads in a circle")
    assert len(pages.asked) == 4


async def test_a_site_that_fails_or_is_away_is_a_warning(tmp_path: Path, pages: Pages) -> None:
    assert (await look(tmp_path, pages)).words.endswith("answers 404")
    away = f"http://127.0.0.1:{free_port()}"
    (found,) = await look_at_sites(config_of(tmp_path, away))
    assert (found.level, found.words) == ("warn", f"{away} does not answer: no connection")


async def test_a_page_is_read_to_its_limit(tmp_path: Path, pages: Pages) -> None:
    end = f"{SERVER} wk_acme".encode()
    room = b" " * (PAGE_BYTES_MAX - len(end))
    pages.put_file("/", room + end, "text/html")
    assert (await look(tmp_path, pages)).level == "ok"
    pages.put_file("/", room + b" " + end, "text/html")
    assert (await look(tmp_path, pages)).words.endswith("does not hold the snippet")


async def test_only_so_many_origins_are_looked_at(tmp_path: Path, pages: Pages) -> None:
    pages.put("/", body=TAG)
    origins = [pages.address] * ORIGINS_MAX
    found = await look_at_sites(config_of(tmp_path, *origins, "https://more.example"))
    assert len(found) == ORIGINS_MAX + 1
    assert (found[-1].level, found[-1].words) == ("skip", "1 more were not looked at")
    assert all(one.level == "ok" for one in found[:-1])
