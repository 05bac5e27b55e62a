"""What `opportune serve` says when it serves and when it ends: store, rules, address; never a password."""

import os
from importlib.metadata import version
from pathlib import Path

from server.assembly import Assembled
from server.cli.output import count, paint_talk
from server.config import Config
from server.rulebook.live_rules import rule_folders
from server.store_url import without_password


def banner(config: Config, parts: Assembled) -> str:
    """Say what runs: store, rule sets, address."""
    lines = [paint_talk(f"Opportune {version('opportune')}", "bold"), ""]
    lines.append(f"  store   {near(config.store.url)}   durability {parts.store.durability}")
    for folder in rule_folders(config):
        live = parts.workspaces.live[folder.workspace, folder.name]
        where = near(str(folder.path)) if folder.path else "no folder"
        rules = count(len(live.program.rules), "rule")
        lines.append(f"  rules   {folder.workspace}/{folder.name}   {where}   {rules}")
    if config.server.workers > 1:
        lines.append(f"  workers {config.server.workers}")
    lines += [f"  API     {config.server.public_url}   documents: /docs", "", "  Stop: Ctrl-C"]
    return "\n".join(lines)


def farewell(store_url: str) -> str:
    """Say what is left of the work after the end."""
    if store_url.startswith("memory:"):
        return "stopped; memory: keeps nothing"
    where = near(store_url)
    return f"stopped; everything that was answered is in {where.removeprefix('sqlite:///')}"


def near(text: str) -> str:
    """Write a path in a text relative to the current folder when it lies below it; other URLs as they are."""
    scheme, separator, name = text.partition("///")
    if "://" in text and not separator:
        return without_password(text)
    path = Path(os.path.normpath(name if separator else text))
    try:
        near = path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        near = path.as_posix()
    return f"{scheme}{separator}{near}" if separator else near
