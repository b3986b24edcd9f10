"""`nsgb approve`: the edit of a baseline by which what is live is approved."""

import getpass
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import click
import yaml

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.durations import parse as parse_duration
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.sources import Live, Sourced, now, read_baselines, read_live_file
from nsg_baseline.core.approval import NotApprovableError, except_for_now
from nsg_baseline.core.approval import approve as approved
from nsg_baseline.core.changes import Change
from nsg_baseline.core.nsg import read_approved
from nsg_baseline.core.verdict import judge

_PAST = "is in the past"
_ABOUT = {
    "Unbaselined": "NSGs without a baseline: write one with nsgb import, or name them in unbaselined.ignoreNames",
    "WatchLost": "a scope that cannot be watched, not about rules: the incident says what is missing",
}


@click.command()
@click.argument("name")
@click.option("--until", help="Approve for a time alone: 2026-12-01T00:00:00Z, or 4h from now.")
@click.option("--reason", help="With --until: why, or the ticket.")
@click.option("--by", help="With --until: who approves it; your login name when left out.")
@click.option("--rule", "rules", multiple=True, help="Only the change of this rule; may be repeated.")
@click.option("-f", "--filename", "files", multiple=True, help="The baseline in files, not in the cluster.")
@click.option("--live", "live_file", help="Live NSGs in a file, as for plan; else Azure is asked.")
@click.option("-o", "--output", type=click.Choice(["yaml", "patch"]), default="yaml", show_default=True)
@click.option("--apply", "at_once", is_flag=True, help="Patch the baseline in the cluster.")
@click.option("-n", "--namespace", help="Namespace of the incident or baseline.")
@click.option("--kubeconfig", type=click.Path(exists=True), help="The kubeconfig to use.")
@click.option("--context", help="The kubeconfig's context to use.")
def approve(  # noqa: PLR0913 - one an option
    *,
    name: str,
    until: str | None,
    reason: str | None,
    by: str | None,
    rules: tuple[str, ...],
    files: tuple[str, ...],
    live_file: str | None,
    output: str,
    at_once: bool,
    namespace: str | None,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    r"""Print the baseline that approves what is live, ready for Git; or patch the cluster with --apply.

    NAME is that of an NSGIncident or of an NSGBaseline. -o patch prints the merge patch alone.

    \b
    nsgb approve web-20261125-153413-c99dea > baselines/web.yaml
    nsgb approve web -f baselines/ --live nsgs.json --until 4h --reason INC-42
    nsgb approve web -n team-web --rule open-ssh --apply
    """
    if until is not None and not reason:
        raise Failure("--until needs --reason: who reads it in a month wants to know why")
    source = _baseline(name, files, namespace, kubeconfig, context)
    spec = source.baseline.spec
    live = _live(live_file, source)
    mine = next((one for one in live.nsgs if one.id.key == read_approved(spec).id.key), None)
    if mine is None:
        raise Failure(f"{spec.target.resource_id} is not among the live NSGs")
    changes = _chosen(judge(read_approved(spec), mine, now()).changes, rules)
    try:
        if until is None:
            fields = approved(spec, changes, mine)
        else:
            fields = except_for_now(spec, changes, mine, _time(until), reason or "", by or getpass.getuser())
    except NotApprovableError as error:
        raise Failure(str(error)) from None
    patch = {"spec": fields}
    if at_once:
        _apply(source.baseline, patch, kubeconfig, context)
    else:
        click.echo(
            json.dumps(patch, indent=2) if output == "patch" else _yaml(source.baseline, fields), nl=output == "patch"
        )


def _chosen(changes: Iterable[Change], rules: tuple[str, ...]) -> list[Change]:
    wanted = {rule.lower() for rule in rules}
    found = [change for change in changes if not wanted or (change.rule or "").lower() in wanted]
    if not found:
        raise Failure("there is nothing to approve: live matches approved" + (" in these rules" if rules else ""))
    return found


def _time(text: str) -> datetime:
    try:
        return now() + parse_duration(text) if text[:1].isdigit() and "T" not in text else _stamp(text)
    except ValueError as error:
        why = "is neither a time such as 2026-12-01T00:00:00Z nor a duration such as 4h"
        raise Failure(f"--until: {text!r} {error if str(error) == _PAST else why}") from None


def _stamp(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    if found <= now() - timedelta(seconds=1):
        raise ValueError(_PAST)
    return found


def _yaml(baseline: NSGBaseline, fields: dict[str, Any]) -> str:
    spec = baseline.spec.model_dump(by_alias=True, mode="json", exclude_unset=True, exclude_none=True)
    document = {
        "apiVersion": "nsg-baseline.io/v1alpha1",
        "kind": "NSGBaseline",
        "metadata": {"name": baseline.metadata.name, "namespace": baseline.metadata.namespace},
        "spec": {**spec, **fields},
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _baseline(
    name: str, files: tuple[str, ...], namespace: str | None, kubeconfig: str | None, context: str | None
) -> Sourced:
    found = _in_files(name, files) if files else _in_cluster(name, namespace, kubeconfig, context)
    if not found:
        raise Failure(f"there is no baseline or incident of the name {name}; see nsgb incidents")
    if len(found) > 1:
        raise Failure(f"there are {len(found)} baselines or incidents of the name {name}; name the namespace by -n")
    return found[0]


def _in_files(name: str, files: tuple[str, ...]) -> list[Sourced]:
    return [one for one in read_baselines(files) if name == one.baseline.metadata.name]


def _in_cluster(name: str, namespace: str | None, kubeconfig: str | None, context: str | None) -> list[Sourced]:
    from nsg_baseline.cli.cluster import asked, every  # noqa: PLC0415 - heavy, and not needed for files
    from nsg_baseline.kube.client import Kube  # noqa: PLC0415 - as above

    async def ask(kube: Kube) -> list[Sourced]:
        incidents = [one for one in await every(kube, NSGIncident, namespace) if one.metadata.name == name]
        if strays := [one for one in incidents if one.spec.baseline is None]:
            raise Failure(f"{name} is about {_ABOUT[strays[0].spec.kind]}")
        wanted = {(one.metadata.namespace, one.spec.baseline) for one in incidents}
        baselines = await every(kube, NSGBaseline, namespace)
        return [Sourced(one) for one in baselines if one.key in wanted or (not wanted and one.metadata.name == name)]

    return asked(ask, kubeconfig, context)


def _live(live_file: str | None, source: Sourced) -> Live:
    if live_file is not None:
        return read_live_file(live_file)
    from nsg_baseline.cli.live_sources import azure_live  # noqa: PLC0415 - heavy, and not needed for files

    return azure_live([source])


def _apply(baseline: NSGBaseline, patch: dict[str, Any], kubeconfig: str | None, context: str | None) -> None:
    from nsg_baseline.cli.cluster import asked  # noqa: PLC0415 - heavy, and not needed for files
    from nsg_baseline.kube.client import Kube  # noqa: PLC0415 - as above

    async def ask(kube: Kube) -> None:
        await kube.patch(NSGBaseline, baseline.key, patch)

    asked(ask, kubeconfig, context)
    click.echo(f"NSGBaseline {'/'.join(baseline.key)} patched", err=True)
