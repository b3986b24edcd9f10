"""`nsgb guardrail`: check live NSGs against guardrails, with or without baselines."""

import sys

import click

from nsg_baseline.cli.failure import Failure, reject_options
from nsg_baseline.cli.guardrail_files import read_guardrails
from nsg_baseline.cli.render.guardrail import FORMS
from nsg_baseline.cli.render.violations import violating
from nsg_baseline.cli.severity_options import severity_options
from nsg_baseline.cli.sources import Live, now, read_live_files
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
@click.option(
    "--live",
    "live_files",
    metavar="FILE",
    multiple=True,
    help="Live NSGs: JSON from ARM or from az network nsg show/list; - for standard input; can be repeated.",
)
@click.option("--subscription", help="Without --live: read all NSGs of this subscription from Azure.")
@click.option("--resource-group", help="With --subscription: only this resource group.")
@click.option(
    "-o", "--output", type=click.Choice(list(FORMS)), default="table", show_default=True, help="Output format."
)
@severity_options
def guardrail(
    *,
    guardrail_files: tuple[str, ...],
    live_files: tuple[str, ...],
    subscription: str | None,
    resource_group: str | None,
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
    if live_files:
        reject_options("with --live", subscription=subscription, resource_group=resource_group)
    reject_second_stdin(*guardrail_files, *live_files)
    guardrails = read_guardrails(guardrail_files)
    live = _live(live_files, subscription, resource_group)
    if not live.nsgs:
        raise Failure("the input contains no NSG")
    time, tags = now(), severity_config.tags
    checked = [guardrails.of_live(nsg, time, tags) for nsg in sorted(live.nsgs, key=lambda nsg: nsg.id.key)]
    click.echo(FORMS[output](checked, guardrails))
    if live.extent == "Partial":
        click.echo("nsgb: the input has a next page, so other NSGs are not checked; pass the complete list", err=True)
    sys.exit(VIOLATED if violating(checked) else INCOMPLETE if live.extent == "Partial" else 0)


def _live(live_files: tuple[str, ...], subscription: str | None, resource_group: str | None) -> Live:
    if live_files:
        return read_live_files(live_files)
    if subscription is None:
        raise Failure("--live FILE or --subscription ID is required")
    from nsg_baseline.cli.live_sources import azure_listing  # noqa: PLC0415 - slow to import, and not needed for files

    return azure_listing(subscription, resource_group)
