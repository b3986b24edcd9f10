"""The `nsgb` command, also `kubectl nsgb`. Commands are imported when they are called."""

import os
import sys
from importlib import import_module
from typing import NamedTuple

import click
from typing_extensions import override


class Command(NamedTuple):
    """The module and function of a command, and its summary for `nsgb --help`, which imports no command."""

    module: str
    name: str
    summary: str


COMMANDS = {
    "approve": Command("nsg_baseline.cli.approve", "approve", "Print the baseline that approves the live rules."),
    "incidents": Command("nsg_baseline.cli.incidents", "incidents", "List open incidents."),
    "notify": Command("nsg_baseline.cli.notify", "notify", "Send a test message through a route."),
    "demo": Command("nsg_baseline.cli.demo.command", "demo", "Run the operator against emulators on this machine."),
    "diff": Command(
        "nsg_baseline.cli.diff", "diff", "Show the traffic that a change of baselines newly allows or denies."
    ),
    "emulator": Command("nsg_baseline.cli.emulator", "emulator", "Serve Azure's NSG API on this machine."),
    "guardrail": Command("nsg_baseline.cli.guardrail", "guardrail", "Check live NSGs against guardrails."),
    "import": Command("nsg_baseline.cli.import_", "import_", "Generate baselines from live NSGs."),
    "lint": Command("nsg_baseline.cli.lint", "lint", "Find rules that are invalid, ineffective or too open."),
    "plan": Command("nsg_baseline.cli.plan", "plan", "Compare baselines with live NSGs."),
    "probe": Command("nsg_baseline.cli.probe", "probe", "Show which rule decides a connection."),
    "events": Command("nsg_baseline.cli.events", "events", "Check the delivery of Azure's events to a queue."),
    "report": Command("nsg_baseline.cli.report", "report", "Write a report of all incidents in a period."),
    "run": Command("nsg_baseline.cli.run", "run", "Run the operator."),
}
ERROR = 1


class LazyGroup(click.Group):
    """A group that imports each command on first use, so that `nsgb --help` is fast."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        entry = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(entry.module), entry.name)
        for described in (command, *getattr(command, "commands", {}).values()):
            # Raw docstrings contain the two characters \\b; click expects the backspace character to disable wrapping.
            described.help = (described.help or "").replace("\\b\n", "\b\n")
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nsg-baseline-operator", prog_name="nsgb")
def nsgb() -> None:
    """Keep Azure Network Security Groups in line with approved baselines."""


def main() -> None:
    """Run the command line.

    Usage errors exit with 1, since 2 means that drift or findings exist.
    """
    if sys.stdout is None:
        # click writes nothing then, and the exit code would say that the output was complete.
        click.echo("nsgb: standard output is closed", err=True)
        sys.exit(ERROR)
    try:
        sys.exit(nsgb.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(ERROR)
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:
        # The process that reads the output ended. Redirect stdout so that the buffer is not flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ERROR)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        click.echo(f"nsgb: {message}", err=True)
        os._exit(ERROR)
