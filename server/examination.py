"""What is right and what is wrong with an installation, as findings: each function looks at one thing."""

import platform
import socket
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from engine.clock import SystemClock
from engine.errors import StoreRefused
from engine.ids import system_random_bytes
from engine.outbox.network_guard import BadTarget, NotPublic
from engine.outbox.posting import Poster, Resolver
from engine.stores.archive import try_folder
from engine.stores.base import Health, Store
from engine.stores.journal_forecast import ForecastsJournals
from server.access.operator_token import token_path
from server.assembly import open_configured
from server.config import Config
from server.rulebook.live_rules import BrokenRules, compile_folders, rule_folders, rules_of
from server.rulebook.past_programs import PastPrograms, at_once
from server.rulebook.verification import verify_sessions
from server.server_secret import server_secret
from server.store_url import without_credentials

Level = Literal["ok", "warn", "fail", "skip"]

SQLITE = "sqlite:///"
DAY_MS = 86_400_000
JOURNALS_SHARE_MAX = 0.3
"""Of the servers' memory; beyond it journals want an archive."""


class Finding(Struct, frozen=True):
    """One line of the report: what was looked at, what was seen, and what to try, "" for nothing."""

    level: Level
    subject: str
    words: str
    advice: str = ""


def look_at_machine() -> Iterator[Finding]:
    """Name the versions that everything stands on."""
    versions = f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield Finding("ok", "python", versions)


def look_at_rules(config: Config) -> Iterator[Finding]:
    """Check and compile every rule folder, as a start would."""
    folders = rule_folders(config)
    try:
        compiled = compile_folders(folders)
    except BrokenRules as broken:
        first = str(broken).partition("\n")[0]
        yield Finding("fail", "rules", first, f"opportune check {broken.folder.path}")
        return
    except OSError as error:
        yield Finding("fail", "rules", f"{error.filename}: {error.strerror}")
        return
    rules = sum(len(each.program.rules) for each in compiled.values())
    sets = f"{len(folders)} rule set{'s' if len(folders) > 1 else ''}"
    yield Finding("ok", "rules", f"{sets}, {rules} rule{'s' if rules != 1 else ''}, no errors")


def look_at_port(config: Config, *, runs: bool) -> Iterator[Finding]:
    """See whether the port can be taken; a server of this configuration that runs has it."""
    host, port = config.server.host, config.server.port
    if runs:
        yield Finding("ok", "port", f"{port} on {host} is served by the running server")
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            advice = f"opportune serve --port {port + 1}"
            yield Finding("fail", "port", f"{port} on {host}: {why}", advice)
        else:
            yield Finding("ok", "port", f"{port} is free on {host}")


def look_at_secrets(config: Config) -> Iterator[Finding]:
    """Warn of what is fit for a trial only."""
    if config.server.secret is None:
        words = "server.secret is not set: one was made and is kept in the store"
        yield Finding("warn", "secret", words, "set OPPORTUNE_SECRET before a second store is used")
    if not config.server.require_https and config.server.public_url.startswith("https:"):
        words = "plain requests are answered although public_url is https"
        yield Finding("warn", "https", words, "server.require_https = true")
    for workspace in config.workspaces:
        for site in workspace.sites:
            if not site.origins and not site.require_origin:
                words = f"{site.source_id} names no origins: any page may send its events"
                advice = 'origins = ["https://www.example.com"]'
                yield Finding("warn", "origins", words, advice)


def look_at_folders(config: Config) -> Iterator[Finding]:
    """See whether the folders beside a shared store can be written: the archive's, and that of level D3."""
    if not config.store.url.startswith("redis"):
        return
    if config.store.archive:
        yield _folder("archive", Path(config.store.archive), "every worker needs this folder")
    if config.store.durability == "D3":
        words = "what is accepted is kept here, for level D3"
        yield _folder("accepted", token_path(config).parent, words)


def _folder(subject: str, folder: Path, words: str) -> Finding:
    try:
        try_folder(folder)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        advice = "let the server's user write it, or name another folder"
        return Finding("fail", subject, f"{folder} cannot be written: {why}", advice)
    return Finding("ok", subject, f"{folder} can be written; {words}")


