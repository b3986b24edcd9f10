"""`nsgb plan`: compare baselines with live NSGs."""

import sys
from dataclasses import replace

import click

from nsg_baseline.api.common import CONFIRM
from nsg_baseline.cli.failure import reject_options
from nsg_baseline.cli.guardrail_files import GuardrailFiles, guardrail_option
from nsg_baseline.cli.live_options import live_files_option
from nsg_baseline.cli.plan_result import Plan, check_guardrails
from nsg_baseline.cli.plan_result import plan as compare
from nsg_baseline.cli.plan_writes import Write, write_for
from nsg_baseline.cli.render import FORMS
from nsg_baseline.cli.severity_options import severity_options
from nsg_baseline.cli.sources import Live, Sourced, now, read_given_baselines, read_live_files
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.remediation import policy
from nsg_baseline.core.text.phrasing import counted

DRIFT = 2


@click.command()
@click.option(
    "-f",
    "--filename",
    "files",
    metavar="PATH",
    multiple=True,
    help="Baselines: YAML or JSON files, folders, or - for standard input.",
)
@live_files_option
@click.option(
    "-o", "--output", type=click.Choice(list(FORMS)), default="table", show_default=True, help="Output format."
)
@click.option("-n", "--namespace", help="Without -f: only baselines in this namespace of the cluster.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Without -f: baselines in all namespaces (default).")
@click.option("--kubeconfig", type=click.Path(exists=True), help="Without -f: path of the kubeconfig.")
@click.option("--context", help="Without -f: context of the kubeconfig.")
@click.option("--enforce", is_flag=True, help="Also show the write that the operator would make in Enforce mode.")
@guardrail_option
@severity_options
def plan(  # noqa: PLR0913 - click passes one argument for each option
    *,
    files: tuple[str, ...],
    live_files: tuple[str, ...],
    output: str,
    namespace: str | None,
    all_namespaces: bool,
    kubeconfig: str | None,
    context: str | None,
    enforce: bool,
    guardrails: GuardrailFiles | None,
    severity_config: SeverityConfig,
) -> None:
    r"""Compare baselines with live NSGs.

    Exits with 0 if all NSGs match their baselines, 2 if there is drift or a violated guardrail, and 1 if an input
    cannot be read. A list of NSGs counts as complete: an NSG missing from it counts as deleted. If the input is one
    NSG, other baselines are ignored. If the input is one page of several, NSGs missing from it are unknown, and the
    exit code is 1 or 2.
    Without --live, only the NSGs of the baselines are read from Azure; `nsgb incidents` lists NSGs without a baseline.

    \b
    nsgb plan -f baselines/ --live nsgs.json
    az network nsg list | nsgb plan -f baselines/ --live - -o markdown
    nsgb plan -n team-web
    nsgb plan -f baselines/ --live nsgs.json --enforce
    """
    if files:
        cluster = {"namespace": namespace, "all_namespaces": all_namespaces, "kubeconfig": kubeconfig}
        reject_options("with -f", **cluster, context=context)
    if all_namespaces:
        reject_options("with -A", namespace=namespace)
    baselines = _baselines(files, None if all_namespaces else namespace, kubeconfig, context)
    live = _live(live_files, baselines)
    time = now()
    result = compare(baselines, live, time, severity_config)
    if guardrails is not None:
        checked = check_guardrails(guardrails, baselines, live, time, severity_config)
        result = replace(result, guardrails=guardrails, checked=checked)
    click.echo(FORMS[output](result, _writes(result, severity_config) if enforce else None))
    if result.incomplete:
        unknown = counted(len(result.unknown), "baseline")
        click.echo(f"nsgb: the input has a next page, so {unknown} cannot be judged; pass the complete list", err=True)
    sys.exit(DRIFT if not result.in_order else 1 if result.incomplete else 0)


def _writes(result: Plan, severity_config: SeverityConfig) -> dict[str, Write]:
    """Return the write that the operator would make for each NSG, by NSG id."""
    writes: dict[str, Write] = {}
    for planned in result.drifted:
        confirmed = planned.source.baseline.metadata.annotations.get(CONFIRM)
        allowed = policy(planned.source.baseline.spec, confirmed)
        write = write_for(planned.verdict, planned.live.document if planned.live else None, allowed, severity_config)
        if write is not None:
            writes[planned.verdict.nsg] = write
    return writes


def _baselines(
    files: tuple[str, ...], namespace: str | None, kubeconfig: str | None, context: str | None
) -> list[Sourced]:
    if files:
        return read_given_baselines(files)
    from nsg_baseline.cli.live_sources import cluster_baselines  # noqa: PLC0415 - slow to import, and not needed for files

    return cluster_baselines(namespace, kubeconfig, context)


def _live(live_files: tuple[str, ...], baselines: list[Sourced]) -> Live:
    if live_files:
        return read_live_files(live_files)
    from nsg_baseline.cli.live_sources import azure_live  # noqa: PLC0415 - slow to import, and not needed for files

    return azure_live(baselines)
