"""Each story that has to be lived is lived by a test that names it: `test_fc1_…`, wherever under tests/ it stands."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
STORIES = (
    *("FC1", "FC2", "FC3", "FC4", "FC5", "P1", "P2", "P3", "MU5", "U2", "U5", "J1", "J2", "J3"),
    *("TR2", "TR4", "TR5", "E3", "E4", "E5"),
)  # fmt: skip


def told(folder: Path) -> set[str]:
    """The ids that test functions begin with, in any case."""
    names = (
        node.name
        for file in folder.rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return {found[1].upper() for name in names if (found := re.match(r"test_([A-Za-z]{1,3}\d)_", name))}


@pytest.fixture(scope="module")
def lived() -> set[str]:
    return told(TESTS)


@pytest.mark.parametrize("story", STORIES)
def test_a_test_names_this_story(story: str, lived: set[str]) -> None:
    assert story in lived


def test_a_story_that_no_test_names_is_missed(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text("def test_fc1_x() -> None: ...\nasync def test_P2_y() -> None: ...\n")
    (tmp_path / "other.py").write_text("def test_p3_z() -> None: ...\n")
    assert told(tmp_path) == {"FC1", "P2"}
