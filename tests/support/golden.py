"""Golden files: what people read, kept as text so that a reviewer sees each change of a word."""

import os
from pathlib import Path

import pytest


def compare(file: Path, text: str) -> None:
    """Hold a text against its golden file; with NSGB_UPDATE_GOLDEN=1 write it instead."""
    if os.environ.get("NSGB_UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return
    if not file.exists():
        pytest.fail(f"{file} is missing; write it with NSGB_UPDATE_GOLDEN=1 and read it")
    assert text == file.read_text(encoding="utf-8"), f"{file} differs; after a wanted change NSGB_UPDATE_GOLDEN=1"
