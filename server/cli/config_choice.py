"""Which configuration a command means, and the one line that says why it cannot be used."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from server.cli.command import Refusal

if TYPE_CHECKING:
    from server.config import Config

CONFIG_VARIABLE = "OPPORTUNE_CONFIG"


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--config`."""
    parser.add_argument(
        "--config", type=Path, help=f"default: ${CONFIG_VARIABLE}, then ./opportune.toml"
    )


def chosen_config(
    options: argparse.Namespace, flags: dict[str, str | int] | None = None
) -> "Config":
    """Load the configuration that the options, else the environment, else this folder name.

    Raises:
        Refusal: it cannot be used; the text names file, line and key.
    """
    # Reading settings takes longer than --help may: the parser is built without it.
    from server.config import load_config
    from server.config_file import ConfigProblem

    path = options.config or Path(os.environ.get(CONFIG_VARIABLE) or "opportune.toml")
    try:
        return load_config(path, os.environ, flags or {})
    except ConfigProblem as problem:
        raise Refusal(str(problem)) from problem