async def look_at_store(config: Config, *, runs: bool, verify: bool) -> Sequence[Finding]:
    """Open the store and look at what it promises, and at what it asks of its servers."""
    url = config.store.url
    if url == "memory:":
        words = "memory: keeps nothing over a restart"
        return [Finding("warn", "store", words, 'url = "sqlite:///data/opportune.db"')]
    if runs and url.startswith(SQLITE):
        return [Finding("ok", "store", "sqlite, in use by the running server")]
    try:
        store = await open_configured(config, SystemClock())
    except StoreRefused as refused:
        return [Finding("fail", "store", without_credentials(refused.reason, url))]
    try:
        findings = [*_promises(config, await store.health()), *_settings(store)]
        findings += await _room_for_journals(config, store)
        if verify:
            findings.append(await _verified(config, store))
        return findings
    finally:
        await store.close()


async def look_at_webhooks(config: Config) -> Sequence[Finding]:
    """See whether the addresses that the file has events sent to may be called; nothing is sent."""
    found: list[Finding] = []
    resolver = Resolver()
    poster = Poster(allow_private=config.webhooks.allow_private, resolve=resolver)
    for kind, name, url in _targets(config):
        try:
            await poster.check(url)
        except (BadTarget, NotPublic) as refused:
            found.append(Finding("fail", kind, f"{name}: {refused}"))
        else:
            found.append(Finding("ok", kind, f"{name} may be called"))
    await poster.close()
    resolver.close()
    return found


def _targets(config: Config) -> Iterator[tuple[str, str, str]]:
    """Name what events are sent to: kind, name, URL."""
    for workspace in config.workspaces:
        for hook in workspace.webhooks:
            yield "webhook", hook.id, hook.url
        if workspace.analytics is not None:
            yield "analytics", workspace.id, workspace.analytics.url


def _promises(config: Config, health: Health) -> Iterator[Finding]:
    asked, kept = config.store.durability, health.durability
    words = f"{health.kind}, durability {kept}, {health.pending_wakeups} wake-ups pending"
    if not health.ok:
        yield Finding("fail", "store", health.reason or "the store is not well")
    elif kept < asked:
        advice = f'durability = "{kept}", or change the servers as said below'
        yield Finding("fail", "store", f"{words}; {asked} is asked for", advice)
    else:
        yield Finding("ok", "store", words)


def _settings(store: Store) -> Iterator[Finding]:
    """Say what the settings of Redis servers are; nothing of an embedded store."""
    for each in getattr(store, "findings", ()):
        level: Level = "ok" if each.level == "ok" else "warn"
        words = each.words or f"{each.setting} is {each.found}"
        yield Finding(level, "redis", words)


async def _room_for_journals(config: Config, store: Store) -> Sequence[Finding]:
    """Warn when the journals of the time that they are kept come to fill the servers (STORES.md 13)."""
    if config.store.archive or not isinstance(store, ForecastsJournals):
        return ()
    ahead = await store.forecast([workspace.id for workspace in config.workspaces])
    days = config.store.retention_events / DAY_MS
    share = ahead.share(days)
    if share <= JOURNALS_SHARE_MAX:
        return ()
    words = (
        f"{ahead.sessions:,} sessions a day, kept {days:g} days, "
        f"come to {share:.0%} of the servers' maxmemory"
    )
    advice = 'archive = "data/archive" under [store], or a shorter retention_events'
    return [Finding("warn", "journal", words, advice)]


async def _verified(config: Config, store: Store) -> Finding:
    """Fold the journals of all sessions and compare what comes of them with what is stored."""
    secret = await server_secret(config, store, system_random_bytes)
    rules = rules_of(config, store, secret, lambda: 0)
    equal, unwhole, named = 0, 0, list[str]()
    for workspace in config.workspaces:
        told = await verify_sessions(store, PastPrograms(rules), secret, workspace.id, at_once)
        equal, unwhole = equal + told.equal, unwhole + told.unwhole
        named += told.named
    if named:
        words = f"sessions are not what their journals say: {', '.join(named[:3])}"
        return Finding("fail", "journal", words, "keep the store as it is, and report it")
    left = f"; {unwhole} have lost the beginning of theirs" if unwhole else ""
    return Finding("ok", "journal", f"{equal} sessions are as their journals say{left}")
