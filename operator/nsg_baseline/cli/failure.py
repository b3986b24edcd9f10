"""What a command cannot go on with: one line a problem, exit code 1."""

from collections.abc import Iterable

import click
from typing_extensions import override


class Failure(click.ClickException):
    """Told on stderr as `nsgb: FILE:LINE: field: what, and the way out`."""

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
    """Stop if there are problems.

    Raises:
        Failure: there are.
    """
    found = list(problems)
    if found:
        raise Failure(*found)
