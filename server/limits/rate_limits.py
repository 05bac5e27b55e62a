"""Rate limits: how often callers, addresses and visitors may come (API.md 5)."""

import hashlib
import hmac
from collections.abc import Sequence

from engine.clock import Clock
from engine.stores.base import RateAnswer, RateAsk, Store
from server.access.auth import Principal
from server.access.client_address import neighbourhood
from server.limits.budgets import Budget, Refused
from server.limits.chat_months import ChatMonths
from server.limits.rate_windows import MINUTE_MS, RateWindows
from server.settings import Limits
from server.wire.envelope import Header
from server.workspace_settings import Workspace

HOUR_MS = 3_600_000
LOGINS_PER_MINUTE = 10


class RateLimits:
    """Counts requests of callers, failures of addresses, and messages of visitors."""

    def __init__(self, store: Store, clock: Clock, secret: bytes, limits: Limits) -> None:
        """Count in `store`; `secret` keeps addresses out of it, `limits` are those of the server."""
        self._windows = RateWindows(store, clock)
        self._months = ChatMonths(store, clock)
        self._secret = secret
        self._limits = limits

    def of(self, workspace: Workspace) -> Limits:
        """Return the limits of a workspace: its own where it sets them, else the server's."""
        return workspace.limits.over(self._limits) if workspace.limits else self._limits

    # ---- callers of the platform and agent families

    async def admit(self, principal: Principal) -> Budget:
        """Count one request of a caller.

        Raises Refused: key_minute, workspace_hour.
        """
        asks = self._caller_asks(principal)
        answer = await self._windows.count(asks)
        budget = self._caller_budget(asks, answer)
        if answer.refused == 0:
            text = f"This key has had its {asks[0].limit:,} requests of this minute"
            raise Refused("key_minute", text, budget, 0)
        if answer.refused == 1:
            text = f"The workspace has had its {asks[1].limit:,} requests of this hour"
            raise Refused("workspace_hour", text, budget, 1)
        return budget

    async def look(self, principal: Principal) -> Budget:
        """Tell what is left for a caller, without counting."""
        asks = self._caller_asks(principal)
        return self._caller_budget(asks, await self._windows.look(asks))

    def _caller_asks(self, principal: Principal) -> list[RateAsk]:
        limits = self.of(principal.workspace)
        per_minute = principal.per_minute or limits.key_per_minute
        return [
            RateAsk(f"key|{principal.bucket}", per_minute, MINUTE_MS),
            RateAsk(f"ws|{principal.workspace.id}", limits.workspace_per_hour, HOUR_MS),
        ]

    def _caller_budget(self, asks: Sequence[RateAsk], answer: RateAnswer) -> Budget:
        return self._windows.budget(("key", "workspace"), asks, answer)

    # ---- failures of addresses

    async def failed(self, address: str) -> Budget:
        """Count a failed credential of an address.

        Raises Refused: auth_attempts.
        """
        ask = self._failure_ask(address)
        answer = await self._windows.count([ask])
        budget = self._windows.budget(("address",), [ask], answer)
        if answer.refused is not None:
            text = "Too many failed credentials from this address; wait and check the credential"
            raise Refused("auth_attempts", text, budget, 0)
        return budget

    async def look_at_failures(self, address: str) -> Budget:
        """Tell how many credentials of an address may still fail in this minute."""
        ask = self._failure_ask(address)
        return self._windows.budget(("address",), [ask], await self._windows.look([ask]))

    def _failure_ask(self, address: str) -> RateAsk:
        limit = self._limits.failed_auth_per_minute
        return RateAsk(f"fail|{self._hidden(address)}", limit, MINUTE_MS)

    async def login(self, address: str) -> None:
        """Count an attempt to log in; while the store is silent nobody may try.

        Raises:
            Refused: auth_attempts.
            StoreUnavailable: the store did not answer in time.
        """
        ask = RateAsk(f"login|{self._hidden(address)}", LOGINS_PER_MINUTE, MINUTE_MS)
        answer = await self._windows.count_surely([ask])
        if answer.refused is not None:
            text = f"More than {LOGINS_PER_MINUTE} attempts to log in from this address in a minute"
            budget = self._windows.budget(("login",), [ask], answer)
            raise Refused("auth_attempts", text, budget, 0)

    # ---- messages of visitors

    async def chat_budget(
        self, workspace: Workspace, session: str, address: str
    ) -> tuple[Header, ...]:
        """Count a message of a visitor and return the headers of its answer.

        Args:
            workspace: whose widget it is.
            session: the session's id.
            address: the visitor's; "" is not counted.

        Raises Refused: chat_session_minute, chat_address_minute, chat_workspace_minute, chat_month.
        """
        limits = self.of(workspace)
        a_month = limits.chat_messages_per_month
        if a_month:
            await self._months.take(workspace.id, a_month)
        names, asks = self._chat_asks(workspace, session, address)
        answer = await self._windows.count(asks)
        budget = self._windows.budget(names, asks, answer)
        if answer.refused is not None:
            if a_month:
                self._months.give_back(workspace.id)
            text = f"Usage limit exceeded: {asks[answer.refused].limit:,} messages a minute"
            raise Refused(f"chat_{names[answer.refused]}_minute", text, budget, answer.refused)
        return budget.plain_headers

    async def chat_began(self, workspace: Workspace, session: str) -> None:
        """Count in its own window the message that a session began with, counted by another name before."""
        _, asks = self._chat_asks(workspace, session, "")
        await self._windows.count(asks[:1])

    def _chat_asks(
        self, workspace: Workspace, session: str, address: str
    ) -> tuple[list[str], list[RateAsk]]:
        """Name the windows that a message is counted in, beside what is asked of each."""
        limits, own = self.of(workspace), f"chat|{workspace.id}"
        rows = [
            ("session", f"{own}|s|{session}", limits.chat_per_session_per_minute),
            ("address", f"{own}|a|{self._hidden(address)}", limits.chat_per_address_per_minute),
            ("workspace", own, limits.chat_per_workspace_per_minute),
        ]
        rows = [row for row in rows if address or row[0] != "address"]
        asks = [RateAsk(bucket, limit, MINUTE_MS) for _, bucket, limit in rows]
        return [name for name, _, _ in rows], asks

    def _hidden(self, address: str) -> str:
        """Name an address without saying it: addresses are stored nowhere."""
        text = neighbourhood(address)
        return hmac.digest(self._secret, b"address\x1f" + text.encode(), hashlib.sha256).hex()[:32]
