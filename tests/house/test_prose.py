"""Texts use the terms of the glossary and plain English: a reader meets one word for one thing."""

from pathlib import Path

import pytest

from tests.house import prose
from tests.house.names import ROOT
from tests.house.prose import PLACES, findings, prose_files


def test_no_text_holds_a_banned_word() -> None:
    every = [finding for file in prose_files(ROOT / place for place in PLACES) for finding in findings(file)]
    assert not [str(finding) for finding in every]


PYTHON = '''"""Fine.

It is told."""

x = "whoever"  # whoever


def f() -> None:
    """Put back."""
'''


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("a.md", "Fine.\n\nWhoever reads `whoever` in code:\n\n```\nwhoever\n```\n\nA stray NSG.\n", [3, 9]),
        ("a.py", PYTHON, [3, 5, 9]),
        ("a.yaml", "# stray\nkey: stray\ndescription: a stray\n", [1, 3]),
    ],
)  # fmt: skip
def test_texts_are_read_and_code_is_not(
    name: str, content: str, lines: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A check that misses a kind of text would call it clean; one that reads code would ban names of other projects.
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    file = tmp_path / name
    file.write_text(content)
    assert sorted({finding.line for finding in findings(file)}) == lines
