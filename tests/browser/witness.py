"""What the pages of a test said in their console, and what they asked of servers."""

import re
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Request, Response, WebError

_LOUD = ("error", "warning", "assert")


@dataclass
class Witness:
    """Hears every page of the contexts it follows. `console` holds (kind, text) of every line.

    `sessions` are the answers to `POST …/session` that were successes.
    """

    console: list[tuple[str, str]] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    sessions: list[Response] = field(default_factory=list)
    _allowed: list[re.Pattern[str]] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        """Hear a context's pages from now on."""
        context.on("console", self._hear)
        context.on("weberror", self._catch)
        context.on("request", self._note)
        context.on("response", self._read)

    def allow(self, pattern: str) -> None:
        """Expect a line of the console, or an exception, that the pattern is found in."""
        self._allowed.append(re.compile(pattern))

    def started(self) -> dict:
        """Return the answer of the latest start of a session that succeeded."""
        assert self.sessions, "no session was started"
        return self.sessions[-1].json()

    def requests(self, part: str) -> list[Request]:
        """Return the requests whose address holds `part`, in their order."""
        return [request for request in self.sent if part in request.url]

    def judge(self) -> None:
        """Fail on what was said as an error or a warning, and on every exception nobody caught."""
        loud = [text for kind, text in self.console if kind in _LOUD]
        unexpected = [
            text
            for text in (*loud, *self.exceptions)
            if not any(pattern.search(text) for pattern in self._allowed)
        ]
        assert not unexpected, "the page's console:\n" + "\n".join(unexpected)

    def _hear(self, message: ConsoleMessage) -> None:
        self.console.append((message.type, message.text))

    def _catch(self, caught: WebError) -> None:
        error = caught.error
        what = f"{error.name}: {error.message}" if isinstance(error, Error) else str(error)
        self.exceptions.append(what)

    def _note(self, request: Request) -> None:
        self.sent.append(request)

    def _read(self, response: Response) -> None:
        is_start = response.request.method == "POST" and response.url.endswith("/session")
        if is_start and response.ok:
            self.sessions.append(response)
