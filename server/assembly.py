"""One server from its configuration: store, secret, rules, runtime and application, in this order."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.clock import Clock, SystemClock
from engine.ids import Ids, RandomBytes, system_random_bytes
from engine.runtime import Runtime
from engine.stores.base import Retention, Store
from engine.stores.open import open_store
from engine.workspace import Workspaces
from server.access.auth import Credentials
from server.access.key_ring import KeyRing
from server.app import Background, Shell, create_app
from server.config import Config
from server.config_file import ConfigProblem
from server.rulebook.live_rules import (
    Compiled,
    LiveRules,
    RuleFolder,
    compile_folders,
    rule_folders,
    rules_of,
)
from server.rulebook.rule_watcher import RuleWatcher
from server.server_secret import server_secret


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
        ConfigProblem: a public key cannot be used.
        BrokenRules: a rule set has errors.
        OSError: a rule file cannot be read.
    """
    clock = clock or SystemClock()
    ids = Ids(clock, random_bytes)
    compiled = compile_folders(rule_folders(config))
    store = await _open(config, clock)
    secret = await server_secret(config, store, random_bytes)
    rules = rules_of(config, store, secret, clock.now_ms)
    await _load(rules, compiled, store)
    workspaces = rules.workspaces
    runtime = Runtime(store=store, clock=clock, ids=ids, secret=secret, workspaces=workspaces)
    background: tuple[Background, ...] = ()
    if watch:
        background = (RuleWatcher(rules, tell or _to_stderr).run,)
    app = create_app(
        config,
        runtime,
        store=store,
        secret=secret,
        clock=clock,
        ids=ids,
        credentials=await _credentials(config, store, secret),
        rules=rules,
        background=background,
    )
    return Assembled(app, store, runtime, workspaces)


async def _load(rules: LiveRules, compiled: Mapping[RuleFolder, Compiled], store: Store) -> None:
    """Bring the rule sets up; a store that nobody will use is let go."""
    try:
        await rules.load(compiled)
    except BaseException:
        await store.close()
        raise


async def _credentials(config: Config, store: Store, secret: bytes) -> Credentials:
    keys = KeyRing(config.workspaces, store)
    try:
        await keys.load()
        return Credentials(config, secret, keys)
    except ValueError as error:
        await store.close()
        raise ConfigProblem(config.path.name, str(error)) from error


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


def _to_stderr(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
