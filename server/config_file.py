"""Reading `opportune.toml`: text to plain values, the line of a key, secrets, environment and flags."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import get_origin

import msgspec

from server.settings import TABLES

SECRETS = frozenset(
    {
        "secret",
        "previous_secret",
        "metrics_token",
        "identity_secret",
        "key",
        "password",
        "api_key",
        "write_key",
    }
)
"""Keys that have three spellings: `x`, `x_env` and `x_file`, of which one may stand."""

FILE_BYTES_MAX = 4_000_000

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\-]+)\s*\]\]?")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\-]+)\s*=")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")

Table = dict[str, object]


class ConfigProblem(Exception):
    """One line that names the place and says what to do; the command line exits with 2."""

    def __init__(self, place: str, advice: str) -> None:
        """Join the place ("opportune.toml:12 server.port") and the advice."""
        super().__init__(f"{place}: {advice}")
        self.place = place
        self.advice = advice


class ConfigFile:
    """A configuration file that was read: its plain values, and where each key stands."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises ConfigProblem when it is missing, too large, or no TOML."""
        self.path = path
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            advice = "no such file; `opportune init` writes one, --config names another"
            raise ConfigProblem(str(path), advice) from None
        except OSError as error:
            raise ConfigProblem(str(path), f"cannot be read: {error.strerror}") from None
        if len(raw) > FILE_BYTES_MAX:
            raise ConfigProblem(str(path), f"is larger than {FILE_BYTES_MAX} bytes")
        self._lines, self.values = _parse(path, raw)

    def problem(self, steps: str, advice: str) -> ConfigProblem:
        """Make the problem of one key; `steps` is like "workspaces[0].sites[1].origins"."""
        line = self._line(steps)
        place = f"{self.path}:{line} {steps}" if steps else f"{self.path}:{line}"
        return ConfigProblem(place, advice)

    def _line(self, steps: str) -> int:
        """Find a key's line, 1-based; the nearest table that holds it when it has none of its own."""
        wanted = tuple(name or int(index) for name, index in _STEP.findall(steps))
        for length in range(len(wanted), 0, -1):
            if wanted[:length] in self._lines:
                return self._lines[wanted[:length]]
        return 1


def _parse(path: Path, raw: bytes) -> tuple[dict[tuple[str | int, ...], int], Table]:
    try:
        text = raw.decode("utf-8-sig")
        return _key_lines(text), tomllib.loads(text)
    except UnicodeDecodeError:
        raise ConfigProblem(str(path), "is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        place = f"{path}:{found[1]}" if found else str(path)
        message = str(error).partition(" (at ")[0]
        raise ConfigProblem(place, f"is no TOML: {message[:1].lower()}{message[1:]}") from None
    except RecursionError:
        raise ConfigProblem(str(path), "is nested too deeply") from None


def _key_lines(text: str) -> dict[tuple[str | int, ...], int]:
    """Map each key's path to its first line; table arrays are counted as they appear."""
    lines: dict[tuple[str | int, ...], int] = {}
    counts: dict[tuple[str | int, ...], int] = {}
    table: tuple[str | int, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _table_path(header[2].split("."), counts, is_array=header[1] == "[[")
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *key[1].split(".")), number)
    return lines


def _table_path(
    names: list[str], counts: dict[tuple[str | int, ...], int], *, is_array: bool
) -> tuple[str | int, ...]:
    path: tuple[str | int, ...] = ()
    for position, name in enumerate(names):
        path = (*path, name)
        if is_array and position == len(names) - 1:
            counts[path] = counts.get(path, -1) + 1
            # Tables inside an earlier element of this array belong to that element.
        if path in counts:
            path = (*path, counts[path])
    return path


# ---- secrets, environment, flags


def resolve_secrets(file: ConfigFile, environment: Mapping[str, str]) -> None:
    """Replace each `x_env` and `x_file` of a secret by its value, in place.

    Raises ConfigProblem for a missing variable or file, or for two spellings of one secret.
    """
    _resolve(file, file.values, "", environment)


def _resolve(file: ConfigFile, value: object, steps: str, environment: Mapping[str, str]) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _resolve(file, item, f"{steps}[{index}]", environment)
        return
    if not isinstance(value, dict):
        return
    for name in list(value):
        inner = f"{steps}.{name}" if steps else name
        base, _, spelling = name.rpartition("_")
        if spelling in ("env", "file") and base in SECRETS and isinstance(value[name], str):
            if base in value:
                raise file.problem(inner, f"{base} is given twice; keep one of the two")
            value[base] = _secret(file, inner, str(value.pop(name)), environment)
        else:
            _resolve(file, value[name], inner, environment)


def _secret(file: ConfigFile, steps: str, source: str, environment: Mapping[str, str]) -> str:
    if steps.endswith("_env"):
        found = environment.get(source, "")
        if not found:
            raise file.problem(steps, f"set the environment variable {source}")
        return found
    path = file.path.parent / source
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise file.problem(steps, f"the file {source} cannot be read") from None


def apply_environment(
    values: Table, environment: Mapping[str, str], origins: dict[str, str]
) -> None:
    """Lay `OPPORTUNE_<TABLE>__<KEY>` and `OPPORTUNE_SECRET` over the file's values."""
    for name, text in sorted(environment.items()):
        if name == "OPPORTUNE_SECRET" and text:
            _server_secret(values, text, origins)
        table, separator, key = name.removeprefix("OPPORTUNE_").partition("__")
        if name.startswith("OPPORTUNE_") and separator and table.lower() in TABLES:
            _put(values, f"{table.lower()}.{key.lower()}", text, origins, name)


def _server_secret(values: Table, text: str, origins: dict[str, str]) -> None:
    server = values.setdefault("server", {})
    if isinstance(server, dict):
        server.pop("secret_env", None)
        server.pop("secret_file", None)
        server["secret"] = text
    origins["server.secret"] = "environment"


def apply_flags(values: Table, flags: Mapping[str, str | int], origins: dict[str, str]) -> None:
    """Lay command-line flags, named like "server.port", over everything else."""
    for name, value in flags.items():
        _put(values, name, str(value), origins, "--" + name.partition(".")[2])
        origins[name] = "flag"


def _put(values: Table, name: str, text: str, origins: dict[str, str], place: str) -> None:
    table_name, _, key = name.partition(".")
    field = next(
        (f for f in msgspec.structs.fields(TABLES[table_name]) if f.encode_name == key), None
    )
    if field is None:
        raise ConfigProblem(place, f"[{table_name}] has no key {key}")
    value: object = text
    if get_origin(field.type) is tuple:
        value = [part.strip() for part in text.split(",") if part.strip()]
    elif isinstance(field.default, bool):
        if text.lower() not in ("true", "false", "1", "0"):
            raise ConfigProblem(place, "write true or false")
        value = text.lower() in ("true", "1")
    elif type(field.default) is int:
        if not text.isdecimal():
            raise ConfigProblem(place, "write a whole number")
        value = int(text)
    table = values.setdefault(table_name, {})
    if isinstance(table, dict):
        table[key] = value
    origins[name] = "environment"
