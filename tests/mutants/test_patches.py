"""A patched function must be judged as an import of the mutated file would be."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutants.patches import Body, Functions, body

SOURCE = """\
from functools import cache


@cache
def limit(
    size: int = 2,
) -> int:
    return size + 1


class Box:
    sides = [limit() for _ in range(2)]

    def area(self) -> int:
        def side() -> int:
            return 3

        return side() * side()

    @property
    def height(self) -> int:
        return 4

    @height.setter
    def height(self, height: int) -> None:
        raise AttributeError
"""


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    file = tmp_path / "patched_module.py"
    file.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("patched_module", file)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["patched_module"] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def _patch(module: ModuleType, function: str, before: str, after: str) -> bool:
    job = {"path": module.__file__, "function": function, "source": SOURCE.replace(before, after)}
    return Functions().patch(job)


def test_only_a_body_can_be_patched() -> None:
    # A default value, a decorator and a constant are evaluated by the import, which a patch does not repeat.
    bodies = {line: body(SOURCE, line, line) for line in (4, 6, 8, 12, 16, 18)}
    area = Body("Box.area", 15, 18)
    assert bodies == {4: None, 6: None, 8: Body("limit", 8, 8), 12: None, 16: area, 18: area}


def test_a_patch_replaces_the_code_of_nested_and_decorated_functions(module: ModuleType) -> None:
    assert _patch(module, "Box.area", "return 3", "return 5")
    assert module.Box().area() == 25
    assert _patch(module, "limit", "size + 1", "size - 1")
    assert module.limit(7) == 6


def test_two_functions_of_a_name_are_not_patched(module: ModuleType) -> None:
    # The getter and the setter of a property have the same name; the wrong one could get the code.
    assert not _patch(module, "Box.height", "return 4", "return 5")
    assert module.Box().height == 4
