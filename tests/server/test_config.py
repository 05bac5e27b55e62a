"""Configuration: the documented example, precedence, and what each mistake is told."""

from pathlib import Path

import pytest

from server.access.api_keys import make_api_key
from server.config import Config, load_config
from server.config_file import ConfigProblem
from server.settings import parse_duration
from server.workspace_settings import Hours

FULL = (Path(__file__).parent / "full_example.toml").read_text()
SECRETS = {
    "OPPORTUNE_SECRET": "s" * 40,
    "ACME_IDENTITY": "i" * 40,
    "ACME_JWT_SECRET": "j" * 40,
    "ACME_LLM_KEY": "k" * 20,
    "ACME_SEGMENT_KEY": "w" * 20,
    "ACME_CRM_WHSEC": "whsec_" + "a" * 32,
}
MINIMAL = """
[[workspaces]]
id = "ws_dev"
name = "Dev"

  [[workspaces.api_keys]]
  name = "dev"
  key = "dev_key_0123456789abcdef"

  [[workspaces.sites]]
  source_id = "site_dev"
  origins = ["http://localhost:3000"]

  [[workspaces.widget_tokens]]
  token = "wk_dev"
  site = "site_dev"

  [[workspaces.assistants]]
  id = "asst_dev"
  name = "Helper"
"""


def load(
    folder: Path,
    text: str,
    environment: dict[str, str] | None = None,
    flags: dict[str, str | int] | None = None,
) -> Config:
    (folder / "rules" / "acme").mkdir(parents=True, exist_ok=True)
    (folder / "opportune.toml").write_text(text)
    return load_config(folder / "opportune.toml", environment or {}, flags)


def test_the_documented_example_loads(tmp_path: Path) -> None:
    config = load(tmp_path, FULL, SECRETS)
    (acme,) = config.workspaces
    assert config.server.secret == "s" * 40
    assert config.store.session_idle == 30 * 60_000
    assert acme.rules == str(tmp_path / "rules" / "acme")
    assert acme.api_keys[1].expires is not None
    assert acme.primary_assistant is not None
    assert acme.primary_assistant.id == "asst_chat_001"
    assert acme.calendars[0].hours.fri == ("08:00-18:00",)
    assert acme.webhooks[0].secret == SECRETS["ACME_CRM_WHSEC"]


def test_the_minimal_example_serves_on_8700_from_sqlite(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8700)
    assert config.server.public_url == "http://127.0.0.1:8700"
    assert config.server.ws_url == "ws://127.0.0.1:8700"
    assert config.store.url == f"sqlite:///{tmp_path}/data/opportune.db"
    assert config.workspaces[0].sites[0].name == "site_dev"
    assert config.workspaces[0].widget.name == "Dev"


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    text = "[server]\nport = 1\nhost = '::1'\nlog_level = 'debug'\n" + MINIMAL
    environment = {"OPPORTUNE_SERVER__PORT": "2", "OPPORTUNE_SERVER__HOST": "127.0.0.2"}
    config = load(tmp_path, text, environment, {"server.port": 3})
    assert (config.server.port, config.server.host) == (3, "127.0.0.2")
    assert config.origins["server.port"] == "flag"
    assert config.origins["server.host"] == "environment"
    assert config.origins["server.log_level"] == "file"
    assert "server.workers" not in config.origins


