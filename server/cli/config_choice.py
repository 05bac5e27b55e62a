"""Which configuration a command means, and the one line that says why it cannot be used."""

import argparse
import os
from collections.abc import Mapping
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
    path = options.config or Path(os.environ.get(CONFIG_VARIABLE) or "opportune.toml")
    return read_config(path, os.environ, flags or {})


def read_config(
    path: Path, environment: Mapping[str, str], flags: Mapping[str, str | int]
) -> "Config":
    """Load one configuration file.

    Raises:
        Refusal: it cannot be used; the text names file, line and key.
    """
    # Reading settings takes longer than --help may: the parser is built without it.
    from server.config import load_config
    from server.config_file import ConfigProblem

    try:
        return load_config(path, environment, flags)
    except ConfigProblem as problem:
        raise Refusal(str(problem)) from problem
