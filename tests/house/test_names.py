"""Local names say what their value is: a reader must not need the history of a function to understand a line."""

from pathlib import Path

import pytest

from tests.house.names import FILLERS, FOLDERS, LIMIT, ROOT, by_folder, local_names, python_files, share


def test_few_local_names_are_fillers(capsys: pytest.CaptureFixture[str]) -> None:
    names = [local for file in python_files(ROOT / folder for folder in FOLDERS) for local in local_names(file)]
    with capsys.disabled():
        print(f"\nfiller names: {share(names):.2%} of {len(names)} local names")
    shares = {folder: share(members) for folder, members in by_folder(names).items()}
    above = {folder: f"{value:.2%}" for folder, value in shares.items() if value > LIMIT}
    assert not above, "name the values; `python -m tests.house.names FOLDER` lists the lines"


SAMPLE = """
one = 1

def compare(found, rule):
    for each in rule:
        known = found(each)
        self._told = [here for here in known]
    return lambda theirs: theirs
"""


def test_every_kind_of_local_name_is_counted(tmp_path: Path) -> None:
    # A count that misses loops, comprehensions or parameters would call any code clean. Module constants are no locals.
    file = tmp_path / "sample.py"
    file.write_text(SAMPLE)
    fillers = [local.name for local in local_names(file) if local.is_filler]
    assert sorted(fillers) == ["each", "found", "here", "known", "theirs", "told"]


def test_every_filler_has_a_reason() -> None:
    assert all(reason and name == name.lower() for name, reason in FILLERS.items())
