"""The command `opportune`: finds the command, runs it, turns every end into an exit code."""

import os
import sys
from collections.abc import Sequence

from server.cli.command import Command, Exit, Parser, Refusal

SUMMARIES = (
    ("demo", "look at it: a shop with visitors"),
    ("serve", "run the server"),
    ("init", "make a workspace: configuration, rules with tests, keys"),
    ("check", "say what is wrong with rule files"),
    ("fmt", "lay rule files out"),
    ("test", "run the tests in rule files"),
    ("replay", "run rules over recorded visitors"),
    ("why", "say why a rule spoke or stayed silent"),
    ("export", "write a visitor's data or the event log as JSON Lines"),
    ("erase", "remove all that is kept of a visitor"),
    ("doctor", "say what is wrong with the installation"),
    ("keys", "API keys, password hashes, dashboard tokens"),
)
INTERRUPTED = 130


def load(name: str) -> Command | None:
    """Load one command and only that: start-up time is a promise."""
    match name:
        case "demo":
            from server.cli.demo import COMMAND
        case "serve":
            from server.cli.serve import COMMAND
        case "init":
            from server.cli.init import COMMAND
        case "check":
            from server.cli.check import COMMAND
        case "fmt":
            from server.cli.fmt import COMMAND
        case "test":
            from server.cli.test import COMMAND
        case "replay":
            from server.cli.replay import COMMAND
        case "why":
            from server.cli.why import COMMAND
        case "export":
            from server.cli.export import COMMAND
        case "erase":
            from server.cli.erase import COMMAND
        case "doctor":
            from server.cli.doctor import COMMAND
        case "keys":
            from server.cli.keys import COMMAND
        case _:
            return None
    return COMMAND


def usage() -> str:
    """List the commands."""
    lines = ["opportune COMMAND [OPTIONS]", ""]
    lines += [f"  {name:<8} {summary}" for name, summary in SUMMARIES]
    lines += ["", "opportune COMMAND --help says more; opportune --version says which one this is"]
    return "\n".join(lines)


def run(arguments: Sequence[str]) -> int:
    """Run one command line, without the program's name.

    Raises:
        Refusal: the arguments or what they name cannot be used.
    """
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(usage())
        return Exit.CLEAN if arguments else Exit.USAGE
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"opportune {version('opportune')}")
        return Exit.CLEAN
    command = load(arguments[0])
    if command is None:
        names = ", ".join(name for name, _ in SUMMARIES)
        message = f"there is no command {arguments[0]!r}. Commands: {names}"
        raise Refusal(message)
    parser = Parser(prog=f"opportune {command.name}", description=command.summary)
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments[1:]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line of this process and return its exit code."""
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except Refusal as refusal:
        print(f"opportune: {refusal}", file=sys.stderr)
        return Exit.USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone: what is still buffered must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.CLEAN
    except Exception as error:  # noqa: BLE001 - the last place: a bug of ours ends with code 70
        if os.environ.get("OPPORTUNE_DEBUG"):
            sys.excepthook(type(error), error, error.__traceback__)
        print(
            f"opportune: internal error: {type(error).__name__}: {error}. "
            "This is a mistake of Opportune; OPPORTUNE_DEBUG=1 shows where",
            file=sys.stderr,
        )
        return Exit.INTERNAL
    return code


if __name__ == "__main__":
    sys.exit(main())
