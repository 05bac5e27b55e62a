"""`opportune replay [LOG...] --rules PATH`: whom these rules would have approached, when, by which."""

import argparse
import gzip
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from engine.clock import Stopwatch
from engine.event_log import LogRefused, read_log
from engine.replay import Approach, Replay, ReplayReport
from rules.compiler import Program, compile_program
from server.cli.command import Command, Exit, Refusal, add_format
from server.cli.findings import show
from server.cli.output import Progress, count, result, result_json, talk
from server.cli.rule_sets import read_rule_sets

SHOWN_DEFAULT = 20
GZIP_MAGIC = b"\x1f\x8b"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "logs",
        nargs="*",
        type=Path,
        metavar="LOG",
        help="event logs, JSON Lines or gzipped; none: the store's journal",
    )
    parser.add_argument("--rules", type=Path, required=True, metavar="PATH")
    parser.add_argument("--allow-regex", action="store_true", help="rules may use `matches`")
    parser.add_argument("--store", metavar="URL", help="sqlite:///PATH; default: the file's")
    parser.add_argument("--config", type=Path, default=Path("opportune.toml"))
    parser.add_argument("--workspace", metavar="ID", help="default: the configuration's first")
    parser.add_argument(
        "--show",
        type=int,
        default=SHOWN_DEFAULT,
        metavar="N",
        help=f"decisions to list, 0 for all (default: {SHOWN_DEFAULT}; json lists all)",
    )
    add_format(parser)


def run(options: argparse.Namespace) -> Exit:
    """Replay the logs, or the store's journal, and write what was decided.

    Raises:
        Refusal: a log, the store or the rules cannot be read.
    """
    watch = Stopwatch()
    (rule_set,) = read_rule_sets([options.rules], allow_regex=options.allow_regex)
    if rule_set.checked is None:
        show(rule_set.found.without_hints(), options.format)
        talk("nothing was replayed: the rules have errors")
        return Exit.FINDINGS
    program = compile_program(rule_set.checked, rule_set.sources)
    if options.logs:
        report = replay_logs(program, options.logs)
    else:
        from server.cli.journal_source import replay_store

        report = replay_store(program, options)
    match options.format:
        case "json":
            result_json(as_json(report))
        case "github":
            result(f"::notice title=opportune replay::{headline(report)}")
        case _:
            _write_text(report, program, options.show)
            talk(f"\nreplayed in {watch.elapsed_ms() / 1000:.1f} s")
    return Exit.CLEAN


def replay_logs(program: Program, paths: list[Path]) -> ReplayReport:
    """Replay logs one after the other as one stretch of time.

    Raises:
        Refusal: a log is missing, or one of its lines is no event; names file and line.
    """
    replay = Replay(program)
    progress = Progress("replay", sum(_size(path) for path in paths))
    done = 0
    for path in paths:
        try:
            with path.open("rb") as raw:
                for logged in read_log(_lines(raw)):
                    replay.arrive(
                        logged.visitor, [logged.event], logged.received_ms, logged.session
                    )
                    progress.show(done + raw.tell())
        except LogRefused as refused:
            message = f"{path}:{refused.line}: {refused.reason}"
            raise Refusal(message) from refused
        except (OSError, EOFError) as error:
            message = f"{path}: {getattr(error, 'strerror', None) or error}"
            raise Refusal(message) from error
        done += _size(path)
    progress.close()
    return replay.finish()


def headline(report: ReplayReport) -> str:
    """Say in one line what was replayed."""
    return (
        f"{count(report.sessions, 'session')} of {count(report.visitors, 'visitor')}, "
        f"{count(report.events, 'event')}: {count(report.messages, 'message')}"
    )


def as_json(report: ReplayReport) -> dict[str, object]:
    """Turn a report into plain values."""
    return {
        "sessions": report.sessions,
        "visitors": report.visitors,
        "events": report.events,
        "approached": report.messages,
        "first_ms": report.first_ms,
        "last_ms": report.last_ms,
        "by_rule": dict(sorted(report.by_rule.items())),
        "digest": report.digest,
        "decisions": [
            {
                "at_ms": each.at_ms,
                "visitor": each.visitor,
                "session": each.session,
                "rule": each.rule,
                "outcome": each.outcome,
                "reason": each.reason,
                "variant": each.variant,
                "score": each.score,
                "page": each.page,
                "why": each.why,
            }
            for each in report.approaches
        ],
    }


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _lines(raw: BinaryIO) -> Iterator[bytes]:
    """Read lines, unpacking gzip as it goes."""
    magic = raw.read(len(GZIP_MAGIC))
    raw.seek(0)
    if magic == GZIP_MAGIC:
        with closing(gzip.open(raw)) as unpacked:
            yield from unpacked
    else:
        yield from raw


def _write_text(report: ReplayReport, program: Program, shown: int) -> None:
    zone = program.checked.timezone
    result(headline(report))
    if report.first_ms is not None and report.last_ms is not None:
        result(f"from {_clock(report.first_ms, zone)} to {_clock(report.last_ms, zone)} ({zone})")
    others = [each for each in report.approaches if each.outcome != "sent"]
    result("\napproached by")
    for rule in program.checked.rules:
        result(f"  {rule.name:<24} {report.by_rule.get(rule.name, 0):>6,}")
    result(f"  {'all rules':<24} {report.messages:>6,}")
    for outcome in sorted({each.outcome for each in others}):
        number = sum(each.outcome == outcome for each in others)
        result(f"  {outcome.replace('_', ' '):<24} {number:>6,}")
    _write_list(report.approaches, zone, shown)
    result(f"\ndecisions {report.digest}: the same log and rules give the same digest")
    result("unknown: how these visitors would have answered")


def _write_list(approaches: list[Approach], zone: str, shown: int) -> None:
    listed = approaches if shown <= 0 else approaches[:shown]
    if listed:
        result("")
    for each in listed:
        words = each.rule if each.outcome == "sent" else f"{each.rule} ({each.outcome})"
        result(f"{_clock(each.at_ms, zone)}  {words:<20} {each.visitor:<28} {each.page}")
    if len(listed) < len(approaches):
        result(f"and {len(approaches) - len(listed):,} more: --show 0 lists all")


def _clock(at_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone)).strftime("%F %T")


COMMAND = Command("replay", "Run rules over recorded visitors.", add_arguments, run)
