"""Scripts that pages load: the widget, the parts that it loads when they are needed, and the stub."""

from functools import cached_property
from pathlib import Path

from server.assets import STATIC, Asset, read_asset
from server.call import Call
from server.errors import ApiError
from server.wire.envelope import Answer, Header

JAVASCRIPT = "text/javascript"

# Pages of other origins load it also where they ask all that they load to agree to it.
_ANY_PAGE: Header = (b"cross-origin-resource-policy", b"cross-origin")
# A module comes to a page of another origin only by its server's leave.
_ANY_ORIGIN: Header = (b"access-control-allow-origin", b"*")


class Scripts:
    """Handlers of the scripts: read at the first request, answered from memory after it."""

    def __init__(self, folder: Path = STATIC) -> None:
        """Answer the built files of a folder."""
        self._folder = folder

    async def widget(self, call: Call) -> Answer:
        """Give a page the widget."""
        return self._widget.answer(call.headers).with_headers((_ANY_PAGE,))

    async def booking(self, call: Call) -> Answer:
        """Give the widget the module with which visitors book in the chat."""
        return self._booking.answer(call.headers).with_headers((_ANY_PAGE, _ANY_ORIGIN))

    async def sound(self, call: Call) -> Answer:
        """Give the widget the module that sounds."""
        return self._sound.answer(call.headers).with_headers((_ANY_PAGE, _ANY_ORIGIN))

    async def stub(self, call: Call) -> Answer:
        """Give a page what keeps its calls until the widget is there."""
        return self._stub.answer(call.headers).with_headers((_ANY_PAGE,))

    @cached_property
    def _widget(self) -> Asset:
        return self._read("widget.js")

    @cached_property
    def _booking(self) -> Asset:
        return self._read("booking.js")

    @cached_property
    def _sound(self) -> Asset:
        return self._read("sound.js")

    @cached_property
    def _stub(self) -> Asset:
        return self._read("stub.js")

    def _read(self, name: str) -> Asset:
        try:
            return read_asset(self._folder, name, JAVASCRIPT)
        except FileNotFoundError:
            text = f"{name} was not built. Try: npm --prefix web run build"
            raise ApiError("unknown_path", text) from None
