"""`nsgb plan`: approved against live."""

import sys

import click

from nsg_baseline.api.common import CONFIRM
from nsg_baseline.cli.plan_result import Plan
from nsg_baseline.cli.plan_result import plan as compare
from nsg_baseline.cli.plan_writes import Write, write_for
from nsg_baseline.cli.render import FORMS
from nsg_baseline.cli.severity_options import severity_options
from nsg_baseline.cli.sources import Live, Sourced, now, read_baselines, read_live_file
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.remediation import policy
from nsg_baseline.core.text.phrasing import counted

DEVIATIONS = 2


@click.command()
@click.option("-f", "--filename", "files", multiple=True, help="Baselines: YAML or JSON files, folders, or -.")
@click.option("--live", "live_file", help="Live NSGs: ARM's JSON, or what az network nsg show/list prints; or -.")
@click.option("-o", "--output", type=click.Choice(list(FORMS)), default="table", show_default=True)
@click.option("-n", "--namespace", help="Without -f: only the baselines of this namespace of the cluster.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Without -f: of all namespaces, which is the default.")
@click.option("--kubeconfig", type=click.Path(exists=True), help="Without -f: the kubeconfig to use.")
@click.option("--context", help="Without -f: the kubeconfig's context to use.")
@click.option("--enforce", is_flag=True, help="Show the write that the operator would make in enforce mode, too.")
@severity_options
def plan(  # noqa: PLR0913 - one an option
    *,
    files: tuple[str, ...],
    live_file: str | None,
    output: str,
    namespace: str | None,
    all_namespaces: bool,
    kubeconfig: str | None,
    context: str | None,
    enforce: bool,
    yardstick: SeverityConfig,
) -> None:
    r"""Compare approved with live.

    Exits with 0 when all is in order, 2 when something deviates, 1 when something cannot be read. A list of NSGs is
    taken for complete: an NSG that it lacks was deleted. One NSG alone is judged alone. Of a page that has a next one
    nothing is concluded that it lacks, and exit is 1 when that is all.

    \b
    nsgb plan -f baselines/ --live nsgs.json
    az network nsg list | nsgb plan -f baselines/ --live - -o markdown
    nsgb plan -n team-web
    nsgb plan -f baselines/ --live nsgs.json --enforce
    """
    baselines = _baselines(files, None if all_namespaces else namespace, kubeconfig, context)
    live = _live(live_file, baselines)
    found = compare(baselines, live, now(), yardstick)
    click.echo(FORMS[output](found, _writes(found, yardstick) if enforce else None))
    if found.incomplete:
        rest = (
            f"nothing is concluded of {counted(len(found.unknown), 'baseline')}; give all pages, as az network nsg list"
        )
        click.echo(f"nsgb: the listing has a next page: {rest} does", err=True)
    sys.exit(DEVIATIONS if not found.in_order else 1 if found.incomplete else 0)


def _writes(found: Plan, yardstick: SeverityConfig) -> dict[str, Write]:
    """Return the operator's writes by NSG."""
    made: dict[str, Write] = {}
    for one in found.drifted:
        confirmed = one.source.baseline.metadata.annotations.get(CONFIRM)
        allowed = policy(one.source.baseline.spec, confirmed)
        write = write_for(one.verdict, one.live.document if one.live else None, allowed, yardstick.tags)
        if write is not None:
            made[one.verdict.nsg] = write
    return made


def _baselines(
    files: tuple[str, ...], namespace: str | None, kubeconfig: str | None, context: str | None
) -> list[Sourced]:
    if files:
        return read_baselines(files)
    from nsg_baseline.cli.live_sources import cluster_baselines  # noqa: PLC0415 - heavy, and not needed for files

    return cluster_baselines(namespace, kubeconfig, context)


def _live(live_file: str | None, baselines: list[Sourced]) -> Live:
    if live_file is not None:
        return read_live_file(live_file)
    from nsg_baseline.cli.live_sources import azure_live  # noqa: PLC0415 - heavy, and not needed for files

    return azure_live(baselines)
