"""Errors that end a command with exit code 1, one line for each problem."""

from collections.abc import Iterable

import click
from typing_extensions import override


class Failure(click.ClickException):
    """Printed on stderr as `nsgb: FILE:LINE: field: problem; fix`."""

    exit_code = 1

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))

    @override
    def show(self, file: object = None) -> None:
        """Print the problems."""
        del file
        for line in self.message.splitlines():
            click.echo(f"nsgb: {line}", err=True)


def fail_if(problems: Iterable[str]) -> None:
    """Fail if there are problems.

    Raises:
        Failure: there is at least one problem.
    """
    messages = list(problems)
    if messages:
        raise Failure(*messages)


def reject_options(because: str, **options: object) -> None:
    """Reject options that would have no effect. `because` continues "has no effect"; keys are the options' names.

    Raises:
        Failure: at least one of them is set.
    """
    fail_if(f"--{name.replace('_', '-')} has no effect {because}" for name, value in options.items() if value)
