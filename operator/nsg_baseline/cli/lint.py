"""`nsgb lint`: rules that Azure rejects, that have no effect, or that allow too much."""

import sys
from typing import get_args

import click

from nsg_baseline.cli.guardrail_files import GuardrailFiles, guardrail_option
from nsg_baseline.cli.lint_result import highest_level, lint_files
from nsg_baseline.cli.render.lint import FORMS
from nsg_baseline.cli.severity_options import severity_options
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.lint import LEVELS, Level

FINDINGS = 2


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "-o", "--output", type=click.Choice(list(FORMS)), default="table", show_default=True, help="Output format."
)
@click.option(
    "--fail-on",
    type=click.Choice([*get_args(Level), "never"]),
    default="warning",
    show_default=True,
    help="Lowest level of findings that causes exit code 2.",
)
@guardrail_option
@severity_options
def lint(
    *,
    files: tuple[str, ...],
    output: str,
    fail_on: str,
    guardrails: GuardrailFiles | None,
    severity_config: SeverityConfig,
) -> None:
    r"""Find rules that Azure rejects, that have no effect, or that allow too much.

    FILES are YAML or JSON files, folders, or - for standard input. Each finding has an id, a file and line, and a fix.
    Exits with 0 without findings of the --fail-on level or above, 2 with such findings, and 1 if a file cannot be read.

    \b
    nsgb lint baselines/
    nsgb lint baselines/ -o sarif > lint.sarif
    nsgb lint baselines/ -g guardrails/
    """
    findings = lint_files(files, severity_config, guardrails)
    click.echo(FORMS[output](findings))
    level = highest_level(findings)
    failing = LEVELS[: LEVELS.index(fail_on) + 1] if fail_on in LEVELS else ()
    sys.exit(FINDINGS if level in failing else 0)
