"""One server from its configuration: store, secret, rules, runtime and application, in this order."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec

from engine.clock import Clock, StoreClock, SystemClock
from engine.errors import StoreRefused
from engine.ids import Ids, RandomBytes, system_random_bytes
from engine.outbox.endpoints import KINDS
from engine.rule_library import LIVE_KIND
from engine.runtime import Runtime
from engine.stores.accepted_log import AcceptedLog
from engine.stores.base import Health, Retention, Store
from engine.stores.open import open_store
from engine.workspace import Workspaces
from server.access.auth import Credentials
from server.access.key_ring import KIND, KeyRing
from server.access.operator_token import token_path
from server.app import Background, Shell, create_app
from server.archive_folder import configured_archive
from server.changes import ChangeWatch, Reload
from server.config import Config
from server.config_file import ConfigProblem
from server.contract.operation import Operation
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
from server.services import Services
from server.store_time import follow_store_time
from server.store_url import without_password


@dataclass(frozen=True, slots=True)
class More:
    """What a server has beyond every other: operations, and works that run beside its requests."""

    operations: tuple[Operation, ...] = ()
    background: tuple[Background, ...] = ()


@dataclass(frozen=True, slots=True)
class Assembled:
    """A server that can be run: its application's lifespan starts and stops everything."""

    app: Shell
    store: Store
    runtime: Runtime
    workspaces: Workspaces
    clock: Clock


async def assemble(  # noqa: PLR0913  # the parts of one server, by name
    config: Config,
    *,
    watch: bool = False,
    clock: Clock | None = None,
    random_bytes: RandomBytes = system_random_bytes,
    tell: Callable[[str], None] | None = None,
    store: Store | None = None,
    more: More | None = None,
) -> Assembled:
    """Open and connect everything; nothing is served before the application's lifespan starts.

    Args:
        config: all settings.
        watch: swap rule files in when they change.
        clock: the one clock of the process; when left out the machine's, or that of a store which other
            processes use too.
        random_bytes: chance for ids and for a secret that does not exist yet.
        tell: takes lines for the operator, stderr when left out.
        store: instead of opening the one that the configuration names.
        more: what this server has beyond every other.

    Raises:
        StoreRefused: the store cannot be used; the text says what to change.
        ConfigProblem: a public key cannot be used.
        BrokenRules: a rule set has errors.
        OSError: a rule file cannot be read.
    """
    compiled = compile_folders(rule_folders(config))
    if (archive := configured_archive(config)) is not None:
        archive.check()
    store = store or await open_configured(config, clock or SystemClock())
    clock = clock or await _clock_over(store)
    ids = Ids(clock, random_bytes)
    secret = await server_secret(config, store, random_bytes)
    rules = rules_of(config, store, secret, clock.now_ms)
    await _load(rules, compiled, store)
    workspaces = rules.workspaces
    runtime = Runtime(store=store, clock=clock, ids=ids, secret=secret, workspaces=workspaces)
    background: tuple[Background, ...] = ()
    if watch:
        background = (RuleWatcher(rules, tell or _to_stderr).run,)
    if isinstance(clock, StoreClock):
        background = (*background, partial(_follow_time, clock))
    if store.is_shared:
        background = (*background, _watch_changes)
    more = more or More()
    app = create_app(
        config,
        runtime,
        store=store,
        secret=secret,
        clock=clock,
        ids=ids,
        credentials=await _credentials(config, store, secret),
        rules=rules,
        background=(*background, *more.background),
        operations=more.operations,
    )
    if config.store.durability == "D3" and store.is_shared:
        await _keep_accepted(app.services)
    return Assembled(app, store, runtime, workspaces, clock)


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


async def _clock_over(store: Store) -> Clock:
    """Choose the clock of a process over its open store."""
    return StoreClock(await store.now()) if store.is_shared else SystemClock()


async def open_configured(config: Config, clock: Clock) -> Store:
    """Open the store of a configuration as its server does; an embedded one goes by `clock`.

    Raises:
        StoreRefused: the store cannot be used; the text says what to change.
    """
    settings = config.store
    retention = Retention(
        events_ms=settings.retention_events,
        decisions_ms=settings.retention_decisions,
        profiles_ms=settings.retention_profiles,
    )
    is_chosen = "store.partitions" in config.origins
    return await open_store(
        settings.url,
        durability=settings.durability,
        clock=clock.now_ms,
        retention=retention,
        # What is not chosen is as it is: a deployment keeps the number it was made with.
        partitions=settings.partitions if is_chosen else None,
        archive=configured_archive(config),
    )


async def _keep_accepted(services: Services) -> None:
    """Open the file that D3 needs beside a store which others use too; one of a single disk needs none."""
    folder = token_path(services.config).parent
    deployment = without_password(services.config.store.url)
    try:
        log = AcceptedLog.open(folder, deployment, services.clock.now_ms)
    except StoreRefused:
        await services.store.close()
        raise
    services.runtime.keep_accepted(log, services.custody.repeat)
    services.health = partial(_health_with, log, services.store)


async def _health_with(log: AcceptedLog, store: Store) -> Health:
    """Tell how the store is; without the file that D3 needs nothing is accepted here."""
    health = await store.health()
    if not log.trouble:
        return health
    return msgspec.structs.replace(
        health,
        ok=False,
        reason=health.reason or log.trouble,
        durability=min(health.durability, "D2"),
    )


# ---- beside the requests


async def _follow_time(clock: StoreClock, services: Services) -> None:
    await follow_store_time(services.store, clock)


def change_watch(services: Services) -> ChangeWatch:
    """Name who keeps copies of what other workers may change."""
    reloads: dict[str, Reload] = {
        KIND: services.credentials.keys.reload,
        LIVE_KIND: services.rules.follow,
        **dict.fromkeys(KINDS, services.webhooks.endpoints.reload),
    }
    return ChangeWatch(services.store, tuple(services.workspaces), reloads)


async def _watch_changes(services: Services) -> None:
    """Bring into force here what other workers change."""
    await change_watch(services).run()


def _to_stderr(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
