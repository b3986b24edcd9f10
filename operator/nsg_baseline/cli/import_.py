"""`nsgb import`: generate baselines from live NSGs."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click

from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.live_options import live_options
from nsg_baseline.cli.sources import Live
from nsg_baseline.cli.text_files import reject_second_stdin
from nsg_baseline.cli.yaml_files import dump_manifest
from nsg_baseline.core.baseline_export import manifest, names

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@click.command(name="import")
@live_options
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
def import_(
    *,
    live_files: tuple[str, ...],
    read_live: Callable[[], Live],
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
    if not _NAMESPACE.fullmatch(namespace):
        raise Failure(f"--namespace: {namespace!r} is not a namespace: use up to 63 of a-z, 0-9 and -")
    reject_second_stdin(*live_files)
    live = read_live()
    if live.extent == "Partial":
        raise Failure(
            f"{', '.join(live_files)}: has a next page, so baselines would be missing; pass the complete list"
        )
    manifests = [
        manifest(nsg, namespace, name, mode, tags=tags, associations=associations)
        for nsg, name in zip(live.nsgs, names(live.nsgs), strict=True)
    ]
    if output == "json":
        click.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=2, ensure_ascii=False))
    else:
        click.echo("".join(_stream(manifests)), nl=False)


def _stream(manifests: Iterable[dict[str, Any]]) -> Iterator[str]:
    for document in manifests:
        yield "---\n"
        yield dump_manifest(document)
