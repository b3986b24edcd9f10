"""Help: at once, and true."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from nsg_baseline.cli.main import COMMANDS, nsgb


def test_help_lists_every_command_without_importing_any() -> None:
    # A newcomer types this first; with Azure's and Kubernetes' libraries it took seconds.
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
def test_every_command_tells_what_it_does_and_its_options(name: str) -> None:
    # Each has help, under -h too, and each option says what it is for or what it takes.
    result = CliRunner().invoke(nsgb, [name, "-h"])
    assert result.exit_code == 0
    # The mark before examples is click's, for itself alone.
    assert "\\b" not in result.stdout
    command = nsgb.get_command(click.Context(nsgb), name)
    assert command is not None
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [
        option.name
        for option in options
        if not (option.help or isinstance(option.type, click.Choice) or option.is_flag)
    ] == []
