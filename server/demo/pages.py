"""The pages of the demo: a shop with the real snippet, and beside it what the engine sees and decides."""

import re
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

from server.access.jwt_tokens import make_dashboard_token
from server.call import Call
from server.contract.operation import Operation
from server.errors import ApiError
from server.wire.envelope import Answer, Header

SHOP = "ws_shop"
TOKEN_MS = 12 * 3_600_000
PAGES = ("home", "tents", "tent-guide", "cart")
"""The shop's pages; `PAGES[0]` is where a visitor comes in."""

_SITE = Path(__file__).with_name("site")
_TITLE = re.compile(r"<!-- title: (.+) -->")
_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
_HTML: Header = (b"content-type", b"text/html; charset=utf-8")
_CACHE: Header = (b"cache-control", b"no-cache")
_CSP = (
    "default-src 'self'; style-src 'self'; connect-src 'self' {sockets}; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'; "
    "trusted-types 'none'; require-trusted-types-for 'script'"
)
"""Stricter than most sites: the widget runs on it as it would anywhere."""

_LOOPBACK = re.compile(rb"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")

Handler = Callable[[Call], Awaitable[Answer]]


def demo_operations() -> tuple[Operation, ...]:
    """Make the rows: `opportune demo` alone serves them."""
    return (
        _row("demo", "/demo", _enter),
        _row("demo_view", "/demo/view", _view),
        _row("demo_page", "/demo/shop/{page}", _page),
        _row("demo_file", "/demo/files/{name}", _file),
    )


def _row(name: str, path: str, handler: Handler) -> Operation:
    return Operation(name=name, method="GET", path=path, family="service", handler=handler)


async def _enter(call: Call) -> Answer:
    """Sign a newcomer in as the shop's editor: the token is in the fragment, which no server ever sees."""
    _check_host(call)
    workspace = call.services.config.workspace(SHOP)
    assert workspace is not None, "the demo's own configuration has its shop"
    token = make_dashboard_token(workspace, "demo", "editor", now_ms=call.now_ms, valid_ms=TOKEN_MS)
    return Answer(302, b"", ((b"location", b"/demo/view#token=" + token.encode()), _CACHE))


async def _view(call: Call) -> Answer:
    _check_host(call)
    return _html(call, _text("view.html"))


async def _page(call: Call) -> Answer:
    _check_host(call)
    name = call.params["page"]
    if name not in PAGES:
        raise ApiError("unknown_path")
    return _html(call, _shop_page(name))


async def _file(call: Call) -> Answer:
    name = call.params["name"]
    kind = _TYPES.get(Path(name).suffix)
    if kind is None or name not in _files():
        raise ApiError("unknown_path")
    return Answer(200, (_SITE / name).read_bytes(), ((b"content-type", kind), _CACHE))


def _check_host(call: Call) -> None:
    """Serve this machine only: a foreign name that leads here is somebody else's page.

    Raises ApiError: unknown_path.
    """
    if not _LOOPBACK.fullmatch(call.headers.get(b"host", b"")):
        raise ApiError("unknown_path")


def _html(call: Call, text: str) -> Answer:
    sockets = call.services.config.server.ws_url
    csp = _CSP.format(sockets=sockets).encode()
    return Answer(200, text.encode(), (_HTML, _CACHE, (b"content-security-policy", csp)))


def _shop_page(name: str) -> str:
    """Put a page of the shop into the frame that all of them share."""
    main = _text(f"{name}.html")
    title = _TITLE.match(main)
    assert title is not None, "a page begins with its title"
    frame = _text("frame.html").replace("{title}", title[1]).replace("{main}", main)
    return frame.replace(f'href="{name}"', f'href="{name}" aria-current="page"')


@cache
def _files() -> frozenset[str]:
    return frozenset(path.name for path in _SITE.iterdir())


def _text(name: str) -> str:
    return (_SITE / name).read_text("utf-8")
