"""Rule sets of the platform API: look, check, test, publish, go back."""

import re
from collections.abc import Mapping
from functools import partial

from engine.rule_library import RuleVersion, Stale
from engine.shown import rfc3339
from server.call import Call
from server.errors import ApiError
from server.rulebook.live_rules import BrokenRules, Byline, Compiled, RuleFolder, compile_files
from server.rulebook.rule_reports import (
    check_failed,
    check_files,
    diagnostic_replies,
    format_files,
    run_file_tests,
    run_program_tests,
)
from server.wire.decoding import Reader
from server.wire.envelope import Advice, Answer, Header
from server.wire.rules import (
    FILE_BYTES_MAX,
    CheckQuery,
    FilesBody,
    HistoryQuery,
    HistoryRow,
    PublishBody,
    PublishReply,
    RollbackBody,
    RuleSetReply,
    RuleSetRow,
    VersionQuery,
)

FAILED_SHOWN = 20
"""Failing tests that the refusal of a publication names."""

_FILE_NAME = re.compile(r"[A-Za-z0-9_./-]{1,120}\.rules")

_files_reader = Reader(FilesBody)
_publish_reader = Reader(PublishBody)
_rollback_reader = Reader(RollbackBody)


async def list_rule_sets(call: Call) -> Answer:
    """List the rule sets of the workspace with their live versions."""
    workspace = call.workspace.id
    names = [name for owner, name in call.services.rules.folders if owner == workspace]
    return call.page([_row(call, name) for name in names], None)


async def get_rule_set(call: Call) -> Answer:
    """Return the files of the live version of a set, or of an old one."""
    wanted = call.query(VersionQuery).version
    folder = folder_of(call)
    version = await _version(call, folder, wanted)
    files = await call.services.rules.library.files(folder.workspace, version)
    reply = RuleSetReply(folder.name, version.number, version.etag, files)
    return call.success(reply, headers=(_etag_header(version),))


async def check_rules(call: Call) -> Answer:
    """Say what is wrong with rule files; what is wrong is a finding, not a failed call."""
    hints = call.query(CheckQuery).hints
    body, warnings = call.read(_files_reader)
    check_names(body.files)
    allow_regex = call.workspace.allow_regex
    work = partial(check_files, body.files, hints=hints, allow_regex=allow_regex)
    return call.success(await call.services.side_work.run(work), warnings)


async def format_rules(call: Call) -> Answer:
    """Lay rule files out."""
    body, warnings = call.read(_files_reader)
    check_names(body.files)
    reply = await call.services.side_work.run(partial(format_files, body.files))
    return call.success(reply, warnings)


async def test_rules(call: Call) -> Answer:
    """Run the test blocks of rule files on a virtual clock."""
    body, warnings = call.read(_files_reader)
    check_names(body.files)
    work = partial(run_file_tests, body.files, allow_regex=call.workspace.allow_regex)
    return call.success(await call.services.side_work.run(work), warnings)


async def publish_rules(call: Call) -> Answer:
    """Make files the live version of a set, when they have no error and their tests hold."""
    body, warnings = call.read(_publish_reader)
    check_names(body.files)
    wanted = _if_match(call)
    folder = folder_of(call)
    byline = Byline("api", _author(call), body.note, call.make_id("pub"))
    before = await _expected(call, folder, wanted, byline.publication)
    compiled = await compiled_files(call, folder, body.files, stays=True)
    await _check_tests(call, compiled)
    version = await _publish(call, folder, compiled, before=before, byline=byline)
    return _published(call, version, compiled, warnings)


async def rollback_rules(call: Call) -> Answer:
    """Make the files of an old version live again, as a new version.

    Their tests are not run: who goes back is in a hurry, and the files were live before.
    """
    body, warnings = call.read(_rollback_reader)
    wanted = _if_match(call)
    folder = folder_of(call)
    byline = Byline("rollback", _author(call), body.note, call.make_id("pub"))
    old = await _version(call, folder, body.version)
    before = await _expected(call, folder, wanted, byline.publication)
    files = await call.services.rules.library.files(folder.workspace, old)
    compiled = await compiled_files(call, folder, files, stays=True)
    version = await _publish(call, folder, compiled, before=before, byline=byline)
    return _published(call, version, compiled, warnings)


async def list_versions(call: Call) -> Answer:
    """List the versions of a set, the newest first."""
    query = call.query(HistoryQuery)
    position = call.cursor(query.cursor)
    folder = folder_of(call)
    before = None if position is None else int(position)
    library = call.services.rules.library
    found = await library.history(folder.workspace, folder.name, before, query.limit + 1)
    rows = found[: query.limit]
    following = str(rows[-1].number) if len(found) > query.limit else None
    return call.page([_history_row(version) for version in rows], following)


# ---- what several of them need


def folder_of(call: Call) -> RuleFolder:
    """Return the set that the path names.

    Raises ApiError: rule_set_not_found, also for a set of another workspace.
    """
    folder = call.services.rules.folders.get((call.workspace.id, call.params["set"]))
    if folder is None:
        raise ApiError("rule_set_not_found", field="set")
    return folder


