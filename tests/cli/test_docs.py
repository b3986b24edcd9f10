"""The examples in docs/cli.md: what the page shows is what nsgb prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nsg_baseline.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text()
IN_ORDER, DIFFERENT = 0, 2


def blocks(language: str) -> list[str]:
    """Return the contents of the page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_console_examples_print_what_the_page_shows(tmp_path: Path) -> None:
    # Readers paste these commands in this order, so they run in one folder.
    (tmp_path / "nsgs.json").write_text(blocks("json file=nsgs.json")[0])
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    commands = [example for block in blocks("console") for example in block.split("$ ")[1:]]
    assert commands
    for example in commands:
        command, _, expected = example.partition("\n")
        shown = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert (shown.stdout, shown.stderr) == (expected.rstrip("\n") + "\n" if expected.strip() else "", ""), command
        assert shown.returncode == (DIFFERENT if "nsgb diff" in command else IN_ORDER), command


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_listed(command: str) -> None:
    # The page is the reference of the command line.
    assert f"`nsgb {command}`" in PAGE
