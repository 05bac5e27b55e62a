"""Files, functions and parameter lists stay short."""

import ast
from pathlib import Path

import pytest

from tests.tidy.tree import OURS, python_files, short, text, tree

FILE_LINES_MAX = 500
TEST_FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
POSITIONAL_MAX = 6
RULE_SET_LINES_MAX = 800


@pytest.mark.parametrize("path", python_files(*OURS), ids=short)
def test_a_file_is_short(path: Path) -> None:
    limit = TEST_FILE_LINES_MAX if short(path).startswith("tests/") else FILE_LINES_MAX
    lines = len(text(path).splitlines())
    assert lines <= limit, f"{short(path)} has {lines} lines, over {limit}: split it by noun"


@pytest.mark.parametrize("path", python_files(*OURS), ids=short)
def test_a_function_is_short(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            where = f"{short(path)}:{node.lineno} {node.name}"
            assert lines <= FUNCTION_LINES_MAX, (
                f"{where} has {lines} lines, over {FUNCTION_LINES_MAX}: let it call named steps"
            )


@pytest.mark.parametrize("path", python_files("rules", "engine", "server"), ids=short)
def test_a_function_takes_few_positional_parameters(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [arg.arg for arg in node.args.posonlyargs + node.args.args]
            count = len([name for name in names if name not in {"self", "cls"}])
            where = f"{short(path)}:{node.lineno} {node.name}"
            assert count < POSITIONAL_MAX, (
                f"{where} takes {count} positional parameters: pass one frozen value instead"
            )
