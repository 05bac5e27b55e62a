"""`opportune doctor`: what is right and what is wrong with an installation, and what to try."""

import argparse
import asyncio
from collections.abc import Iterable

import msgspec

from server.cli.command import Command, Exit
from server.cli.config_choice import add_config_argument, chosen_config
from server.cli.output import count, paint_result, result, result_json
from server.config import Config
from server.examination import Finding, Level

SUBJECT_WIDTH = 8
_STYLES: dict[Level, str] = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--settings", action="store_true", help="show all settings in force and their origin"
    )
    parser.add_argument(
        "--verify", action="store_true", help="fold every journal from its beginning and compare"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    add_config_argument(parser)


def run(options: argparse.Namespace) -> Exit:
    """Look at everything and show what was found; a failure is exit code 1.

    Raises:
        Refusal: the configuration cannot be used.
    """
    config = chosen_config(options)
    if options.settings:
        _show_settings(config)
        return Exit.CLEAN
    findings = _examine(config, verify=options.verify)
    if options.format == "json":
        result_json(msgspec.to_builtins(findings))
    else:
        result("\n".join(_lines(findings)))
        result(_total(findings))
    return Exit.FINDINGS if any(each.level == "fail" for each in findings) else Exit.CLEAN


def _examine(config: Config, *, verify: bool) -> list[Finding]:
    from server import examination as look
    from server.cli.operator_client import running_server
    from server.site_examination import look_at_sites

    runs = running_server(config) is not None
    findings = [*look.look_at_machine(), *look.look_at_rules(config)]
    findings += look.look_at_port(config, runs=runs)
    findings += look.look_at_folders(config)
    findings += asyncio.run(look.look_at_store(config, runs=runs, verify=verify))
    findings += asyncio.run(look.look_at_webhooks(config))
    findings += asyncio.run(look_at_sites(config))
    findings += look.look_at_secrets(config)
    return findings


def _lines(findings: Iterable[Finding]) -> Iterable[str]:
    for each in findings:
        level = paint_result(f"{each.level:<4}", _STYLES[each.level])  # type: ignore[arg-type]  # one of four styles
        yield f"{level}  {each.subject:<{SUBJECT_WIDTH}} {each.words}"
        if each.advice:
            yield f"      try: {each.advice}"


def _total(findings: list[Finding]) -> str:
    failures = sum(each.level == "fail" for each in findings)
    warnings = sum(each.level == "warn" for each in findings)
    return f"{count(failures, 'failure')}, {count(warnings, 'warning')}"


def _show_settings(config: Config) -> None:
    from server.settings import TABLES

    secret_keys = {"server.secret", "server.metrics_token"}
    for name in TABLES:
        table = getattr(config, name)
        for key in table.__struct_fields__:
            place = f"{name}.{key}"
            value = getattr(table, key)
            shown = "(secret)" if place in secret_keys and value else _plain(place, value)
            result(f"{place:<34} {shown:<40} {config.origins.get(place, 'default')}".rstrip())


def _plain(place: str, value: object) -> str:
    from server.settings import Duration
    from server.store_url import without_password

    values = value if isinstance(value, tuple) else (value,)
    text = ", ".join(
        _duration(each) if isinstance(each, Duration) else str(each) for each in values
    )
    return without_password(text) if place == "store.url" else text


def _duration(length_ms: int) -> str:
    """Write a duration as the file does: in the largest unit that divides it."""
    units = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
    unit, size = next(pair for pair in units if length_ms % pair[1] == 0)
    return f"{length_ms // size}{unit}"


COMMAND = Command(
    "doctor", "Say what is right and what is wrong with the installation.", add_arguments, run
)
