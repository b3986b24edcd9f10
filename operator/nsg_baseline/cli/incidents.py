"""`nsgb incidents`: what is open, and since when."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import yaml

from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.cli.cluster import asked, cluster_options, every
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.phrasing import lasting
from nsg_baseline.kube.client import Kube

_HEADINGS = ("SEVERITY", "STATE", "AGE", "NAMESPACE", "NSG", "SUMMARY", "WHO", "NAME")


@click.command()
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True)
@click.option("--all", "resolved_too", is_flag=True, help="Resolved ones too.")
@click.option("-w", "--watch", is_flag=True, help="Go on and print each incident that begins, changes or ends.")
@cluster_options
def incidents(
    *,
    output: str,
    resolved_too: bool,
    watch: bool,
    namespace: str | None,
    all_namespaces: bool,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    r"""List incidents, the heaviest first: severity, age, NSG, what happened, who did it.

    \b
    nsgb incidents
    nsgb incidents -n team-web --all -o json
    nsgb incidents -w
    """
    where = None if all_namespaces else namespace

    async def ask(kube: Kube) -> None:
        known = await every(kube, NSGIncident, where)
        shown = [one for one in known if resolved_too or one.status.state != "Resolved"]
        click.echo(_told(_ordered(shown), output))
        if watch:
            await _follow(kube, where, known, output)

    asked(ask, kubeconfig, context)


async def _follow(kube: Kube, where: str | None, known: list[NSGIncident], output: str) -> None:
    """Print what begins, changes or ends, until interrupted."""
    told = {one.key: one.status.revision for one in known}
    async for item in kube.changes(NSGIncident):
        one = NSGIncident.model_validate(item)
        fresh = one.status.revision > told.get(one.key, 0)
        if fresh and where in (None, one.metadata.namespace):
            told[one.key] = one.status.revision
            click.echo(_told([one], output, headed=False))


def _ordered(found: Iterable[NSGIncident]) -> list[NSGIncident]:
    return sorted(found, key=_place)


def _place(one: NSGIncident) -> tuple[bool, int, str]:
    status = one.status
    return status.state == "Resolved", SEVERITIES.index(status.severity or "info"), one.metadata.name


def _told(found: Sequence[NSGIncident], output: str, *, headed: bool = True) -> str:
    documents = [document(one) for one in found]
    if output == "json":
        return json.dumps({"incidents": documents}, indent=2, ensure_ascii=False)
    if output == "yaml":
        return yaml.safe_dump({"incidents": documents}, sort_keys=False, allow_unicode=True).rstrip()
    if not found:
        return "no open incidents"
    rows = [*([_HEADINGS] if headed else []), *(_row(one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(one: NSGIncident) -> tuple[str, ...]:
    status = one.status
    who = status.changed_by[0].name if status.changed_by else "not found" if status.attribution else "-"
    return (
        status.severity or "-",
        "Acknowledged" if status.state == "Open" and one.spec.acknowledged is not None else status.state or "-",
        age(one),
        one.metadata.namespace,
        NSGId.parse(one.spec.nsg).name if one.spec.nsg else f"scope {one.spec.scope}",
        status.summary or "-",
        who,
        one.metadata.name,
    )


def age(one: NSGIncident) -> str:
    """Return for how long an incident is, or was, open."""
    status = one.status
    if status.opened_at is None:
        return "-"
    return lasting((status.resolved_at or datetime.now(UTC)) - status.opened_at)


def document(one: NSGIncident) -> dict[str, Any]:
    """Return an incident as it is stored, without what is Kubernetes' own."""
    spec = one.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    status = {key: value for key, value in one.status.document().items() if key not in ("fingerprints", "deliveries")}
    return {"namespace": one.metadata.namespace, "name": one.metadata.name, **spec, **status}
