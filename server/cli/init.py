"""`opportune init DIR`: a workspace that runs: configuration, rules with tests, keys, the snippet."""

import argparse
import hashlib
import json
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.ids import RandomBytes, system_random_bytes
from engine.rule_tests import run_tests
from rules.compiler import compile_program
from server.access.api_keys import base62, make_api_key
from server.access.passwords import hash_password
from server.cli.command import Command, Exit, Refusal
from server.cli.config_choice import add_config_argument, chosen_config
from server.cli.output import count, result
from server.cli.rule_sets import read_rule_sets
from server.cli.snippets import show_new_snippet, show_snippets

PACKS = ("local_service",)
CONFIG_FILE = "opportune.toml"
RULE_FILE = "rules/main.rules"
SECRET_FILE = "data/dashboard.secret"  # noqa: S105  # where it is, not what it is
ADMIN = "admin"
SERVER_URL = "http://127.0.0.1:8700"
_TOKEN_LEN = 8
_PASSWORD_LEN = 16
_SECRET_LEN = 43

_CONFIG = """\
# Relative paths are relative to this file. A key that is not known stops the start.
[server]
host = "127.0.0.1"
port = 8700

[store]
url = "sqlite:///data/opportune.db"

[[workspaces]]
id = {workspace}
name = {name}
timezone = {timezone}
rules = "rules"

  [[workspaces.api_keys]]
  name = "backend"
  sha256 = "{digest}"
  last4 = "{last4}"

  [[workspaces.sites]]
  source_id = {source}
  origins = {origins}

  [[workspaces.widget_tokens]]
  token = "{token}"
  site = {source}

  [[workspaces.assistants]]
  id = {assistant}
  name = {name}

  # Dashboards: their tokens are signed with what stands in this file, which belongs in no repository.
  [workspaces.jwt]
  secret_file = "{secret_file}"

  [[workspaces.users]]
  name = "{admin}"
  role = "admin"
  password_scrypt = "{password}"
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is written: the site's short name, its origin ("" when not known), zone and pack."""

    name: str
    origin: str
    timezone: str
    pack: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of a new workspace; `api_key` and `password` are shown once and stored as hashes."""

    api_key: str
    token: str
    password: str
    password_hash: str
    dashboard: str


def make_keys(name: str, random_bytes: RandomBytes) -> Keys:
    """Draw an API key, a widget token with the site's name in it, a password, and a secret for tokens."""
    password = _draw(_PASSWORD_LEN, random_bytes)
    return Keys(
        api_key=make_api_key("live", random_bytes),
        token=f"wk_{name}_{_draw(_TOKEN_LEN, random_bytes)}",
        password=password,
        password_hash=hash_password(password, random_bytes),
        dashboard=_draw(_SECRET_LEN, random_bytes),
    )


def _draw(length: int, random_bytes: RandomBytes) -> str:
    return base62(int.from_bytes(random_bytes(length)), length)


def plan(site: str | None, timezone: str, pack: str, folder: Path) -> Plan:
    """Turn the options into a plan.

    Raises:
        Refusal: the address is no http(s) origin, or the zone is not an IANA name.
    """
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        message = f"{timezone!r} is no IANA time zone. Try: --timezone America/Chicago"
        raise Refusal(message) from error
    if site is None:
        return Plan(_slug(folder.resolve().name), "", timezone, pack)
    address = urlsplit(site)
    if address.scheme not in {"http", "https"} or not address.hostname:
        message = f"{site!r} is no address of a site. Try: --site https://www.example.com"
        raise Refusal(message)
    origin = f"{address.scheme}://{address.netloc.lower()}"
    return Plan(_slug(address.hostname.removeprefix("www.").split(".")[0]), origin, timezone, pack)


