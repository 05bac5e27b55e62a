"""`opportune why [RULE] --session ID [--at TIME]`: why a rule spoke or stayed silent."""

import argparse
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from engine.explain import ClauseRecord, GateRecord, Record
from server.cli.command import Command, Exit, Refusal
from server.cli.config_choice import add_config_argument, chosen_config
from server.cli.output import paint_result, result, result_json
from server.rulebook.session_why import Question

TEXT_WIDTH = 34
_ESTIMATED = (
    "Its visible time is estimated: what sent this page does not say when the tab is hidden."
)
_VERBS = ("stayed silent", "was held back", "spoke", "could speak")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "rule", nargs="?", metavar="RULE", help="default: every rule of the page, nearest first"
    )
    parser.add_argument("--session", required=True, metavar="ID", help="ours, or the client's own")
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="14:01:10 in the site's time, or RFC 3339; default: now, or the session's end",
    )
    parser.add_argument("--workspace", metavar="ID", help="needed when there is more than one")
    add_config_argument(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(options: argparse.Namespace) -> Exit:
    """Ask the running server, else the store, and write the answer.

    Raises:
        Refusal: there is no such session, rule or instant, or nothing that could be asked.
    """
    from server.cli.key_desk import workspace_of
    from server.cli.session_desk import ask_why

    config = chosen_config(options)
    workspace = workspace_of(config, options.workspace)
    question = _question(options.rule, options.at)
    told = ask_why(config, workspace, options.session, question)
    if options.format == "json":
        records = msgspec.to_builtins(told.records)
        result_json(records if options.rule is None else records[0])
        return Exit.CLEAN
    zone = ZoneInfo(told.timezone)
    result("\n\n".join(record_text(record, zone) for record in told.records) or "no rule is here")
    return Exit.CLEAN


def record_text(record: Record, zone: ZoneInfo) -> str:
    """Lay a record out: the sentence, its clauses, its gates, and when it could have spoken."""
    lines = [_headline(record, zone)]
    lines += [_clause_line(clause, zone) for clause in record.clauses]
    closed = [gate for gate in record.gates if not gate.open]
    lines += [_gate_line(gate, zone) for gate in closed]
    if not closed:
        lines.append(_line("✓", "gates", "all open"))
    if record.estimated is True:
        lines.append(_ESTIMATED)
    if record.reason != "fired":
        lines.append(_outlook(record, zone))
    return "\n".join(lines)


def _headline(record: Record, zone: ZoneInfo) -> str:
    """Put the time behind what the rule did."""
    for verb in _VERBS:
        begin = f"{record.rule} {verb}"
        if record.summary.startswith(begin):
            rest = record.summary.removeprefix(begin)
            return f"{paint_result(begin, 'bold')} at {_clock(record.at_ms, zone)}{rest}"
    return f"{_clock(record.at_ms, zone)}  {record.summary}"


def _clause_line(clause: ClauseRecord, zone: ZoneInfo) -> str:
    is_against = clause.text.startswith(("unless ", "except "))
    holds = clause.value == ("false" if is_against else "true")
    mark = "?" if clause.value == "unknown" else "✓" if holds else "✗"
    ahead = "" if clause.next_ms is None else f", can change at {_clock(clause.next_ms, zone)}"
    return _line(mark, clause.text.removeprefix("when "), clause.seen + ahead)


def _gate_line(gate: GateRecord, zone: ZoneInfo) -> str:
    opens = (
        "opens only by what the visitor does"
        if gate.reopens_ms is None
        else f"opens at {_clock(gate.reopens_ms, zone)}"
    )
    return _line("✗", f"gate {gate.name}", opens)


def _outlook(record: Record, zone: ZoneInfo) -> str:
    if record.reason == "priority":
        return "It lost to a stronger rule at that instant."
    if record.earliest_ms is None or record.reason in ("holdout", "no_consent"):
        return "By itself it could not have spoken later: only the visitor can change that."
    if record.earliest_ms == record.at_ms:
        return "It could speak at once when its conditions hold."
    return f"It could have spoken at {_clock(record.earliest_ms, zone)}."


def _line(mark: str, text: str, seen: str) -> str:
    style = {"✓": "green", "✗": "red", "?": "yellow"}[mark]
    return f"  {paint_result(mark, style)} {text:<{TEXT_WIDTH}}  {seen}".rstrip()  # type: ignore[arg-type]  # one of three styles


def _clock(at_ms: int, zone: ZoneInfo) -> str:
    """Write an instant as the site's clock shows it, with tenths only where they say something."""
    local = datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone(zone)
    tenths = at_ms % 1_000 // 100
    return local.strftime("%H:%M:%S") + (f".{tenths}" if tenths else "")


def _question(rule: str | None, at: str | None) -> Question:
    """Read `--at`: with a date it is an instant, else a time of the site's clock."""
    if at is None or "T" not in at.upper():
        return Question(rule, None, at or "")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        message = f"{at} is no instant. Try: --at 14:01:10, or --at 2026-11-21T14:01:10Z"
        raise Refusal(message)
    return Question(rule, round(instant.timestamp() * 1_000))


COMMAND = Command("why", "Say why a rule spoke or stayed silent.", add_arguments, run)
