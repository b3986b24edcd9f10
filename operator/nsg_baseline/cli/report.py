"""`nsgb report`: the evidence of a time: what changed, who did it, what was open, how long, and how it ended."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from nsg_baseline.api.durations import parse
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.cli.cluster import asked, cluster_options, every
from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.render.report import FORMS, Report
from nsg_baseline.cli.sources import now
from nsg_baseline.kube.client import Kube


@click.command()
@click.option("--since", default="30d", show_default=True, help="From when on: 30d, 12h, or 2026-11-01T00:00:00Z.")
@click.option("-o", "--output", type=click.Choice(list(FORMS)), default="markdown", show_default=True)
@click.option("--to", "file", type=click.Path(dir_okay=False, writable=True), help="Write it to a file.")
@cluster_options
def report(
    *,
    since: str,
    output: str,
    file: str | None,
    namespace: str | None,
    all_namespaces: bool,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    r"""Tell all incidents of a time, as evidence: -o html makes one page that needs nothing else.

    The operator keeps resolved incidents for 30 days, at most 20 a baseline; run it from a schedule to keep more.

    \b
    nsgb report --since 30d -o html --to march.html
    """
    until = now()
    start = _start(since, until)
    if start > until:
        raise Failure(f"--since: {since!r} is in the future")
    _check_folder(file)
    where = None if all_namespaces else namespace

    async def ask(kube: Kube) -> list[NSGIncident]:
        return [one for one in await every(kube, NSGIncident, where) if _is_within(one, start)]

    found = sorted(asked(ask, kubeconfig, context), key=lambda one: (one.status.opened_at or until, one.key))
    text = FORMS[output](Report(tuple(found), start, until))
    if file is None:
        click.echo(text)
    else:
        Path(file).write_text(text + "\n", encoding="utf-8")


def _check_folder(file: str | None) -> None:
    """Stop before anything is asked, if what is found could not be written."""
    if file is not None and not Path(file).absolute().parent.is_dir():
        raise Failure(f"--to: there is no folder {Path(file).parent}")


def _start(text: str, until: datetime) -> datetime:
    try:
        if "T" in text:
            found = datetime.fromisoformat(text)
            return found if found.tzinfo is not None else found.replace(tzinfo=until.tzinfo)
        days = text.removesuffix("d")
        return until - (timedelta(days=int(days)) if text.endswith("d") and days.isdigit() else parse(text))
    except (ValueError, OverflowError):
        raise Failure(f"--since: {text!r} is neither a time such as 2026-11-01T00:00:00Z nor 30d or 12h") from None


def _is_within(one: NSGIncident, start: datetime) -> bool:
    status = one.status
    last = status.resolved_at or status.opened_at
    return last is not None and (status.state == "Open" or last >= start)
