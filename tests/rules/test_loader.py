"""Rule sets on disk: which files belong to one, and how little is read again."""

from pathlib import Path

import pytest

from engine.signals import SCHEMA
from rules import ParseCache, check_path, load

GREETING = """\
rule {name} "Pricing help" {{
  on page "/pricing"
  when time_on_page >= 45s
  say "Questions about pricing plans?"
    reply "Yes" -> ask "Which one?"
    reply "No"  -> dismiss
}}
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def names(path: Path) -> list[str]:
    return [parsed.source.name for parsed in load(path).files]


def rule(name: str) -> str:
    return GREETING.format(name=name)


def test_a_folder_is_one_set_of_all_rule_files_below_it(tmp_path: Path) -> None:
    write(tmp_path, {"b.rules": "", "a/z.rules": "", "a.rules": "", "notes.txt": ""})
    assert names(tmp_path) == ["a.rules", "a/z.rules", "b.rules"]


def test_a_file_is_a_set_of_its_own_with_what_it_imports(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "main.rules": 'import "shared/base.rules"\n',
            "shared/base.rules": 'import "more.rules"\n',
            "shared/more.rules": "",
            "other.rules": "",
        },
    )
    assert names(tmp_path / "main.rules") == [
        "main.rules",
        "shared/base.rules",
        "shared/more.rules",
    ]


def test_imported_blocks_stand_at_the_place_of_the_import(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "main.rules": rule("one") + 'import "two.rules"\n' + rule("three"),
            "two.rules": rule("two"),
        },
    )
    checked = check_path(tmp_path / "main.rules", SCHEMA).checked
    assert checked is not None
    assert [(each.number, each.name) for each in checked.rules] == [
        (0, "one"),
        (1, "two"),
        (2, "three"),
    ]


def test_a_file_imported_twice_counts_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "main.rules": 'import "a.rules"\nimport "b.rules"\n',
            "a.rules": 'import "c.rules"\n',
            "b.rules": 'import "./c.rules"\n',
            "c.rules": rule("c"),
        },
    )
    report = check_path(tmp_path / "main.rules", SCHEMA)
    assert report.diagnostics == ()
    assert report.checked is not None
    assert len(report.checked.rules) == 1


@pytest.mark.parametrize(
    "path", ["missing.rules", "../out.rules", "/etc/passwd", "sub", "a/../../out.rules"]
)
def test_an_import_that_is_not_there_or_leaves_the_folder_is_refused(
    tmp_path: Path, path: str
) -> None:
    write(tmp_path, {"out.rules": rule("out"), "set/main.rules": f'import "{path}"\n'})
    (tmp_path / "set" / "sub").mkdir()
    report = check_path(tmp_path / "set" / "main.rules", SCHEMA)
    assert [item.code for item in report.diagnostics] == ["OP006"]
    assert report.checked is None


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"out.rules": rule("out"), "set/main.rules": 'import "link.rules"\n'})
    (tmp_path / "set" / "link.rules").symlink_to(tmp_path / "out.rules")
    report = check_path(tmp_path / "set" / "main.rules", SCHEMA)
    assert [item.code for item in report.diagnostics] == ["OP006"]


def test_files_that_import_each_other_are_refused_with_the_chain(tmp_path: Path) -> None:
    write(tmp_path, {"a.rules": 'import "b.rules"\n', "b.rules": 'import "a.rules"\n'})
    (found,) = check_path(tmp_path / "a.rules", SCHEMA).diagnostics
    assert found.code == "OP006"
    assert "a.rules → b.rules → a.rules" in found.message
    assert found.span.source == "b.rules"


def test_a_misspelt_import_names_the_file_that_is_there(tmp_path: Path) -> None:
    write(tmp_path, {"a.rules": 'import "lib/bsae.rules"\n', "lib/base.rules": ""})
    (found,) = check_path(tmp_path, SCHEMA).diagnostics
    assert 'try: import "lib/base.rules"' in found.help


def test_an_unchanged_file_is_not_parsed_again(tmp_path: Path) -> None:
    write(tmp_path, {"a.rules": rule("a"), "b.rules": rule("b")})
    cache = ParseCache()
    first = load(tmp_path, cache).files
    write(tmp_path, {"b.rules": rule("c")})
    second = load(tmp_path, cache).files
    assert second[0] is first[0]
    assert second[1] is not first[1]


def test_a_removed_file_is_forgotten(tmp_path: Path) -> None:
    write(tmp_path, {"a.rules": "", "b.rules": ""})
    cache = ParseCache()
    load(tmp_path, cache)
    (tmp_path / "b.rules").unlink()
    assert len(load(tmp_path, cache).files) == 1
    assert len(cache.entries) == 1


def test_what_is_not_text_or_too_large_is_refused_with_a_code(tmp_path: Path) -> None:
    (tmp_path / "a.rules").write_bytes(b"\xff\xfe\x00r")
    (tmp_path / "b.rules").write_bytes(b"# x\n" * 400_000)
    report = check_path(tmp_path, SCHEMA)
    assert [item.code for item in report.diagnostics] == ["OP004", "OP005"]
    assert report.checked is None


def test_a_path_that_does_not_exist_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.rules")


def test_a_fix_over_several_lines_has_no_line_to_try(tmp_path: Path) -> None:
    write(tmp_path, {"a.rules": "pages a = b,\n  b\nscore {\n  start 1\n  start\n    2\n}\n"})
    found = {item.code: item for item in check_path(tmp_path, SCHEMA).diagnostics}
    assert found["OP022"].fix is not None
    assert "try:" not in found["OP022"].help
