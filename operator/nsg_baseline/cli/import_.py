"""`nsgb import`: generate baselines from live NSGs."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import click

from nsg_baseline.cli.failure import Failure, reject_options
from nsg_baseline.cli.sources import Live, read_live_files
from nsg_baseline.cli.text_files import reject_second_stdin
from nsg_baseline.cli.yaml_files import dump_manifest
from nsg_baseline.core.baseline_export import manifest, names

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@click.command(name="import")
@click.option(
    "--live",
    "live_files",
    metavar="FILE",
    multiple=True,
    help="Live NSGs: JSON from ARM or from az network nsg show/list; - for standard input; can be repeated.",
)
@click.option("--subscription", help="Without --live: read all NSGs of this subscription from Azure.")
@click.option("-g", "--resource-group", help="With --subscription: only this resource group.")
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of the baselines.")
@click.option(
    "--mode", type=click.Choice(["Alert", "Enforce"]), default="Alert", show_default=True, help="Mode of the baselines."
)
@click.option("--tags", is_flag=True, help="Also approve the tags.")
@click.option(
    "--associations", is_flag=True, help="Also approve the network interfaces, and that nothing else is attached."
)
@click.option(
    "-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="Output format."
)
def import_(  # noqa: PLR0913 - click passes one argument for each option
    *,
    live_files: tuple[str, ...],
    subscription: str | None,
    resource_group: str | None,
    namespace: str,
    mode: str,
    tags: bool,
    associations: bool,
    output: str,
) -> None:
    r"""Write baselines that approve exactly the live rules and the attached subnets to standard output.

    \b
    az network nsg list | nsgb import --live - -n team-web > baselines.yaml
    nsgb import --subscription 11111111-1111-1111-1111-111111111111 -n team-web
    """
    if live_files:
        reject_options("with --live", subscription=subscription, resource_group=resource_group)
    if not _NAMESPACE.fullmatch(namespace):
        raise Failure(f"--namespace: {namespace!r} is not a namespace: use up to 63 of a-z, 0-9 and -")
    reject_second_stdin(*live_files)
    live = _live(live_files, subscription, resource_group)
    if live.extent == "Partial":
        raise Failure(
            f"{', '.join(live_files)}: has a next page, so baselines would be missing; pass the complete list"
        )
    if not live.nsgs:
        raise Failure("the input contains no NSG")
    manifests = [
        manifest(nsg, namespace, name, mode, tags=tags, associations=associations)
        for nsg, name in zip(live.nsgs, names(live.nsgs), strict=True)
    ]
    if output == "json":
        click.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=2, ensure_ascii=False))
    else:
        click.echo("".join(_stream(manifests)), nl=False)


def _live(live_files: tuple[str, ...], subscription: str | None, resource_group: str | None) -> Live:
    if live_files:
        return read_live_files(live_files)
    if subscription is None:
        raise Failure("--live FILE or --subscription ID is required")
    from nsg_baseline.cli.live_sources import azure_listing  # noqa: PLC0415 - slow to import, and not needed for files

    return azure_listing(subscription, resource_group)


def _stream(manifests: Iterable[dict[str, Any]]) -> Iterator[str]:
    for document in manifests:
        yield "---\n"
        yield dump_manifest(document)
