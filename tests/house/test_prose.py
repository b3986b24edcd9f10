"""Texts use the terms of the glossary and plain English: a reader meets one word for one thing."""

from collections import Counter
from pathlib import Path

import pytest

from tests.house import prose
from tests.house.names import ROOT
from tests.house.prose import PLACES, findings, place_of, prose_files

ALLOWED: dict[str, int] = {
    "CONTRIBUTING.md": 1,
    "README.md": 1,
    "charts/nsg-baseline-operator": 2,
    "emulator/nsg_emulator/arm": 10,
    "emulator/nsg_emulator/kube": 1,
    "examples": 1,
    "operator/nsg_baseline": 2,
    "operator/nsg_baseline/alerts": 2,
    "operator/nsg_baseline/core": 17,
    "operator/nsg_baseline/engine": 7,
    "operator/nsg_baseline/kube": 1,
    "tests/alerts": 12,
    "tests/api": 2,
    "tests/azure": 1,
    "tests/chaos": 8,
    "tests/chart": 3,
    "tests/cli": 1,
    "tests/core": 17,
    "tests/emulator": 9,
    "tests/engine": 31,
    "tests/support": 7,
}
"""Places with banned words for now, and their number. It must only shrink, and end empty."""


def test_no_text_holds_a_banned_word() -> None:
    every = [finding for file in prose_files(ROOT / place for place in PLACES) for finding in findings(file)]
    counts = Counter(place_of(finding.path) for finding in every)
    above = {place for place, count in counts.items() if count > ALLOWED.get(place, 0)}
    assert not [str(finding) for finding in every if place_of(finding.path) in above]


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
