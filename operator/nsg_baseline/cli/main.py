"""The `nsgb` command, also `kubectl nsgb`. Each command is imported only when it is asked for."""

import sys
from importlib import import_module

import click
from typing_extensions import override

# Name -> (module, the command in it).
COMMANDS = {
    "demo": ("nsg_baseline.cli.demo.command", "demo"),
    "emulator": ("nsg_baseline.cli.emulator", "emulator"),
    "diff": ("nsg_baseline.cli.diff", "diff"),
    "import": ("nsg_baseline.cli.import_", "import_"),
    "lint": ("nsg_baseline.cli.lint", "lint"),
    "plan": ("nsg_baseline.cli.plan", "plan"),
    "probe": ("nsg_baseline.cli.probe", "probe"),
    "run": ("nsg_baseline.cli.run", "run"),
}
ERROR = 1


class LazyGroup(click.Group):
    """A group whose commands are imported at their first use, so that `nsgb --help` is quick."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nsg-baseline-operator", prog_name="nsgb")
def nsgb() -> None:
    """Approved rules of Azure Network Security Groups, kept."""


def main() -> None:
    """Run the command line.

    A wrong call exits with 1: click's own 2 means deviations here.
    """
    try:
        sys.exit(nsgb.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(ERROR)
    except click.Abort:
        sys.exit(130)
