"""`nsgb lint`: what is odd, dangerous or refused by Azure in baselines."""

import sys
from typing import get_args

import click

from nsg_baseline.cli.lint_result import lint_files, loudest
from nsg_baseline.cli.render.lint import FORMS
from nsg_baseline.cli.severity_options import severity_options
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.lint import LEVELS, Level

FOUND = 2


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Choice(list(FORMS)), default="table", show_default=True)
@click.option(
    "--fail-on",
    type=click.Choice([*get_args(Level), "never"]),
    default="warning",
    show_default=True,
    help="Exit with 2 when something of this level or louder is found.",
)
@severity_options
def lint(*, files: tuple[str, ...], output: str, fail_on: str, yardstick: SeverityConfig) -> None:
    r"""Look for rules that Azure refuses, that decide nothing, or that open too much.

    FILES are YAML or JSON files, folders, or - for standard input. Each finding has an id, a file and line, and a way
    out. Exits with 0 when nothing is found that is loud enough, 2 when something is, 1 when a file cannot be read.

    \b
    nsgb lint baselines/
    nsgb lint baselines/ -o sarif > lint.sarif
    """
    found = lint_files(files, yardstick)
    click.echo(FORMS[output](found))
    level = loudest(found)
    counting = LEVELS[: LEVELS.index(fail_on) + 1] if fail_on in LEVELS else ()
    sys.exit(FOUND if level in counting else 0)
