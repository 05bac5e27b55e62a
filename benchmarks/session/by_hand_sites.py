"""The three example packs as a person would write them by hand, rule by rule."""

from benchmarks.session.by_hand_visit import ACTIVITY, NEVER, Choice, HandWritten, Person
from engine.events import Event

_AC_HELP = Choice("ac_repair_help", 60, "Hi {name}! I noticed you are looking at our AC repair.")
_NO_HEAT = Choice("no_heat_now", 90, "Hi {name}, is your heat out right now?")
_HESITATES = Choice(
    "quote_hesitation",
    50,
    "Comparing new systems?",
    (("price_first", 5_000), ("visit_first", 10_000)),
)
_UNDECIDED = Choice("undecided_buyer", 80, "Trying to pick a plan?")
_BIG_TEAM = Choice(
    "big_team", 85, "For teams of 20 or more.", (("human", 7_000), ("self_serve", 10_000))
)
_STALLED = Choice("stalled_cart", 70, "Still deciding on your cart, {name}?")
_COUPON = Choice("coupon_hunt", 80, "That coupon didn't work.")
_ZIPS = frozenset({"60601", "60602", "60614", "60657"})


class Hvac(HandWritten):
    """hvac.rules."""

    site = "northside-hvac"
    holdout = 500
    week_max = 3
    activity = ACTIVITY | {"phone_click", "booking_started"}

    __slots__ = ("booking", "called", "repair_views")

    def __init__(self, person: Person, start_ms: int) -> None:
        """Begin a visit."""
        super().__init__(person, start_ms)
        self.repair_views = 0
        self.called = self.booking = False

    def fold(self, event: Event) -> None:
        """See `HandWritten.fold`."""
        if event.name == "view":
            self.repair_views += self._is_repair()
        elif event.name == "phone_click":
            self.called = True
        elif event.name == "booking_started":
            self.booking = True

    def _is_repair(self) -> bool:
        path = self.path
        if path in ("/emergency", "/no-heat"):
            return True
        return path.startswith("/services/") and path.endswith("-repair") and path.count("/") == 2

    def is_never_on(self) -> bool:
        """See `HandWritten.is_never_on`."""
        return self.path == "/pay-bill" or self.path.startswith("/careers")

    def score(self, now_ms: int) -> int:
        """See `HandWritten.score`."""
        total = 5 + min(20, self.on_site_ms(now_ms) // 3_000) + min(24, 8 * self.repair_views)
        total += 15 * (self.repair_views >= 2) + 10 * (self.scroll >= 60) + 20 * self.called
        total -= 20 * (now_ms - self.quiet_from_ms >= 60_000)
        return max(0, min(100, total))

    def choose(self, now_ms: int) -> tuple[list[Choice], int]:
        """See `HandWritten.choose`."""
        path = self.path
        if path == "/services/ac-repair":
            return self._after(45_000, _AC_HELP, now_ms) if not self.booking else ([], NEVER)
        if self._is_repair():
            temperature = self.attrs.get("weather.outdoor_temp")
            if self.booking or temperature is None or float(temperature) > 40:
                return [], NEVER
            found, next_ms = self._after(40_000, _NO_HEAT, now_ms)
            if self.score(now_ms) >= 25:
                return found, next_ms
            return [], max(self._score_change(now_ms), next_ms if not found else 0)
        if (path.startswith("/install") or path == "/financing") and self.scroll >= 50:
            zip_code = self.person.traits.get("visitor.zip")
            if zip_code is None or zip_code in _ZIPS:
                return self._after(45_000, _HESITATES, now_ms)
        return [], NEVER

    def _after(self, wait_ms: int, choice: Choice, now_ms: int) -> tuple[list[Choice], int]:
        left_ms = wait_ms - self.on_page_ms(now_ms)
        if left_ms <= 0:
            return [choice], NEVER
        return [], now_ms + left_ms if self.page_since_ms >= 0 else NEVER

    def _score_change(self, now_ms: int) -> int:
        on_site_ms = self.on_site_ms(now_ms)
        if self.site_since_ms < 0 or on_site_ms >= 60_000:
            return NEVER
        return now_ms + 3_000 - on_site_ms % 3_000


class Saas(HandWritten):
    """saas_pricing.rules."""

    site = "ledgerly"
    holdout = 1_000
    activity = ACTIVITY | {"plan_toggle", "roi_calculator"}

    __slots__ = (
        "big_roi",
        "clock_ms",
        "high_since_ms",
        "pricing_views",
        "toggle_ms",
        "toggled_twice",
        "views_ms",
    )

    def __init__(self, person: Person, start_ms: int) -> None:
        """Begin a visit."""
        super().__init__(person, start_ms)
        self.pricing_views = 0
        self.views_ms: list[int] = []
        self.toggle_ms = self.high_since_ms = -1
        self.toggled_twice = self.big_roi = False
        self.clock_ms = start_ms

    def fold(self, event: Event) -> None:
        """See `HandWritten.fold`."""
        if event.name == "view" and self._is_pricing():
            self.pricing_views += 1
            self.views_ms = [*self.views_ms[-2:], event.at_ms]
        elif event.name == "plan_toggle":
            if self.toggle_ms >= 0 and event.at_ms - self.toggle_ms <= 120_000:
                self.toggled_twice = True
            self.toggle_ms = event.at_ms
        elif event.name == "roi_calculator" and int(str(event.properties["seats"])) >= 20:
            self.big_roi = True

    def _is_pricing(self) -> bool:
        path = self.path
        return path in ("/pricing", "/plans") or path.startswith("/pricing/")

    def is_quiet(self, now_ms: int) -> bool:
        """See `HandWritten.is_quiet`."""
        hour = now_ms // 3_600_000 % 24
        return hour >= 22 or hour < 7

    def score(self, now_ms: int) -> int:
        """See `HandWritten.score`."""
        total = min(20, 2 * (self.on_page_ms(now_ms) // 10_000)) + min(30, 10 * self.pricing_views)
        total += 15 * (self.toggle_ms >= 0) + 25 * self.big_roi
        total -= 15 * (now_ms - self.quiet_from_ms >= 45_000)
        return max(0, min(100, total))

    def _score_change(self, now_ms: int) -> int:
        change_ms = NEVER
        on_page_ms = self.on_page_ms(now_ms)
        if self.page_since_ms >= 0 and on_page_ms < 100_000:
            change_ms = now_ms + 10_000 - on_page_ms % 10_000
        if now_ms < self.quiet_from_ms + 45_000 < change_ms:
            change_ms = self.quiet_from_ms + 45_000
        return change_ms

    def advance(self, now_ms: int) -> None:
        """See `HandWritten.advance`."""
        while (change_ms := self._score_change(self.clock_ms)) < now_ms:
            self._look(change_ms)
            self.clock_ms = change_ms
        self.clock_ms = now_ms

    def observe(self, now_ms: int) -> None:
        """See `HandWritten.observe`."""
        self._look(now_ms)
        self.clock_ms = now_ms

    def _look(self, now_ms: int) -> None:
        if self.score(now_ms) < 45:
            self.high_since_ms = -1
        elif self.high_since_ms < 0:
            self.high_since_ms = now_ms

    def choose(self, now_ms: int) -> tuple[list[Choice], int]:
        """See `HandWritten.choose`."""
        if not self._is_pricing() or self.person.traits.get("visitor.plan", "none") == "paid":
            return [], NEVER
        found, next_ms = [], NEVER
        if self.big_roi:
            if self.high_since_ms < 0:
                next_ms = self._score_change(now_ms)
            elif now_ms - self.high_since_ms >= 10_000:
                found.append(_BIG_TEAM)
            else:
                next_ms = min(self.high_since_ms + 10_000, self._score_change(now_ms))
        views = self.views_ms
        if self.toggled_twice or (len(views) >= 3 and views[-3] > now_ms - 600_000):
            left_ms = 20_000 - self.on_page_ms(now_ms)
            if left_ms <= 0:
                found.append(_UNDECIDED)
            elif self.page_since_ms >= 0:
                next_ms = min(next_ms, now_ms + left_ms)
        return found, next_ms


class Cart(HandWritten):
    """cart.rules."""

    site = "fernwood"
    holdout = 1_000
    week_max = 2
    activity = ACTIVITY | {"coupon_failed", "coupon_applied"}

    __slots__ = ("added_ms", "adds", "applied", "failed_ms")

    def __init__(self, person: Person, start_ms: int) -> None:
        """Begin a visit."""
        super().__init__(person, start_ms)
        self.added_ms = self.failed_ms = -1
        self.adds = 0
        self.applied = False

    def fold(self, event: Event) -> None:
        """See `HandWritten.fold`."""
        match event.name:
            case "add_to_cart":
                self.added_ms = event.at_ms
                self.adds += 1
            case "checkout_start":
                self.added_ms = -1
            case "coupon_failed":
                self.failed_ms = event.at_ms
            case "coupon_applied":
                self.applied = True
            case _:
                return

    def is_never_on(self) -> bool:
        """See `HandWritten.is_never_on`."""
        return self.path in ("/checkout/payment", "/checkout/done")

    def score(self, now_ms: int) -> int:
        """See `HandWritten.score`."""
        total = min(15, self.on_page_ms(now_ms) // 5_000) + min(36, 12 * self.adds)
        total += 20 * (self._total() >= 100) + 10 * (self.path == "/cart")
        total -= 25 * (now_ms - self.quiet_from_ms >= 90_000)
        return max(0, min(100, total))

    def _total(self) -> float:
        return float(self.attrs.get("cart.total") or 0)

    def choose(self, now_ms: int) -> tuple[list[Choice], int]:
        """See `HandWritten.choose`."""
        path = self.path
        is_cart = path == "/cart"
        found, next_ms = [], NEVER
        is_product = path.startswith(("/p/", "/collections/"))
        if (is_cart or is_product) and self.added_ms >= 0 and self._total() >= 75:
            due_ms = max(self.added_ms + 120_000, self.quiet_from_ms + 20_000)
            if now_ms >= due_ms:
                found.append(_STALLED)
            else:
                next_ms = due_ms
        if is_cart and not self.applied and self.failed_ms > now_ms - 60_000:
            left_ms = 30_000 - self.on_page_ms(now_ms)
            if left_ms <= 0:
                found.append(_COUPON)
            elif self.page_since_ms >= 0:
                next_ms = min(next_ms, now_ms + left_ms)
        return found, next_ms
