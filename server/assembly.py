"""One server from its configuration: store, secret, rules, runtime and application, in this order."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from engine.clock import Clock, SystemClock
from engine.ids import Ids, RandomBytes, system_random_bytes
from engine.runtime import Runtime
from engine.stores.base import Retention, Store
from engine.stores.open import open_store
from engine.workspace import Workspaces
from server.app import Background, Shell, create_app
from server.config import Config
from server.live_rules import load_workspaces, rule_folders
from server.rule_watcher import RuleWatcher

SECRET_BYTES = 32
_SECRET_PLACE = ("", "server", "secret")


@dataclass(frozen=True, slots=True)
class Assembled:
    """A server that can be run: its application's lifespan starts and stops everything."""

    app: Shell
    store: Store
    runtime: Runtime
    workspaces: Workspaces


async def assemble(
    config: Config,
    *,
    watch: bool = False,
    clock: Clock | None = None,
    random_bytes: RandomBytes = system_random_bytes,
    tell: Callable[[str], None] | None = None,
) -> Assembled:
    """Open and connect everything; nothing is served before the application's lifespan starts.

    Args:
        config: all settings.
        watch: swap rule files in when they change.
        clock: the one clock of the process.
        random_bytes: chance for ids and for a secret that does not exist yet.
        tell: takes lines for the operator, stderr when left out.

    Raises:
        StoreRefused: the store cannot be used; the text says what to change.
        BrokenRules: a rule set has errors.
        OSError: a rule file cannot be read.
    """
    clock = clock or SystemClock()
    ids = Ids(clock, random_bytes)
    workspaces = load_workspaces(config)
    store = await _open(config, clock)
    secret = await server_secret(config, store, random_bytes)
    runtime = Runtime(store=store, clock=clock, ids=ids, secret=secret, workspaces=workspaces)
    background: tuple[Background, ...] = ()
    if watch:
        background = (RuleWatcher(rule_folders(config), workspaces, tell or _to_stderr).run,)
    app = create_app(
        config,
        runtime,
        secret=secret,
        clock=clock,
        ids=ids,
        health=store.health,
        background=background,
    )
    return Assembled(app, store, runtime, workspaces)


async def _open(config: Config, clock: Clock) -> Store:
    settings = config.store
    # D3 is a promise of replicas: an embedded store keeps the most it can, D2.
    level = "D2" if settings.durability == "D3" else settings.durability
    retention = Retention(
        events_ms=settings.retention_events,
        decisions_ms=settings.retention_decisions,
        profiles_ms=settings.retention_profiles,
    )
    return await open_store(settings.url, durability=level, clock=clock.now_ms, retention=retention)


async def server_secret(config: Config, store: Store, random_bytes: RandomBytes) -> bytes:
    """Return `server.secret`; without one, the secret that was made once and is kept in the store."""
    if config.server.secret is not None:
        return config.server.secret.encode()
    kept = await store.get_doc(*_SECRET_PLACE)
    if kept is None:
        await store.put_doc(*_SECRET_PLACE, random_bytes(SECRET_BYTES), expect=0)
        # Another process may have been quicker: what is kept now is the secret of both.
        kept = await store.get_doc(*_SECRET_PLACE)
    assert kept is not None, "a document that was just put exists"
    return kept.body


def _to_stderr(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
