"""The `nsgb` command, also `kubectl nsgb`. Each command is imported only when it is asked for."""

import os
import sys
from importlib import import_module
from typing import NamedTuple

import click
from typing_extensions import override


class Command(NamedTuple):
    """Where a command is, and what `nsgb --help` says of it without importing it."""

    module: str
    name: str
    summary: str


COMMANDS = {
    "approve": Command("nsg_baseline.cli.approve", "approve", "Print the edit that approves a deviation."),
    "incidents": Command("nsg_baseline.cli.incidents", "incidents", "List what is open, and since when."),
    "notify": Command("nsg_baseline.cli.notify", "notify", "Send a test message by a route."),
    "demo": Command("nsg_baseline.cli.demo.command", "demo", "The whole story on this machine, without Azure."),
    "diff": Command("nsg_baseline.cli.diff", "diff", "Say what a change of baselines newly allows and denies."),
    "emulator": Command("nsg_baseline.cli.emulator", "emulator", "Serve Azure's NSG API on this machine."),
    "import": Command("nsg_baseline.cli.import_", "import_", "Write baselines that approve exactly what is live."),
    "lint": Command("nsg_baseline.cli.lint", "lint", "Look for rules refused, without effect, or too open."),
    "plan": Command("nsg_baseline.cli.plan", "plan", "Compare approved with live."),
    "probe": Command("nsg_baseline.cli.probe", "probe", "Say which rule decides one connection, and why."),
    "report": Command("nsg_baseline.cli.report", "report", "Tell the incidents of a time, as evidence."),
    "run": Command("nsg_baseline.cli.run", "run", "Run the operator."),
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
        known = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(known.module), known.name)
        # Raw docstrings spell click's mark of a block that is not to be wrapped; click wants the sign itself.
        command.help = (command.help or "").replace("\\b\n", "\b\n")
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in self.list_commands(ctx)])


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
    except BrokenPipeError:
        # Whoever reads has enough. What is still in the buffer must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ERROR)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        click.echo(f"nsgb: {what}", err=True)
        os._exit(ERROR)
