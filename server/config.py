"""One frozen Config from `opportune.toml`, environment and flags; each value knows its origin."""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from server.config_file import (
    ConfigFile,
    ConfigProblem,
    Table,
    apply_environment,
    apply_flags,
    resolve_secrets,
)
from server.settings import (
    TABLES,
    Limits,
    PrivacySettings,
    ServerSettings,
    StoreSettings,
    WebhookSettings,
    convert_table,
)
from server.workspace_settings import Workspace

DEFAULT_PATH = Path("opportune.toml")

_NEEDS_REDIS = (
    "more than one worker needs a redis store; set store.url to redis://HOST:PORT, or write 1"
)
_AT = re.compile(r" - at `\$?\.?([^`]*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings in force.

    `path` is the file; folders named in it are absolute here. Keys of `origins` are like "server.port",
    its values "file", "environment" or "flag"; what is not there is a default.
    """

    workspaces: Annotated[tuple[Workspace, ...], Meta(min_length=1)]
    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    limits: Limits = Limits()
    webhooks: WebhookSettings = WebhookSettings()
    privacy: PrivacySettings = PrivacySettings()
    path: Path = DEFAULT_PATH
    origins: Mapping[str, str] = {}

    def workspace(self, workspace_id: str) -> Workspace | None:
        """Return the workspace with this id."""
        return next((w for w in self.workspaces if w.id == workspace_id), None)


def load_config(
    path: Path, environment: Mapping[str, str], flags: Mapping[str, str | int] | None = None
) -> Config:
    """Read all settings; precedence is flag, environment, file, default.

    Args:
        path: the file; relative paths inside it are relative to its folder.
        environment: variables, `OPPORTUNE_<TABLE>__<KEY>` and those that `*_env` keys name.
        flags: values by "table.key", like {"server.port": 8800}.

    Raises:
        ConfigProblem: one line that names file, line and key and says what to do.
    """
    file = ConfigFile(path)
    origins = {
        f"{name}.{key}": "file"
        for name in TABLES
        for key in (file.values[name] if isinstance(file.values.get(name), dict) else ())  # type: ignore[attr-defined]  # a dict, as just asked
    }
    for reserved in ("path", "origins"):
        if reserved in file.values:
            raise file.problem(reserved, "unknown key; remove it")
    apply_environment(file.values, environment, origins)
    apply_flags(file.values, flags or {}, origins)
    resolve_secrets(file, environment)
    config = _convert(file, file.values)
    for steps, advice in _contradictions(config):
        raise file.problem(steps, advice)
    return _complete(file, config, origins)


def _convert(file: ConfigFile, values: Table) -> Config:
    try:
        return convert_table(values, Config)
    except msgspec.ValidationError as error:
        raise _problem(file, str(error)) from None


def _problem(file: ConfigFile, text: str) -> ConfigProblem:
    """Turn msgspec's words, "… - at `$.server.port`", into a place and an advice."""
    found = _AT.search(text)
    steps = found[1] if found else ""
    message = _AT.sub("", text)
    if unknown := _UNKNOWN.search(message):
        inner = f"{steps}.{unknown[1]}" if steps else unknown[1]
        return file.problem(inner, "unknown key; " + _advice_for_unknown(unknown[1]))
    if missing := _MISSING.search(message):
        inner = f"{steps}.{missing[1]}" if steps else missing[1]
        return file.problem(inner, "is required; add it")
    own = re.match(r"([a-z_0-9]+): (.+)", message)
    if own:
        return file.problem(f"{steps}.{own[1]}" if steps else own[1], own[2])
    return file.problem(steps, message[:1].lower() + message[1:])


def _advice_for_unknown(name: str) -> str:
    near = difflib.get_close_matches(name, _all_keys(Config), n=1, cutoff=0.75)
    return f"did you mean {near[0]}?" if near else "remove it"


def _all_keys(kind: type[Struct]) -> set[str]:
    """Collect the names of all keys that a table and the tables inside it know."""
    names: set[str] = set()
    for field in msgspec.structs.fields(kind):
        names.add(field.encode_name)
        for inner in (field.type, *_arguments(field.type)):
            if isinstance(inner, type) and issubclass(inner, Struct):
                names |= _all_keys(inner)
    return names


def _arguments(kind: object) -> Iterator[object]:
    for inner in getattr(kind, "__args__", ()):
        yield inner
        yield from _arguments(inner)


# ---- what no single table can see


def _contradictions(config: Config) -> Iterator[tuple[str, str]]:
    yield from _doubles(config)
    if config.server.workers > 1 and not config.store.url.startswith("redis"):
        yield "server.workers", _NEEDS_REDIS
    if config.store.archive and not config.store.url.startswith("redis"):
        yield "store.archive", "only a redis store has an archive; remove it"
    for number, workspace in enumerate(config.workspaces):
        steps = f"workspaces[{number}]"
        for position, token in enumerate(workspace.widget_tokens):
            if workspace.site(token.site) is None:
                yield (
                    f"{steps}.widget_tokens[{position}].site",
                    f'"{token.site}" is no site of this workspace; add the site or correct the name',
                )
        targets = [(f"webhooks[{i}]", hook.url) for i, hook in enumerate(workspace.webhooks)]
        if workspace.analytics is not None:
            targets.append(("analytics", workspace.analytics.url))
        for table, url in targets:
            if url.lower().startswith("http:") and not config.webhooks.allow_private:
                words = "is not https; only webhooks.allow_private = true lets it be called"
                yield f"{steps}.{table}.url", words


def _doubles(config: Config) -> Iterator[tuple[str, str]]:
    """Find ids, keys, tokens and sites that stand twice where one is allowed."""
    taken: set[tuple[str, ...]] = set()
    for steps, mark in _marks(config):
        if mark in taken:
            words = "this key" if mark[0] == "key" else f'"{mark[-1]}"'
            yield steps, f"{words} stands twice; give each {mark[0]} once"
        taken.add(mark)


def _marks(config: Config) -> Iterator[tuple[str, tuple[str, ...]]]:
    for number, w in enumerate(config.workspaces):
        at = f"workspaces[{number}]"
        yield f"{at}.id", ("workspace", w.id)
        for i, key in enumerate(w.api_keys):
            yield f"{at}.api_keys[{i}].{'key' if key.key else 'sha256'}", ("key", key.digest)
            yield f"{at}.api_keys[{i}].name", ("key name", w.id, key.name)
        for i, token in enumerate(w.widget_tokens):
            yield f"{at}.widget_tokens[{i}].token", ("token", token.token)
        for i, site in enumerate(w.sites):
            yield f"{at}.sites[{i}].source_id", ("site", site.source_id)
        for i, assistant in enumerate(w.assistants):
            yield f"{at}.assistants[{i}].id", ("assistant", w.id, assistant.id)
            if assistant.agent_id is not None:
                yield f"{at}.assistants[{i}].agent_id", ("agent", w.id, str(assistant.agent_id))
        for i, calendar in enumerate(w.calendars):
            yield f"{at}.calendars[{i}].id", ("calendar", w.id, calendar.id)
        for i, hook in enumerate(w.webhooks):
            yield f"{at}.webhooks[{i}].id", ("webhook", w.id, hook.id)


# ---- values that follow from others


def _complete(file: ConfigFile, config: Config, origins: dict[str, str]) -> Config:
    """Fill what is derived (addresses, names) and make each folder absolute."""
    folder = file.path.absolute().parent
    workspaces = []
    for number, workspace in enumerate(config.workspaces):
        steps = f"workspaces[{number}]"
        sites = tuple(
            msgspec.structs.replace(
                site,
                name=site.name or site.source_id,
                rules=_folder(file, folder, f"{steps}.sites[{i}].rules", site.rules),
            )
            for i, site in enumerate(workspace.sites)
        )
        workspaces.append(
            msgspec.structs.replace(
                workspace,
                sites=sites,
                rules=_folder(file, folder, f"{steps}.rules", workspace.rules),
                widget=msgspec.structs.replace(
                    workspace.widget, name=workspace.widget.name or workspace.name
                ),
            )
        )
    return msgspec.structs.replace(
        config,
        workspaces=tuple(workspaces),
        server=_with_addresses(file, config.server),
        store=msgspec.structs.replace(
            config.store,
            url=_store_url(folder, config.store.url),
            archive=str(folder / config.store.archive) if config.store.archive else "",
        ),
        path=file.path.absolute(),
        origins=origins,
    )


def _folder(file: ConfigFile, base: Path, steps: str, name: str) -> str:
    if not name:
        return ""
    folder = base / name
    if not folder.exists():
        raise file.problem(steps, f"the folder {name} does not exist; make it or remove the key")
    return str(folder)


def _store_url(base: Path, url: str) -> str:
    """Make a relative file of SQLite relative to the configuration file's folder."""
    scheme, separator, name = url.partition("///")
    if scheme != "sqlite:" or not separator or name.startswith("/"):
        return url
    return f"sqlite:///{base / name}"


def _with_addresses(file: ConfigFile, server: ServerSettings) -> ServerSettings:
    host = f"[{server.host}]" if ":" in server.host else server.host
    public_url = (server.public_url or f"http://{host}:{server.port}").rstrip("/")
    if not re.fullmatch(r"https?://[^/\s?#]+", public_url):
        raise file.problem("server.public_url", "write http(s)://host[:port] without a path")
    ws_url = (server.ws_url or "ws" + public_url.removeprefix("http")).rstrip("/")
    if not re.fullmatch(r"wss?://[^/\s?#]+", ws_url):
        raise file.problem("server.ws_url", "write ws(s)://host[:port] without a path")
    return msgspec.structs.replace(server, public_url=public_url, ws_url=ws_url)