def config_text(planned: Plan, keys: Keys) -> str:
    """Write opportune.toml of the new workspace."""
    return _CONFIG.format(
        workspace=json.dumps(f"ws_{planned.name}"),
        name=json.dumps(planned.name),
        timezone=json.dumps(planned.timezone),
        digest=hashlib.sha256(keys.api_key.encode("ascii")).hexdigest(),
        last4=keys.api_key[-4:],
        source=json.dumps(f"site_{planned.name}"),
        origins=json.dumps([planned.origin] if planned.origin else []),
        token=keys.token,
        assistant=json.dumps(f"asst_{planned.name}"),
        secret_file=SECRET_FILE,
        admin=ADMIN,
        password=keys.password_hash,
    )


def rules_text(planned: Plan) -> str:
    """Return the pack's rules with the site's own name and time zone."""
    pack = resources.files("rules").joinpath("packs", f"{planned.pack}.rules")
    line = f'site "{planned.name}" timezone "{planned.timezone}"'
    lines = pack.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(f"{line}\n" if old.startswith('site "') else old for old in lines)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40] or "site"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="DIR")
    parser.add_argument("--site", metavar="URL", help="the site's address; it becomes its origin")
    parser.add_argument("--timezone", default="UTC", metavar="ZONE", help="default: UTC")
    parser.add_argument("--pack", choices=PACKS, default=PACKS[0])
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    parser.add_argument(
        "--show-snippet",
        action="store_true",
        help="write nothing; show what each site of a configuration pastes into its pages",
    )
    add_config_argument(parser)


def run(options: argparse.Namespace) -> Exit:
    """Write the files and print the keys, once; or show the snippets of what is there."""
    folder: Path = options.folder
    if options.show_snippet:
        if options.config is None and folder != Path():
            options.config = folder / CONFIG_FILE
        show_snippets(chosen_config(options))
        return Exit.CLEAN
    if options.config is not None:
        message = "--config goes with --show-snippet. Try: opportune init DIR"
        raise Refusal(message)
    planned = plan(options.site, options.timezone, options.pack, folder)
    keys = make_keys(planned.name, system_random_bytes)
    files = {
        CONFIG_FILE: config_text(planned, keys),
        RULE_FILE: rules_text(planned),
        SECRET_FILE: keys.dashboard + "\n",
    }
    there = [name for name in files if (folder / name).exists()]
    if there and not options.force:
        message = f"{', '.join(there)} in {folder} would be overwritten. Try: --force"
        raise Refusal(message)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / SECRET_FILE).chmod(0o600)
    _tell(folder, planned, keys)
    return Exit.CLEAN


def _tell(folder: Path, planned: Plan, keys: Keys) -> None:
    config = folder / CONFIG_FILE
    rules = folder / RULE_FILE
    result(f"wrote {config}   one workspace (ws_{planned.name}), one site, one API key")
    result(f"wrote {rules}   from pack {planned.pack}: {_proved(rules)}")
    result(f"wrote {folder / SECRET_FILE}   signs dashboard tokens; keep it out of your repository")
    result(f"key   {keys.api_key}   shown once; keep it on your server, the file has its hash")
    result(f"login {ADMIN} / {keys.password}   shown once; for the dashboards")
    if not planned.origin:
        result(f"the site's address is not known yet: write it into origins in {config}")
    show_new_snippet(SERVER_URL, f"ws_{planned.name}", keys.token)
    result(f"\nnext:  opportune test {rules}\n       opportune serve --watch --config {config}")


def _proved(rules: Path) -> str:
    """Check and test what was written, and say so."""
    (rule_set,) = read_rule_sets([rules])
    assert rule_set.checked is not None, "a pack that we ship has no errors"
    outcomes = list(run_tests(compile_program(rule_set.checked, rule_set.sources)))
    failed = [outcome.name for outcome in outcomes if not outcome.passed]
    assert not failed, f"a pack that we ship passes its tests: {failed}"
    return f"{count(rule_set.rules, 'rule')}, {count(len(outcomes), 'test')}, all pass"


COMMAND = Command("init", "Make a workspace that runs.", add_arguments, run)
