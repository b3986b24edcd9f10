"""`nsgb report`: all incidents in a period: changes, authors, exposure, duration and resolution."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.api.durations import parse
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.cli.cluster import cluster_options, query
from nsg_baseline.cli.evidence.archive import append
from nsg_baseline.cli.evidence.gather import Evidence, gather
from nsg_baseline.cli.evidence.report import Report
from nsg_baseline.cli.failure import Failure, reject_options
from nsg_baseline.cli.render.report import FORMS
from nsg_baseline.cli.sources import now
from nsg_baseline.cli.text_files import check_writable
from nsg_baseline.core.text.phrasing import counted
from nsg_baseline.kube.client import Kube

_PERIOD = "30d"


@click.command()
@click.option(
    "--since",
    metavar="TIME|DURATION",
    show_default=_PERIOD,
    help="Start of the period: 30d, 12h, or 2026-11-01T00:00:00Z.",
)
@click.option(
    "-o", "--output", type=click.Choice(list(FORMS)), default="markdown", show_default=True, help="Output format."
)
@click.option(
    "--until", "end", metavar="TIME|DURATION", help="End of the period, like --since. Without it, the report ends now."
)
@click.option(
    "--append",
    "folder",
    type=click.Path(file_okay=False),
    help="Append what is new or changed to the JSON lines in FOLDER, instead of writing a report: incidents.jsonl, "
    "objects.jsonl (scopes, baselines, guardrails, routes) and runs.jsonl.",
)
@click.option("--to", "file", type=click.Path(dir_okay=False, writable=True), help="Write the report to a file.")
@cluster_options
def report(  # noqa: PLR0913 - options of the command
    *,
    since: str | None,
    end: str | None,
    folder: str | None,
    output: str,
    file: str | None,
    namespace: str | None,
    all_namespaces: bool,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    r"""Write a report of all incidents in a period. -o html writes one self-contained page.

    The operator keeps resolved incidents for 30 days; of more than 20 for one baseline, it deletes those of the lowest
    severity earlier. To keep them for longer, run nsgb report --append on a schedule.

    \b
    nsgb report --since 2026-03-01T00:00:00Z --until 2026-04-01T00:00:00Z -o html --to march.html
    nsgb report --append /evidence
    """
    today = now()
    start = _time("--since", since or _PERIOD, today)
    until = _time("--until", end, today) if end is not None else today
    if start > until:
        problem = "is in the future" if end is None else f"is after --until {end!r}"
        raise Failure(f"--since: {since or _PERIOD!r} {problem}")
    if folder is not None:
        reject_options("with --append, which records everything", to=file, since=since, until=end)
        if not Path(folder).is_dir():
            raise Failure(f"--append: folder {folder} does not exist; create it first")
    _check_folder(file)
    if all_namespaces:
        reject_options("with -A", namespace=namespace)

    async def ask(kube: Kube) -> Evidence:
        return await gather(kube, namespace)

    evidence = query(ask, kubeconfig, context)
    for gap in evidence.gaps:
        click.echo(f"nsgb: not read: {escape_controls(gap)}", err=True)
    if folder is not None:
        _append(Path(folder), evidence, today)
        return
    within = [item.resource for item in evidence.incidents if _is_within(item.resource, start, until)]
    stored = sorted(within, key=lambda incident: (incident.status.opened_at or until, incident.key))
    text = FORMS[output](Report(tuple(stored), start, until, today, evidence))
    if file is None:
        click.echo(text)
    else:
        Path(file).write_text(text + "\n", encoding="utf-8")


def _check_folder(file: str | None) -> None:
    """Fail before the cluster is queried if the output file cannot be written."""
    if file is not None:
        check_writable("--to", Path(file))


def _append(folder: Path, evidence: Evidence, now: datetime) -> None:
    """Append what is new, so that nothing is lost when the operator deletes an incident."""
    added = append(folder, evidence, now)
    if added.repaired:
        click.echo(f"removed {added.repaired} bytes of an incomplete line that an interrupted run left", err=True)
    counts = f"{counted(added.incidents, 'incident')} and {counted(added.objects, 'object')}"
    click.echo(f"{counts} appended to {folder}", err=True)


def _time(option: str, text: str, until: datetime) -> datetime:
    try:
        if "T" in text:
            time = datetime.fromisoformat(text)
            return time if time.tzinfo is not None else time.replace(tzinfo=until.tzinfo)
        days = text.removesuffix("d")
        return until - (timedelta(days=int(days)) if text.endswith("d") and days.isdigit() else parse(text))
    except (ValueError, OverflowError):
        raise Failure(
            f"{option}: {text!r} is not a time such as 2026-11-01T00:00:00Z or a duration such as 30d or 12h"
        ) from None


def _is_within(incident: NSGIncident, start: datetime, until: datetime) -> bool:
    status = incident.status
    last = status.resolved_at or status.opened_at
    if last is None or (status.opened_at is not None and status.opened_at > until):
        return False
    return status.state == "Open" or last >= start
