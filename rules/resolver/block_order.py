"""File order: blocks of several files with imports put in their place, and imports that do not work."""

from collections.abc import Iterator, Mapping, Sequence
from posixpath import dirname, join, normpath

from rules.nearest import nearest
from rules.nodes import Block, File, Import
from rules.resolver.findings import Findings
from rules.resolver.literals import quoted


def imported_name(importer: str, path: str) -> str | None:
    """Name the source an import means, relative to the root; None when it leaves the root."""
    if path.startswith("/") or "\\" in path or "\0" in path or (len(path) > 1 and path[1] == ":"):
        return None
    name = normpath(join(dirname(importer), path))
    return None if name == ".." or name.startswith("../") else name


def blocks_in_order(files: Sequence[File], findings: Findings) -> tuple[Block, ...]:
    """List the blocks of a rule set in file order; report imports that do not work (OP006).

    Files come in the order given; an imported file's blocks stand at the place of its first import.
    """
    by_name = {file.source: file for file in files}
    done: set[str] = set()
    ordered: list[Block] = []
    for file in files:
        if file.source not in done:
            ordered.extend(_walk(file, by_name, done, findings))
    return tuple(ordered)


def _walk(
    file: File, by_name: Mapping[str, File], done: set[str], findings: Findings
) -> Iterator[Block]:
    """Walk a file and its imports with a stack of its own: chains may be long."""
    done.add(file.source)
    stack: list[tuple[File, Iterator[Block]]] = [(file, iter(file.blocks))]
    while stack:
        current, blocks = stack[-1]
        block = next(blocks, None)
        if block is None:
            stack.pop()
        elif not isinstance(block, Import):
            yield block
        else:
            found = _target(current, block, by_name, findings)
            if found is None:
                continue
            chain = [open_file.source for open_file, _ in stack]
            if found.source in chain:
                _report_cycle(block, [*chain[chain.index(found.source) :], found.source], findings)
            elif found.source not in done:
                done.add(found.source)
                stack.append((found, iter(found.blocks)))


def _target(
    file: File, block: Import, by_name: Mapping[str, File], findings: Findings
) -> File | None:
    path = block.path.value
    name = imported_name(file.source, path)
    if name is None:
        findings.say(
            "OP006",
            block.path.span,
            f"{quoted(path)} is outside the folder of the rules",
            "A rule set is complete in its own folder; copy the file into it.",
        )
        return None
    if name in by_name:
        return by_name[name]
    message = f"there is no file {quoted(path)}"
    why = "The path is relative to this file."
    near = nearest(name, by_name)
    if near is None or dirname(near) != dirname(name):
        findings.say("OP006", block.path.span, message, why)
    else:
        written = join(dirname(path), near.rpartition("/")[2])
        findings.mend("OP006", block.path.span, message, why, quoted(written))
    return None


def _report_cycle(block: Import, chain: Sequence[str], findings: Findings) -> None:
    findings.say(
        "OP006",
        block.path.span,
        f"these files import each other: {' → '.join(chain)}",
        "Remove one of the imports; a file that is imported twice counts once anyway.",
    )