def test_the_environment_writes_lists_booleans_numbers_and_durations(tmp_path: Path) -> None:
    environment = {
        "OPPORTUNE_SERVER__TRUSTED_PROXIES": "10.0.0.0/8, 127.0.0.1",
        "OPPORTUNE_SERVER__REQUIRE_HTTPS": "true",
        "OPPORTUNE_LIMITS__KEY_PER_MINUTE": "5",
        "OPPORTUNE_STORE__RETENTION_EVENTS": "10d",
        "OPPORTUNE_SECRET": "e" * 32,
    }
    config = load(tmp_path, MINIMAL, environment)
    assert config.server.trusted_proxies == ("10.0.0.0/8", "127.0.0.1")
    assert config.server.require_https is True
    assert config.limits.key_per_minute == 5
    assert config.store.retention_events == 864_000_000
    assert config.server.secret == "e" * 32


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("port = 8700", "prt = 8700", ":3 server.prt: unknown key; did you mean port?"),
        ("port = 8700", 'port = "x"', ":3 server.port: expected `int`, got `str`"),
        ("port = 8700", "port = 70000", ":3 server.port: "),
        (
            'session_idle = "30m"',
            "session_idle = 30",
            "store.session_idle: write a duration as text",
        ),
        ('session_idle = "30m"', 'session_idle = "30 min"', "store.session_idle: write a number"),
        (
            'session_idle = "30m"',
            'session_idle = "20m"',
            "store.session_idle: sessions end after 30m",
        ),
        ('session_max = "24h"', 'session_max = "8h"', "store.session_max: sessions end after 30m"),
        ("[[workspaces.sites]]", "[[workspaces.sits]]", "workspaces[0].sits: unknown key"),
        ("origins = [", "orgins = [", "workspaces[0].sites[0].orgins: unknown key; did you mean"),
        ('site = "site_abc123"', 'site = "no"', 'widget_tokens[0].site: "no" is no site'),
        ('timezone = "America/Chicago"', 'timezone = "Chicago"', "workspaces[0].timezone: "),
        (
            'id = "asst-123"',
            'id = "asst_chat_001"',
            'assistants[1].id: "asst_chat_001" stands twice',
        ),
        ('"ACME_CRM_WHSEC"', '"NOPE"', "webhooks[0].secret_env: set the environment variable NOPE"),
        ('timeout = "15s"', 'timeout = "21s"', 'webhooks.timeout: write a duration up to "20s"'),
        (
            'disable_after = "120h"',
            'disable_after = "0s"',
            "webhooks.disable_after: write how long",
        ),
        (
            'rules = "rules/acme"',
            'rules = "no"',
            "workspaces[0].rules: the folder no does not exist",
        ),
        ("store_ip = false", "store_ip = true", "privacy.store_ip: addresses are never stored"),
        ("https://www.acme.example", "null", 'sites[0].origins: "null" is not scheme://host'),
        ('kind = "openai"', 'kind = "magic"', "assistants[1].kind: "),
        ("workers = 1", "workers = 2", "server.workers: more than one worker needs a redis store"),
        ('key = "dev_acme_backend_0001"', "", "api_keys[0].key: give exactly one of"),
        ("[store]", "[store", "is no TOML: "),
        ("https://chat.example.com", "chat.example.com", "server.public_url: write http(s)://"),
        ('name = "crm"', 'name = "backend"', 'api_keys[1].name: "backend" stands twice'),
    ],
)
def test_a_mistake_is_one_line_that_names_the_place(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in FULL
    with pytest.raises(ConfigProblem) as problem:
        load(tmp_path, FULL.replace(old, new, 1), SECRETS)
    text = str(problem.value)
    assert words in text
    assert text.startswith(str(tmp_path / "opportune.toml"))
    assert "\n" not in text


def test_a_secret_is_never_printed_by_a_problem(tmp_path: Path) -> None:
    second = '[[workspaces.api_keys]]\nname = "b"\nkey = "dev_key_0123456789abcdef"\n'
    with pytest.raises(ConfigProblem) as problem:
        load(tmp_path, MINIMAL + second)
    assert "this key stands twice" in str(problem.value)
    assert "dev_key" not in str(problem.value)


def test_a_secret_may_stand_in_a_file_and_only_once(tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text("from_a_file_0123456789\n")
    text = MINIMAL.replace('key = "dev_key_0123456789abcdef"', 'key_file = "key.txt"')
    assert load(tmp_path, text).workspaces[0].api_keys[0].key == "from_a_file_0123456789"
    twice = MINIMAL.replace('name = "dev"\n', 'name = "dev"\nkey_file = "key.txt"\n')
    with pytest.raises(ConfigProblem, match="key is given twice"):
        load(tmp_path, twice)


def test_a_key_of_ours_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    key = make_api_key("live", lambda count: b"r" * count)
    assert load(tmp_path, MINIMAL.replace("dev_key_0123456789abcdef", key))
    with pytest.raises(ConfigProblem, match="checksum is wrong") as problem:
        load(tmp_path, MINIMAL.replace("dev_key_0123456789abcdef", key[:-1] + "_"))
    assert key[:-1] not in str(problem.value)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="opportune init"):
        load_config(tmp_path / "none.toml", {})


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"a = " + b"[" * 5_000])
def test_what_is_no_text_or_too_deep_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "opportune.toml").write_bytes(raw)
    with pytest.raises(ConfigProblem):
        load_config(tmp_path / "opportune.toml", {})


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    (tmp_path / "opportune.toml").write_text("\ufeff" + MINIMAL)
    assert load_config(tmp_path / "opportune.toml", {}).workspaces[0].id == "ws_dev"


def test_an_unknown_key_of_the_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match=r"OPPORTUNE_SERVER__PROT: \[server\] has no key prot"):
        load(tmp_path, MINIMAL, {"OPPORTUNE_SERVER__PROT": "1"})


def test_a_file_without_workspaces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="workspaces: is required"):
        load(tmp_path, "[server]\nport = 1\n")


@pytest.mark.parametrize(
    ("text", "ms"), [("0s", 0), ("90s", 90_000), ("15ms", 15), ("2d", 172_800_000)]
)
def test_durations_have_one_unit(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


# 2024-01-19 was a Friday; Chicago is six hours behind UTC in winter.
FRIDAY_NOON_UTC_MS = 1_705_665_600_000
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("hours", "offset_h", "is_open"),
    [
        (Hours(), 0, True),
        (Hours(fri=("06:00-18:00",)), 0, True),
        (Hours(fri=("06:01-18:00",)), 0, False),
        (Hours(thu=("06:00-18:00",)), 0, False),
        (Hours(fri=("22:00-06:00",)), 17, True),
        (Hours(fri=("22:00-06:00",)), 24, False),
        (Hours(fri=("08:00-24:00",)), 17.5, True),
    ],
)
def test_opening_hours_are_read_in_their_zone(hours: Hours, offset_h: float, is_open: bool) -> None:
    now_ms = FRIDAY_NOON_UTC_MS + int(offset_h * HOUR_MS)
    assert hours.is_open("America/Chicago", now_ms) is is_open
