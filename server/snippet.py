"""The script tag that puts the widget on a site's pages, and the line for calls that come before it."""

import html
from importlib import resources

from server.config import Config
from server.workspace_settings import Site, Workspace

STUB_FILE = "stub.js"


def script_tag(public_url: str, widget: str, token: str, **more: str) -> str:
    """Write the tag; `more` are further attributes, `data-…` of their names."""
    given = {"widget": widget, "token": token, **more}
    attributes = "".join(f' data-{name}="{html.escape(value)}"' for name, value in given.items())
    return f'<script async src="{html.escape(public_url)}/widget.js"{attributes}></script>'


def site_tag(config: Config, workspace: Workspace, site: Site) -> str | None:
    """Write the tag of a site as its settings want it; None for a site that no token is of."""
    tokens = tokens_of(workspace, site)
    if not tokens:
        return None
    more: dict[str, str] = {}
    if site.consent == "required":
        more["consent"] = "required"
    if not config.privacy.honour_gpc:
        more["gpc"] = "ignore"
    return script_tag(config.server.public_url, workspace.id, tokens[0], **more)


def tokens_of(workspace: Workspace, site: Site) -> tuple[str, ...]:
    """Return the tokens that select a site, in the order of the file."""
    return tuple(one.token for one in workspace.widget_tokens if one.site == site.source_id)


def stub_tag() -> str:
    """Write the line that keeps calls of `opportune` until the widget has loaded.

    Raises:
        FileNotFoundError: a checkout in which the widget was not built.
    """
    file = resources.files("server").joinpath("static", STUB_FILE)
    return f"<script>{file.read_text(encoding='utf-8').strip()}</script>"
