"""The widget API beside tracking: what a widget asks before it says anything."""

import msgspec

from server.access.auth import bearer
from server.call import Call
from server.entity_tags import entity_tag, has_current
from server.errors import ApiError
from server.wire.envelope import JSON_TYPE, Answer
from server.wire.widgets import ConfigQuery, ConfigReply, WidgetConfig, widget_config_of
from server.workspace_settings import Site, Workspace

_CACHE = b"public, max-age=60, stale-while-revalidate=600"
_VARY = b"Authorization, Origin"


async def widget_config(call: Call) -> Answer:
    """Show a site's public widget configuration; 304 when the caller has it already."""
    workspace = call.services.config.workspace(call.params["widget_id"])
    if workspace is None:
        raise ApiError("widget_not_found")
    locale = call.query(ConfigQuery).locale
    config = shown_config(call, workspace, _site(call, workspace), locale)
    body = msgspec.json.encode(ConfigReply(config=config))
    tag = entity_tag(body)
    headers = ((b"etag", tag), (b"cache-control", _CACHE), (b"vary", _VARY))
    if has_current(call.headers, tag):
        return Answer(304, b"", headers)
    return Answer(200, body, (JSON_TYPE, *headers))


def shown_config(
    call: Call, workspace: Workspace, site: Site, *locales: str | None
) -> WidgetConfig:
    """Show what the widgets of a site have to know, as of this request, in the first locale they speak."""
    ws_url = call.services.config.server.ws_url
    return widget_config_of(workspace, site, ws_url, call.now_ms, *locales)


def _site(call: Call, workspace: Workspace) -> Site:
    """Choose the site by token, else by origin, else the primary one."""
    credentials = call.services.credentials
    origin_header = call.headers.get(b"origin")
    origin = None if origin_header is None else origin_header.decode("latin-1")
    if token := bearer(call.headers):
        access = credentials.widget(token)
        if access is None or access.workspace.id != workspace.id:
            raise ApiError("invalid_credentials", headers=((b"www-authenticate", b"Bearer"),))
        if not credentials.origin_allowed(access.site, origin):
            raise ApiError("origin_not_allowed")
        return access.site
    if origin is None:
        return workspace.sites[0]
    for site in workspace.sites:
        if credentials.origin_allowed(site, origin):
            return site
    raise ApiError("origin_not_allowed")
