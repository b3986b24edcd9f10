"""`nsgb incidents`: list and watch incidents."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import yaml

from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.cli.cluster import cluster_options, list_objects, query
from nsg_baseline.cli.failure import reject_options
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.phrasing import counted, lasting
from nsg_baseline.kube.client import Kube

_HEADINGS = ("SEVERITY", "STATE", "DURATION", "NAMESPACE", "NSG", "SUMMARY", "WHO", "NAME")


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "yaml"]),
    default="table",
    show_default=True,
    help="Output format.",
)
@click.option("--all", "resolved_too", is_flag=True, help="Also list resolved incidents.")
@click.option(
    "-w", "--watch", is_flag=True, help="Watch for changes and print each incident as it opens, changes or resolves."
)
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
    r"""List open incidents by severity: duration, NSG, summary, and who made the change.

    \b
    nsgb incidents
    nsgb incidents -n team-web --all -o json
    nsgb incidents -w
    """
    if all_namespaces:
        reject_options("with -A", namespace=namespace)

    async def ask(kube: Kube) -> None:
        stored = await list_objects(kube, NSGIncident, namespace)
        shown = [incident for incident in stored if resolved_too or incident.status.state != "Resolved"]
        click.echo(_render(_ordered(shown), output))
        for line in _undelivered(await list_objects(kube, NSGAlertRoute, namespace)):
            click.echo(line, err=True)
        if watch:
            await _follow(kube, namespace, stored, output)

    query(ask, kubeconfig, context)


def _undelivered(routes: Iterable[NSGAlertRoute]) -> Iterator[str]:
    """Yield a line for each route with notifications that reached nobody, or not everybody."""
    for route in routes:
        if route.status.undelivered:
            count = counted(route.status.undelivered, "notification")
            yield f"NSGAlertRoute {'/'.join(route.key)}: {count} not delivered; see kubectl describe nsgroute"


async def _follow(kube: Kube, namespace: str | None, stored: list[NSGIncident], output: str) -> None:
    """Print each incident that opens, changes or resolves, until interrupted."""
    printed = {incident.key: incident.status.revision for incident in stored}
    async for item in kube.changes(NSGIncident, namespace):
        incident = NSGIncident.model_validate(item)
        fresh = incident.status.revision > printed.get(incident.key, 0)
        if fresh:
            printed[incident.key] = incident.status.revision
            click.echo(_render([incident], output, headed=False))


def _ordered(stored: Iterable[NSGIncident]) -> list[NSGIncident]:
    return sorted(stored, key=_order)


def _order(incident: NSGIncident) -> tuple[bool, int, str]:
    status = incident.status
    return status.state == "Resolved", SEVERITIES.index(status.severity or "info"), incident.metadata.name


def _render(shown: Sequence[NSGIncident], output: str, *, headed: bool = True) -> str:
    documents = [document(incident) for incident in shown]
    if output == "json":
        return json.dumps({"incidents": documents}, indent=2, ensure_ascii=False)
    if output == "yaml":
        return yaml.safe_dump({"incidents": documents}, sort_keys=False, allow_unicode=True).rstrip()
    if not shown:
        return "no open incidents"
    rows = [*([_HEADINGS] if headed else []), *(_row(incident) for incident in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(incident: NSGIncident) -> tuple[str, ...]:
    status = incident.status
    who = _who(status)
    return (
        status.severity or "-",
        "Acknowledged" if status.state == "Open" and status.acknowledged_at is not None else status.state or "-",
        duration(incident),
        incident.metadata.namespace,
        NSGId.parse(incident.spec.nsg).name if incident.spec.nsg else f"scope {incident.spec.scope}",
        status.summary or "-",
        who,
        incident.metadata.name,
    )


def _who(status: IncidentStatus) -> str:
    if not status.changed_by:
        return "unknown" if status.attribution else "-"
    caller = next((caller for caller in status.changed_by if caller.certain), status.changed_by[0])
    return caller.name if caller.certain else f"possibly {caller.name}"


def duration(incident: NSGIncident) -> str:
    """Return how long an incident has been open, or was open."""
    status = incident.status
    if status.opened_at is None:
        return "-"
    return lasting((status.resolved_at or datetime.now(UTC)) - status.opened_at)


def document(incident: NSGIncident) -> dict[str, Any]:
    """Return the document of `-o json`: spec and status without delivery state and Kubernetes metadata."""
    spec = incident.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    status = {
        key: value for key, value in incident.status.document().items() if key not in ("fingerprints", "deliveries")
    }
    return {"namespace": incident.metadata.namespace, "name": incident.metadata.name, **spec, **status}
