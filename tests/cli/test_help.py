"""Help of all commands."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from nsg_baseline.cli.main import COMMANDS, nsgb


def test_help_lists_every_command_without_importing_any() -> None:
    # Importing the Azure and Kubernetes libraries would make the first command of a newcomer take seconds.
    script = (
        "import sys; from nsg_baseline.cli.main import main\n"
        "sys.argv = ['nsgb', '--help']\n"
        "try: main()\n"
        "finally: print([name for name in ('kopf', 'azure', 'kubernetes', 'pydantic') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *lines, imported = done.stdout.splitlines()
    assert imported == "[]"
    assert all(any(line.strip().startswith(name) for line in lines) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name: str) -> None:
    # Options without help must at least show their choices.
    result = CliRunner().invoke(nsgb, [name, "-h"])
    assert result.exit_code == 0
    # \\b disables wrapping in click and must not be printed.
    assert "\\b" not in result.stdout
    command = nsgb.get_command(click.Context(nsgb), name)
    assert command is not None
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [
        option.name
        for option in options
        if not (option.help or isinstance(option.type, click.Choice) or option.is_flag)
    ] == []