def check_names(files: Mapping[str, str]) -> None:
    """Refuse names that are no path of a rule file, and files that are too long.

    Raises ApiError: invalid_file_name, too_long.
    """
    for name, text in files.items():
        parts = name.split("/")
        if not _FILE_NAME.fullmatch(name) or "" in parts or ".." in parts or "." in parts:
            words = f"{name[:80]!r} is no name of a rule file; try main.rules or team/main.rules"
            raise ApiError("invalid_file_name", words, field="files")
        if len(text.encode()) > FILE_BYTES_MAX:
            raise ApiError("too_long", f"{name} is larger than 1 MiB; split it", field="files")


async def compiled_files(
    call: Call, folder: RuleFolder, files: Mapping[str, str], *, stays: bool = False
) -> Compiled:
    """Check and compile files beside the loop; `stays`: the program is to serve.

    Raises ApiError: check_failed, with the findings.
    """
    side_work = call.services.side_work
    run = side_work.build if stays else side_work.run
    try:
        return await run(partial(compile_files, folder, files))
    except BrokenRules as broken:
        raise check_failed(broken.report) from broken


async def _check_tests(call: Call, compiled: Compiled) -> None:
    work = partial(run_program_tests, compiled.program, compiled.report)
    tests = await call.services.side_work.run(work)
    failing = [test for test in tests.tests if not test.passed][:FAILED_SHOWN]
    if failing:
        first = failing[0]
        words = (
            f"{tests.failed} of {tests.passed + tests.failed} tests fail; nothing was changed. "
            f'First: {first.file}:{first.line} "{first.name}": {first.message}'
        )
        raise ApiError("tests_failed", words, field="files", details={"tests": failing})


async def _expected(
    call: Call, folder: RuleFolder, wanted: frozenset[str], publication: str
) -> RuleVersion:
    """Return the live version when it is the one that the caller knew, or what this request made before.

    Raises ApiError: etag_mismatch.
    """
    live = await call.services.rules.library.live(folder.workspace, folder.name)
    if live.etag in wanted or "*" in wanted or (live.number and live.publication == publication):
        return live
    raise _mismatch(live)


async def _publish(
    call: Call,
    folder: RuleFolder,
    compiled: Compiled,
    *,
    before: RuleVersion,
    byline: Byline,
) -> RuleVersion:
    services = call.services
    made = await services.rules.publish(folder, compiled, before, byline)
    if isinstance(made, Stale):
        raise _mismatch(made.current)
    services.metrics.count_reload(swapped=True)
    await services.runtime.tell([made.cause])
    return made.version


def _published(
    call: Call, version: RuleVersion, compiled: Compiled, warnings: list[Advice]
) -> Answer:
    found = diagnostic_replies(compiled.report)
    reply = PublishReply(version.rule_set, version.number, version.etag, found)
    return call.success(reply, warnings, headers=(_etag_header(version),))


async def _version(call: Call, folder: RuleFolder, number: int | None) -> RuleVersion:
    library = call.services.rules.library
    if number is None:
        return await library.live(folder.workspace, folder.name)
    version = await library.version(folder.workspace, folder.name, number)
    if version is None:
        raise ApiError("version_not_found", field="version")
    return version


def _if_match(call: Call) -> frozenset[str]:
    """Read the entity tags of `If-Match`, with or without quotes; `*` is whatever is live.

    Raises ApiError: required.
    """
    given = call.headers.get(b"if-match", b"").decode("latin-1").strip()
    if not given:
        words = "If-Match is required: send the etag of the version that you have changed"
        raise ApiError("required", words, field="If-Match")
    # A proxy that compresses marks the tag as weak; a version is one text all the same.
    tags = (tag.strip().removeprefix("W/").strip('"') for tag in given.split(","))
    return frozenset(tag if tag == "*" else f'"{tag}"' for tag in tags)


def _mismatch(live: RuleVersion) -> ApiError:
    words = "The rule set has changed since; read it again and publish on top of that"
    return ApiError("etag_mismatch", words, field="If-Match", details={"current": live.etag})


def _author(call: Call) -> str:
    assert call.principal is not None, "an operation with a scope has a principal"
    return call.principal.name


def _etag_header(version: RuleVersion) -> Header:
    return (b"etag", version.etag.encode())


def _row(call: Call, name: str) -> RuleSetRow:
    workspace, rules = call.workspace.id, call.services.rules
    live = rules.live(workspace, name)
    return RuleSetRow(
        set=name,
        source_ids=rules.sources(workspace, name),
        version=live.number,
        etag=live.etag,
        published_at=rfc3339(live.published_ms) if live.number else None,
        published_by=live.author if live.number else None,
        rules=len(live.names),
        goals=live.goals,
        warnings=live.warnings,
    )


def _history_row(version: RuleVersion) -> HistoryRow:
    return HistoryRow(
        version=version.number,
        etag=version.etag,
        note=version.note,
        origin=version.origin,
        author=version.author,
        published_at=rfc3339(version.published_ms),
        added=version.added,
        removed=version.removed,
    )
