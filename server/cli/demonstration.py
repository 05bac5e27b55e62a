"""The demo as one serving process: its pages, its shoppers, and what its terminal says."""

import threading
import webbrowser
from importlib.metadata import version
from pathlib import Path

from server.assembly import Assembled, More
from server.cli.banner import near
from server.cli.output import count, paint_talk, talk
from server.config import Config
from server.demo.pages import SHOP, demo_operations
from server.demo.shoppers import Shoppers
from server.services import Services

_RULES = Path(__file__).parents[1] / "demo" / "shop_rules" / "shop.rules"


class Demonstration:
    """What `opportune demo` serves beyond `opportune serve`."""

    def __init__(self, config: Config, shoppers: int, seed: int, *, opens: bool) -> None:
        """Let so many synthetic visitors come; `opens`: a browser is opened when it is ready."""
        self._config = config
        self._count = shoppers
        self._opens = opens
        self._shoppers = Shoppers(config, shoppers, seed)
        self._kept = 0
        self.more = More(demo_operations(), (self._walk,))

    def banner(self, config: Config, parts: Assembled) -> str:
        """Say what is there, where, and what a newcomer may do."""
        live = parts.workspaces.live[SHOP, "main"]
        store = f"{near(config.store.url)}   durability {parts.store.durability}"
        rules = f"{near(str(_RULES))}   {count(len(live.program.rules), 'rule')}"
        name = paint_talk(f"Opportune {version('opportune')}", "bold")
        lines = [
            f"{name}, demo",
            "",
            f"  store   {store}",
            f"  rules   {rules}",
            "",
            f"  shop and live view   {paint_talk(self.address, 'bold')}{self._opened}",
            f"  API                  {config.server.public_url}/docs",
            "",
            *self._advice(),
        ]
        return "\n".join(lines)

    def farewell(self, store_url: str) -> str:
        """Say what is left of the work after the end."""
        if store_url.startswith("memory:"):
            return f"stopped. {count(self._kept, 'event')} came; memory: keeps nothing"
        where = near(store_url).removeprefix("sqlite:///")
        kept = f"{count(self._kept, 'event')} kept in {where}"
        return f"stopped. {kept}; make run goes on from here, make clean starts over"

    def say_ready(self, text: str) -> None:
        """Say the banner, and open the browser where one is wanted."""
        talk(text)
        if self._opens:
            # Opening may take its time, and serving must not wait for it.
            threading.Thread(target=webbrowser.open, args=(self.address,), daemon=True).start()

    @property
    def address(self) -> str:
        """Return where a newcomer begins."""
        return f"{self._config.server.public_url}/demo"

    @property
    def _opened(self) -> str:
        return "   (opens in your browser)" if self._opens else ""

    def _advice(self) -> list[str]:
        visitors = count(self._count, "synthetic visitor")
        others = f"{visitors} {'is' if self._count == 1 else 'are'} browsing, and you are one more"
        first = f"{others}: stay" if self._count else "Stay"
        return [
            f"  {first} on the tents for 8 seconds.",
            f"  Save {near(str(_RULES))}: the next visitor meets the new rules.",
            "  Your own site: opportune init.     Stop: Ctrl-C.",
        ]

    async def _walk(self, services: Services) -> None:
        """Let the shoppers shop, and know at the end how many events were taken."""
        try:
            await self._shoppers.run(services)
        finally:
            self._kept = services.metrics.events_accepted
