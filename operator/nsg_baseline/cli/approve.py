"""`nsgb approve`: the edit of a baseline that approves the live rules."""

import getpass
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import click

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.durations import parse as parse_duration
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.validation import InvalidObject, read
from nsg_baseline.cli.failure import Failure, reject_options
from nsg_baseline.cli.sources import Live, Sourced, now, read_baselines, read_live_file
from nsg_baseline.cli.text_files import reject_second_stdin
from nsg_baseline.cli.yaml_files import dump_manifest
from nsg_baseline.core.approval import NotApprovableError, approve_until
from nsg_baseline.core.approval import approve as approved
from nsg_baseline.core.changes import Change
from nsg_baseline.core.nsg import parse_approved
from nsg_baseline.core.verdict import judge

_PAST = "is in the past"
_ABOUT = {
    "Unbaselined": "NSGs without a baseline; create one with nsgb import, or add the NSGs to unbaselined.ignoreNames",
    "Guardrail": "a violated guardrail, which no baseline can approve; see spec.exceptions of the NSGGuardrail",
    "WatchLost": "a scope that cannot be read, so there are no rules to approve; see the incident for the cause",
}


@click.command()
@click.argument("name")
@click.option(
    "--until",
    metavar="TIME|DURATION",
    help="Approve as an exception until a time (2026-12-01T00:00:00Z) or for a duration (4h).",
)
@click.option("--reason", help="With --until: the reason or ticket; required.")
@click.option("--by", help="With --until: the approver.  [default: your login name]")
@click.option("--rule", "rules", multiple=True, help="Approve only changes of this rule; can be repeated.")
@click.option(
    "-f",
    "--filename",
    "files",
    metavar="PATH",
    multiple=True,
    help="Read the baseline from files instead of the cluster.",
)
@click.option("--live", "live_file", metavar="FILE", help="Read live NSGs from a file, as for plan, instead of Azure.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["yaml", "patch"]),
    default="yaml",
    show_default=True,
    help="Whole baseline, or merge patch.",
)
@click.option("--apply", "apply_patch", is_flag=True, help="Patch the baseline in the cluster.")
@click.option("-n", "--namespace", help="Namespace of the incident or baseline.")
@click.option("--kubeconfig", type=click.Path(exists=True), help="Path of the kubeconfig.")
@click.option("--context", help="Context of the kubeconfig.")
def approve(  # noqa: PLR0913 - click passes one argument for each option
    *,
    name: str,
    until: str | None,
    reason: str | None,
    by: str | None,
    rules: tuple[str, ...],
    files: tuple[str, ...],
    live_file: str | None,
    output: str,
    apply_patch: bool,
    namespace: str | None,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    r"""Print the baseline that approves the live rules, or patch the baseline in the cluster with --apply.

    NAME is the name of an NSGIncident or of an NSGBaseline. -o patch prints only the merge patch.

    \b
    nsgb approve web-20261125-153413-c99dea > baselines/web.yaml
    nsgb approve web -f baselines/ --live nsgs.json --until 4h --reason INC-42
    nsgb approve web -n team-web --rule open-ssh --apply
    """
    if until is not None and not reason:
        raise Failure("--until requires --reason, so that reviewers know why the exception exists")
    if until is None and (reason or by):
        raise Failure("--reason and --by require --until")
    if apply_patch and files:
        raise Failure("--apply patches the cluster and cannot be combined with -f")
    if files:
        reject_options("with -f", namespace=namespace, kubeconfig=kubeconfig, context=context)
    reject_second_stdin(*files, *([live_file] if live_file else []))
    source = _baseline(name, files, namespace, kubeconfig, context)
    spec = source.baseline.spec
    live = _live(live_file, source)
    nsg = next((live_nsg for live_nsg in live.nsgs if live_nsg.id == parse_approved(spec).id), None)
    if nsg is None:
        raise Failure(f"{spec.target.resource_id} is not in the live NSGs; if it was deleted, delete the baseline too")
    changes = _chosen(judge(parse_approved(spec), nsg, now()).changes, rules)
    try:
        if until is None:
            fields = approved(spec, changes, nsg)
        else:
            fields = approve_until(spec, changes, nsg, _time(until), reason or "", by or getpass.getuser())
    except NotApprovableError as error:
        raise Failure(str(error)) from None
    _check(source.baseline, fields)
    patch = {"spec": fields}
    if apply_patch:
        _apply(source.baseline, patch, kubeconfig, context)
    else:
        click.echo(
            json.dumps(patch, indent=2) if output == "patch" else dump_manifest(_document(source.baseline, fields)),
            nl=output == "patch",
        )


def _chosen(changes: Iterable[Change], rules: tuple[str, ...]) -> list[Change]:
    names = {rule.lower() for rule in rules}
    chosen = [change for change in changes if not names or (change.rule or "").lower() in names]
    if not chosen:
        raise Failure("nothing to approve: live matches approved" + (" for these rules" if rules else ""))
    return chosen


def _time(text: str) -> datetime:
    try:
        return now() + parse_duration(text) if text[:1].isdigit() and "T" not in text else _stamp(text)
    except ValueError as error:
        why = "is not a time such as 2026-12-01T00:00:00Z or a duration such as 4h"
        raise Failure(f"--until: {text!r} {error if str(error) == _PAST else why}") from None


def _stamp(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    if time <= now() - timedelta(seconds=1):
        raise ValueError(_PAST)
    return time


def _check(baseline: NSGBaseline, fields: dict[str, Any]) -> None:
    """Check the edited baseline, which the API server would refuse, for example if --reason is too long.

    Raises:
        Failure: it is invalid.
    """
    try:
        read(NSGBaseline, _document(baseline, fields))
    except InvalidObject as error:
        raise Failure(*(f"the approved baseline would be invalid: {problem}" for problem in error.problems)) from None


def _document(baseline: NSGBaseline, fields: dict[str, Any]) -> dict[str, Any]:
    spec = baseline.spec.model_dump(by_alias=True, mode="json", exclude_unset=True, exclude_none=True)
    return {
        "apiVersion": "nsg-baseline.io/v1alpha1",
        "kind": "NSGBaseline",
        "metadata": {"name": baseline.metadata.name, "namespace": baseline.metadata.namespace},
        "spec": {**spec, **fields},
    }


def _baseline(
    name: str, files: tuple[str, ...], namespace: str | None, kubeconfig: str | None, context: str | None
) -> Sourced:
    sources = _in_files(name, files) if files else _in_cluster(name, namespace, kubeconfig, context)
    if not sources:
        place = f"{', '.join(files)}: no baseline" if files else "no baseline or incident"
        raise Failure(f"{place} is named {name}" + ("" if files else "; list incidents with nsgb incidents"))
    if len(sources) > 1:
        raise Failure(f"{len(sources)} baselines or incidents are named {name}; select a namespace with -n")
    return sources[0]


def _in_files(name: str, files: tuple[str, ...]) -> list[Sourced]:
    return [source for source in read_baselines(files) if name == source.baseline.metadata.name]


def _in_cluster(name: str, namespace: str | None, kubeconfig: str | None, context: str | None) -> list[Sourced]:
    from nsg_baseline.cli.cluster import list_objects, query  # noqa: PLC0415 - slow to import, and not needed for files
    from nsg_baseline.kube.client import Kube  # noqa: PLC0415 - as above

    async def ask(kube: Kube) -> list[Sourced]:
        incidents = [
            incident for incident in await list_objects(kube, NSGIncident, namespace) if incident.metadata.name == name
        ]
        if without_baseline := [incident for incident in incidents if incident.spec.baseline is None]:
            raise Failure(f"{name} is about {_ABOUT[without_baseline[0].spec.kind]}")
        keys = {(incident.metadata.namespace, incident.spec.baseline) for incident in incidents}
        baselines = await list_objects(kube, NSGBaseline, namespace)
        return [
            Sourced(incident)
            for incident in baselines
            if incident.key in keys or (not keys and incident.metadata.name == name)
        ]

    return query(ask, kubeconfig, context)


def _live(live_file: str | None, source: Sourced) -> Live:
    if live_file is not None:
        return read_live_file(live_file)
    from nsg_baseline.cli.live_sources import azure_live  # noqa: PLC0415 - slow to import, and not needed for files

    return azure_live([source])


def _apply(baseline: NSGBaseline, patch: dict[str, Any], kubeconfig: str | None, context: str | None) -> None:
    from nsg_baseline.cli.cluster import query  # noqa: PLC0415 - slow to import, and not needed for files
    from nsg_baseline.kube.client import Kube  # noqa: PLC0415 - as above

    async def ask(kube: Kube) -> None:
        await kube.patch(NSGBaseline, baseline.key, patch)

    query(ask, kubeconfig, context)
    click.echo(f"NSGBaseline {'/'.join(baseline.key)} patched", err=True)
