"""`nsgb guardrail`: check live NSGs against guardrails, with or without baselines."""

import sys
from collections.abc import Callable

import click

from nsg_baseline.cli.guardrail_files import read_guardrails
from nsg_baseline.cli.live_options import live_options
from nsg_baseline.cli.render.guardrail import FORMS
from nsg_baseline.cli.render.violations import violating
from nsg_baseline.cli.severity_options import severity_options
from nsg_baseline.cli.sources import Live, now
from nsg_baseline.cli.text_files import reject_second_stdin
from nsg_baseline.core.assessment import SeverityConfig

VIOLATED = 2
INCOMPLETE = 1


@click.command()
@click.option(
    "-g",
    "--guardrails",
    "guardrail_files",
    multiple=True,
    required=True,
    help="Guardrails: YAML or JSON files, folders, or - for standard input. NSGScopes in them decide which NSGs "
    "belong to which scope.",
)
@live_options
@click.option(
    "-o", "--output", type=click.Choice(list(FORMS)), default="table", show_default=True, help="Output format."
)
@severity_options
def guardrail(
    *,
    guardrail_files: tuple[str, ...],
    live_files: tuple[str, ...],
    read_live: Callable[[], Live],
    output: str,
    severity_config: SeverityConfig,
) -> None:
    r"""Check live NSGs against guardrails. Baselines are not needed.

    Exits with 0 if no NSG violates a guardrail, 2 if one does, and 1 if an input cannot be read or has a next page. An
    NSG whose scope is not in the files counts as part of each scope that a guardrail names.

    \b
    az network nsg list | nsgb guardrail -g guardrails/ --live -
    nsgb guardrail -g guardrails/ --subscription 11111111-1111-1111-1111-111111111111 -o sarif
    """
    reject_second_stdin(*guardrail_files, *live_files)
    guardrails = read_guardrails(guardrail_files)
    live = read_live()
    time, tags = now(), severity_config.tags
    checked = [guardrails.of_live(nsg, time, tags) for nsg in sorted(live.nsgs, key=lambda nsg: nsg.id.key)]
    click.echo(FORMS[output](checked, guardrails))
    if live.extent == "Partial":
        click.echo("nsgb: the input has a next page, so other NSGs are not checked; pass the complete list", err=True)
    sys.exit(VIOLATED if violating(checked) else INCOMPLETE if live.extent == "Partial" else 0)
