"""`opportune keys`: API keys made, listed and revoked; password hashes and dashboard tokens."""

import argparse
import getpass
import sys
from datetime import UTC, datetime

import msgspec

from server.cli.command import Command, Exit, Parser, Refusal
from server.cli.config_choice import add_config_argument, chosen_config
from server.cli.output import result, result_json, talk

HOURS_DEFAULT = 12
HOURS_MAX = 24 * 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=Parser
    )
    create = actions.add_parser("create", help="make a key; it is shown once")
    create.add_argument(
        "name", metavar="NAME", help="what uses it; two active keys may share a name"
    )
    create.add_argument(
        "--scope", action="append", metavar="SCOPE", help="may be repeated; default: *, all of them"
    )
    create.add_argument("--label", choices=("live", "test"), default="live", help="default: live")
    listed = actions.add_parser("list", help="show what keys there are, never the keys themselves")
    listed.add_argument("--format", choices=("text", "json"), default="text")
    revoke = actions.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("key", metavar="KEY", help="its id, or its name when only one key has it")
    actions.add_parser("password", help="hash a password for [[workspaces.users]]")
    token = actions.add_parser("jwt", help="print a token for a dashboard")
    token.add_argument("--role", choices=("viewer", "editor", "admin"), required=True)
    token.add_argument(
        "--sub", default="cli", metavar="NAME", help="whom it speaks for; default: cli"
    )
    token.add_argument("--hours", type=_hours, default=HOURS_DEFAULT, help="default: 12")
    for action in (create, listed, revoke, token):
        action.add_argument("--workspace", metavar="ID", help="needed when there is more than one")
        add_config_argument(action)


def _hours(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= HOURS_MAX:
        message = f"{text} is no number of hours from 1 to {HOURS_MAX}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def run(options: argparse.Namespace) -> Exit:
    """Do one of the actions.

    Raises:
        Refusal: configuration, workspace, server or store cannot be used.
    """
    match options.action:
        case "create":
            _create(options)
        case "list":
            _list(options)
        case "revoke":
            _revoke(options)
        case "password":
            _password()
        case _:
            _jwt(options)
    return Exit.CLEAN


def _create(options: argparse.Namespace) -> None:
    from server.cli.key_desk import key_desk, workspace_of
    from server.wire.operator import KeyBody

    config = chosen_config(options)
    workspace = workspace_of(config, options.workspace)
    scopes = tuple(options.scope or ("*",))
    row, text = key_desk(config).create(KeyBody(workspace, options.name, options.label, scopes))
    talk(f"{row.id}   {row.name} of {workspace}, may: {' '.join(row.scopes)}")
    talk("shown once; keep it on your server, only its hash is kept here")
    result(text)


def _list(options: argparse.Namespace) -> None:
    from server.cli.key_desk import key_desk, workspace_of

    config = chosen_config(options)
    rows = key_desk(config).rows(workspace_of(config, options.workspace))
    if options.format == "json":
        result_json(msgspec.to_builtins(rows))
        return
    cells = [
        (
            row.name,
            f"…{row.last4}" if row.last4 else "",
            row.id or "in the file",
            " ".join(row.scopes),
            _state(row.revoked_ms, row.last_used_ms),
        )
        for row in rows
    ]
    widths = [max((len(row[place]) for row in cells), default=0) for place in range(4)]
    for row in cells:
        padded = (text.ljust(size) for text, size in zip(row, widths, strict=False))
        result("  ".join((*padded, row[4])))
    if not rows:
        talk("no keys. Try: opportune keys create NAME")


def _state(revoked_ms: int, used_ms: int) -> str:
    if revoked_ms:
        return f"revoked {_minute(revoked_ms)}"
    return f"used {_minute(used_ms)}" if used_ms else "never used"


def _minute(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")


def _revoke(options: argparse.Namespace) -> None:
    from server.cli.key_desk import key_desk, workspace_of

    config = chosen_config(options)
    row = key_desk(config).revoke(workspace_of(config, options.workspace), options.key)
    result(f"revoked {row.id}   {row.name} …{row.last4}; requests with it are refused from now on")


def _password() -> None:
    from engine.ids import system_random_bytes
    from server.access.passwords import hash_password

    if sys.stdin.isatty():
        password = getpass.getpass("password: ")
        if getpass.getpass("again:    ") != password:
            message = "the two are not the same; nothing was hashed"
            raise Refusal(message)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        message = "the password is empty"
        raise Refusal(message)
    result(f'password_scrypt = "{hash_password(password, system_random_bytes)}"')


def _jwt(options: argparse.Namespace) -> None:
    from engine.clock import SystemClock
    from server.access.jwt_tokens import make_dashboard_token
    from server.cli.key_desk import workspace_of

    config = chosen_config(options)
    workspace = config.workspace(workspace_of(config, options.workspace))
    assert workspace is not None, "workspace_of answers one that is there"
    try:
        token = make_dashboard_token(
            workspace,
            options.sub,
            options.role,
            now_ms=SystemClock().now_ms(),
            valid_ms=options.hours * 3_600_000,
        )
    except ValueError as error:
        raise Refusal(str(error)) from error
    result(token)


COMMAND = Command("keys", "Make, list and revoke API keys.", add_arguments, run)
