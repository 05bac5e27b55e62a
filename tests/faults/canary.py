"""A visitor who leaves a word of their own in every field that the API has, and the places where it is looked for."""

import json
from collections.abc import Iterable
from pathlib import Path

import httpx2

from tests.faults.server import Single
from tests.stores.redis.everything import holding

PLATFORM = {"authorization": "Bearer test_key_0123456789abcdef", "x-workspace-id": "ws_test"}
WIDGET = {"authorization": "Bearer wk_test"}
WIDGETS = "/api/widgets/ws_test"
CHAT = "/v1/live-chat/sessions"


class Canary:
    """One visitor and their words: `word("email")` is where an e-mail address has to be found."""

    def __init__(self, http: httpx2.AsyncClient, word: str) -> None:
        """Speak to a server; `word` stands in everything that is sent."""
        self.http = http
        self.name = word
        self.sent: set[str] = set()
        self.session = ""

    @property
    def visitor(self) -> str:
        """The visitor's id."""
        return f"vis_{self.name}"

    def word(self, field: str) -> str:
        """Write a field's word, and remember that it was sent."""
        self.sent.add(field)
        return f"{self.name}.{field}."

    async def live(self) -> None:
        """Visit, be approached, talk, book, call: all that leaves something."""
        await self._open()
        await self._browse()
        await self._talk()
        await self._book()
        await self._tell()

    async def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> dict:
        """Send JSON that has to succeed; the answer."""
        sent = await self.http.post(path, json=body, headers=headers or PLATFORM)
        assert sent.status_code == 200, (path, sent.status_code, sent.text)
        answered: dict = sent.json()
        return answered

    def page(self, field: str) -> dict[str, str]:
        """Describe a page whose address, title and referrer hold words."""
        return {
            "url": f"https://shop.test/pricing?q={self.word(f'{field}_url')}",
            "title": f"Prices {self.word(f'{field}_title')}",
            "referrer": f"https://found.test/{self.word(f'{field}_referrer')}",
        }

    async def track(self, event: str, **fields: object) -> None:
        """Send an event of the widget."""
        body = {"sessionId": f"tab-{self.name}", "visitorId": self.visitor, "event": event}
        await self.post(f"{WIDGETS}/track", {**body, **fields}, WIDGET)

    async def _open(self) -> None:
        visitor = {
            "id": self.visitor,
            "name": self.word("name"),
            "first_name": self.word("first_name"),
            "email": f"{self.word('email')}@example.com",
            "phone": self.word("phone"),
            "page_url": f"https://shop.test/{self.word('visitor_page')}",
            "page_title": self.word("visitor_title"),
            "referrer": f"https://found.test/{self.word('visitor_referrer')}",
            "ip_address": "203.0.113.9",
        }
        body = {
            "source_id": "site_test",
            "visitor": visitor,
            "custom_fields": {"plan": self.word("custom_field")},
        }
        key = {**PLATFORM, "idempotency-key": f"open-{self.name}"}
        self.session = (await self.post(CHAT, body, key))["data"]["session_id"]

    async def _browse(self) -> None:
        await self.track("page_view", page=self.page("page"), messageId=self.word("event_id"))
        await self.track("identify", metadata={"note": self.word("trait")})
        await self.track(
            "set",
            userId=self.word("user_id"),
            attributes={"visitor.company": self.word("attribute"), "cart.note": self.word("cart")},
        )
        await self.track("site_event", metadata={"deep": [self.word("deep")]})

    async def _talk(self) -> None:
        approach = {
            "session_id": self.session,
            "message": f"Hello {{who}} {self.word('outbound')}",
            "personalization": {"who": self.word("personal")},
            "trigger": {"type": "custom", "data": {"why": self.word("trigger")}},
            "quick_replies": [
                {"text": "Yes", "value": "yes", "payload": self.word("payload")},
                {"text": "No", "value": "no", "action": "dismiss"},
            ],
            "options": {"override_policy": ["first_message_delay"], "campaign_id": "spring"},
        }
        key = {**PLATFORM, "idempotency-key": f"approach-{self.name}"}
        await self.post("/v1/outbound/live-chat/message", approach, key)
        chat = {
            "sessionId": f"tab-{self.name}",
            "visitorId": self.visitor,
            "message": self.word("chat"),
            "messageId": self.word("chat_id"),
            "conversationId": self.word("conversation"),
        }
        await self.post(f"{WIDGETS}/chat", chat, WIDGET)
        said = {"text": self.word("agent_text"), "from": "agent", "agent_name": self.word("agent")}
        await self.post(f"{CHAT}/{self.session}/messages", said)
        said = {"text": self.word("api_text"), "from": "visitor", "client_id": self.word("client")}
        key = {**PLATFORM, "idempotency-key": f"say-{self.name}"}
        await self.post(f"{CHAT}/{self.session}/messages", said, key)

    async def _book(self) -> None:
        free = await self.http.get("/v1/appointments/availability", headers=PLATFORM)
        booking = {
            "session_id": self.session,
            "appointment_slot": free.json()["data"]["slots"][0]["appointment_slot"],
            "customer": {
                "name": self.word("customer"),
                "email": f"{self.word('customer_email')}@example.com",
                "phone": self.word("customer_phone"),
                "address": self.word("customer_address"),
            },
            "service_type": self.word("service"),
            "notes": self.word("notes"),
        }
        key = {**PLATFORM, "idempotency-key": f"book-{self.name}"}
        await self.post("/v1/appointments", booking, key)
        await self.post(f"{WIDGETS}/voice/start", {"sessionId": f"tab-{self.name}"}, WIDGET)

    async def _tell(self) -> None:
        event = {
            "event": "order_paid",
            "visitor_id": self.visitor,
            "message_id": self.word("server_event_id"),
            "properties": {"note": self.word("property")},
            "attributes": {"visitor.company": self.word("server_attribute")},
        }
        await self.post("/v1/events", {"events": [event]})
        told = {
            "event": "call.completed",
            "visitor_id": self.visitor,
            "data": {"summary": self.word("integration")},
        }
        await self.post("/v1/integration-events", told)
        agent = {
            "agent_id": 1,
            "session_type": "agent_chat",
            "metadata": {"visitor_id": self.visitor, "note": self.word("agent_metadata")},
        }
        await self.post("/api/v1/sessions", agent, {"x-api-key": "test_key_0123456789abcdef"})

    async def exported(self) -> list[str] | None:
        """Read the visitor's export, line by line; None when they are unknown."""
        found = await self.http.get(f"/v1/visitors/{self.visitor}/export", headers=PLATFORM)
        if found.status_code == 404:
            return None
        assert found.status_code == 200, found.text
        *lines, end = found.text.splitlines()
        assert json.loads(end) == {"end": True, "count": len(lines)}
        return lines

    async def erase(self) -> int:
        """Erase the visitor; the answer's status."""
        path = f"/v1/visitors/{self.visitor}"
        return (await self.http.delete(path, headers=PLATFORM)).status_code

    async def comes_late(self) -> None:
        """Send what was still on its way when the visitor was erased."""
        page = {"url": f"https://shop.test/{self.name}", "title": self.name}
        await self.track("page_view", page=page, messageId=f"late-{self.name}")
        event = {"event": "late", "visitor_id": self.visitor, "properties": {"note": self.name}}
        await self.http.post("/v1/events", json={"events": [event]}, headers=PLATFORM)


def in_files(folder: Path, word: str, *, but: Iterable[str] = ()) -> list[str]:
    """Name the files below a folder with a word in their content or name."""
    raw, left_out = word.encode(), set(but)
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        and path.name not in left_out
        and (raw in path.name.encode() or raw in path.read_bytes())
    )


def in_redis(server: Single, word: str) -> list[str]:
    """Name the keys of a server with a word in their content or name."""
    return [key.decode("utf-8", "replace") for key in holding(server, word.encode())]
