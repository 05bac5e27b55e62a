"""What a website's owner pastes into its pages, as the command line shows it."""

from typing import TYPE_CHECKING

from server.cli.command import Refusal
from server.cli.output import result, talk

if TYPE_CHECKING:
    from server.config import Config


def show_new_snippet(public_url: str, widget: str, token: str) -> None:
    """Show the tag of a workspace that was just made."""
    from server.snippet import script_tag

    result("\npaste before </body>:")
    result(f"  {script_tag(public_url, widget, token)}")
    _show_stub()


def show_snippets(config: "Config") -> None:
    """Show the tag of each site of a configuration.

    Raises:
        Refusal: no site has a token, so there is nothing to paste.
    """
    from server.snippet import site_tag

    sites = [(workspace, site) for workspace in config.workspaces for site in workspace.sites]
    tags = [(workspace.id, site, site_tag(config, workspace, site)) for workspace, site in sites]
    if not any(tag for _, _, tag in tags):
        message = f"no site of {config.path} has a token. Try: [[workspaces.widget_tokens]]"
        raise Refusal(message)
    result("paste before </body>:")
    for workspace_id, site, tag in tags:
        if tag is None:
            talk(f"{site.source_id} of {workspace_id} has no token: no widget can use it")
            continue
        if len(tags) > 1:
            where = ", ".join(site.origins) or "any origin"
            result(f"\n{site.source_id} of {workspace_id}, {where}:")
        result(f"  {tag}")
    _show_stub()


def _show_stub() -> None:
    """Show the line that few pages need; a checkout without the built widget has none."""
    from server.snippet import stub_tag

    try:
        stub = stub_tag()
    except FileNotFoundError:
        return
    result("\nand above it, where a page calls opportune() before the widget has loaded:")
    result(f"  {stub}")
