"""What a Redis deployment must be and should be: its version, its settings, and what it was made with."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from engine.stores.redis.keys import LAYOUT

Level = Literal["ok", "warning", "refused"]

REDIS_FLOOR = (7, 0)
VALKEY_FLOOR = (7, 2)
UNKNOWN = "not verified"
SETTINGS = (
    "appendfsync",
    "appendonly",
    "maxmemory",
    "maxmemory-policy",
    "min-replicas-to-write",
)


class Finding(Struct, frozen=True):
    """One thing that was looked at; `words` are one sentence that says what to change, "" when ok."""

    setting: str
    found: str
    wanted: str
    level: Level
    words: str = ""


class Facts(Struct, frozen=True):
    """What a server said: `settings` None when it does not tell them; `replicas` that exist."""

    server: str
    about: Mapping[str, str]
    settings: Mapping[str, str] | None
    replicas: int


def examine(facts: Facts) -> tuple[Finding, ...]:
    """Look at one server."""
    version = judge_version(facts.server, facts.about)
    if facts.settings is None:
        words = f"{facts.server} does not tell its settings: nobody checks that it evicts nothing"
        unknown = Finding("CONFIG GET", "refused", "allowed", "warning", f"{words} ({UNKNOWN})")
        return (version, unknown)
    settings = facts.settings
    return (
        version,
        _eviction(facts.server, settings),
        _memory(facts.server, settings),
        *_durability(facts.server, settings, facts.replicas),
    )


def judge_version(server: str, about: Mapping[str, str]) -> Finding:
    """Look at the version in INFO: Redis 7.0 or Valkey 7.2 is the least."""
    is_valkey = about.get("server_name") == "valkey" or "valkey_version" in about
    name, floor = ("Valkey", VALKEY_FLOOR) if is_valkey else ("Redis", REDIS_FLOOR)
    found = about.get("valkey_version") or about.get("redis_version", "")
    wanted = f"{name} {floor[0]}.{floor[1]}"
    if not found:
        words = f"{server} does not tell its version; it has to be {wanted} or newer"
        return Finding("version", UNKNOWN, wanted, "warning", words)
    if _numbers(found) >= floor:
        return Finding("version", f"{name} {found}", wanted, "ok")
    words = f"{server} is {name} {found}; install {wanted} or newer"
    return Finding("version", f"{name} {found}", wanted, "refused", words)


def judge_mode(server: str, about: Mapping[str, str]) -> Finding:
    """Look whether a server that was named alone belongs to a cluster."""
    mode = mode_of(about)
    if mode != "cluster":
        return Finding("mode", mode, "standalone", "ok")
    words = f"{server} belongs to a cluster; begin [store] url with redis+cluster://"
    return Finding("mode", mode, "standalone", "refused", words)


def mode_of(about: Mapping[str, str]) -> str:
    """Return `standalone`, `cluster` or `sentinel`, as Redis and as Valkey write it in INFO."""
    return about.get("redis_mode") or about.get("server_mode") or "standalone"


def judge_meta(layout: str, partitions: int, wanted: int | None) -> tuple[Finding, ...]:
    """Compare what the data were made with to what is wanted; None: as they are."""
    findings = []
    if layout != str(LAYOUT):
        words = (
            f"the data in this Redis have key layout {layout}, this version reads {LAYOUT}; "
            "use the version that wrote them, or another database"
        )
        findings.append(Finding("layout", layout, str(LAYOUT), "refused", words))
    if wanted not in (None, partitions):
        words = (
            f"the data in this Redis lie in {partitions} partitions; "
            f"set [store] partitions to {partitions}, not {wanted}, or use another database"
        )
        findings.append(Finding("partitions", str(partitions), str(wanted), "refused", words))
    return tuple(findings)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) if part.isdigit() else 0 for part in parts[:2])


def _eviction(server: str, settings: Mapping[str, str]) -> Finding:
    policy = settings.get("maxmemory-policy", "noeviction")
    if policy == "noeviction":
        return Finding("maxmemory-policy", policy, "noeviction", "ok")
    words = f"{server} evicts keys ({policy}); set maxmemory-policy to noeviction"
    return Finding("maxmemory-policy", policy, "noeviction", "refused", words)


def _memory(server: str, settings: Mapping[str, str]) -> Finding:
    limit = settings.get("maxmemory", "0")
    if limit != "0":
        return Finding("maxmemory", limit, "a limit", "ok")
    words = (
        f"{server} has no memory limit; set maxmemory, so that it refuses before the system does"
    )
    return Finding("maxmemory", "0", "a limit", "warning", words)


def _durability(server: str, settings: Mapping[str, str], replicas: int) -> list[Finding]:
    log, sync = settings.get("appendonly", "no"), settings.get("appendfsync", "everysec")
    findings = [Finding("appendonly", log, "yes", "ok")]
    if log != "yes":
        words = f"{server} keeps nothing over its own end; set appendonly to yes"
        findings = [Finding("appendonly", log, "yes", "warning", words)]
    if not replicas:
        findings.append(_sync(server, sync))
        return findings
    least = settings.get("min-replicas-to-write", "0")
    if least != "0":
        findings.append(Finding("min-replicas-to-write", least, "1", "ok"))
        return findings
    words = f"{server} takes writes when it has lost its replicas; set min-replicas-to-write to 1"
    findings.append(Finding("min-replicas-to-write", "0", "1", "warning", words))
    return findings


def _sync(server: str, sync: str) -> Finding:
    if sync == "always":
        return Finding("appendfsync", sync, "always", "ok")
    words = f"{server} has no replica and can lose a second; set appendfsync to always, or add one"
    return Finding("appendfsync", sync, "always", "warning", words)
