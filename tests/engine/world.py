"""Rule texts as programs, and a runtime on a manual clock: what the engine's tests drive."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine.events import Event
from engine.ids import Ids
from engine.rehearsal import Rehearsal, Setting
from engine.runtime import Runtime
from engine.runtime_types import ClientContext
from engine.signals import SCHEMA
from engine.stores.base import SessionRef, Store
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from engine.workspace import Workspaces
from rules import check_texts
from rules.compiler import Program, compile_program

EXAMPLES = Path(__file__).parent.parent / "cases" / "examples"
SECRET = b"a secret of thirty-two bytes or so"
START_MS = 1_750_000_000_000

HELP = """
rule help "Pricing help" {
  on page "/pricing"
  when time_on_page >= 45s
  say "Questions about pricing plans?"
    reply "Yes" -> ask "Which one?"
    reply "No"  -> dismiss
}
"""


def program_of(text: str) -> Program:
    """Compile a rule text that must be free of errors."""
    report = check_texts({"test.rules": text}, SCHEMA)
    assert report.checked is not None, [found.message for found in report.diagnostics]
    return compile_program(report.checked, report.sources)


def example(name: str) -> Program:
    """Compile one of the example files."""
    return program_of((EXAMPLES / f"{name}.rules").read_text(encoding="utf-8"))


def visit(text: str, **setting: object) -> Rehearsal:
    """Begin a virtual visit under a rule text."""
    return Rehearsal(program_of(text), Setting(**setting))  # type: ignore[arg-type]


class World:
    """A runtime with one site, whose clock moves by hand."""

    def __init__(
        self, runtime: Runtime, store: Store, clock: ManualClock, program: Program
    ) -> None:
        self.runtime = runtime
        self.store = store
        self.clock = clock
        self.program = program
        self._number = 0

    async def session(self, alias: str = "browser-1", visitor: str | None = None) -> SessionRef:
        return await self.runtime.resolve("w", "site", alias, visitor)

    def event(self, name: str, **given: object) -> Event:
        self._number += 1
        at_ms = given.pop("at_ms", self.clock.now_ms())
        event_id = given.pop("id", f"pageload-{self._number}")
        return Event(event_id, name, at_ms, sequence=self._number, **given)  # type: ignore[arg-type]

    async def track(self, ref: SessionRef, name: str, **given: object) -> None:
        await self.runtime.track(ref, "site", [self.event(name, **given)], ClientContext())

    async def view(self, ref: SessionRef, path: str) -> None:
        await self.track(ref, "view", url=f"https://shop.test{path}")

    async def wait(self, ms: int) -> None:
        """Let time pass; every wake-up is taken at the instant it is due."""
        end_ms = self.clock.now_ms() + ms
        while True:
            pause_ms = await self.runtime.take_due()
            if pause_ms is None or self.clock.now_ms() + pause_ms > end_ms:
                break
            self.clock.advance(max(1, pause_ms))
        self.clock.set(end_ms)
        await self.runtime.take_due()

    async def messages(self, ref: SessionRef) -> list[str]:
        pulled = await self.runtime.pull(ref, None, 0)
        return [message.text for message in pulled.messages if message.kind == "proactive"]


@asynccontextmanager
async def world(text: str, url: str = "memory:") -> AsyncIterator[World]:
    """Run a world under a rule text on a store, and close it."""
    clock = ManualClock(START_MS)
    program = program_of(text)
    store = await open_store(url, clock=clock.now_ms, redis_clock=clock.now_ms)
    workspaces = Workspaces()
    workspaces.add_site("w", "site", "main")
    workspaces.swap("w", "main", program)
    ids = Ids(clock)
    runtime = Runtime(store=store, clock=clock, ids=ids, secret=SECRET, workspaces=workspaces)
    try:
        yield World(runtime, store, clock, program)
    finally:
        await runtime.stop()
