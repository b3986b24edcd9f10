"""`nsgb diff`: what a change of baselines newly allows and denies."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.render.diff import FORMS, Revision
from nsg_baseline.cli.severity_options import severity_options
from nsg_baseline.cli.sources import Sourced, now, read_baselines
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.baseline_diff import diff_baselines

DIFFERENCES = 2


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("-o", "--output", type=click.Choice(list(FORMS)), default="table", show_default=True)
@severity_options
def diff(*, old: str, new: str, output: str, yardstick: SeverityConfig) -> None:
    r"""Say what a change of baselines newly allows and denies: the reviewer's view of a pull request.

    OLD and NEW are files or folders of NSGBaselines; those of one NSG are compared. Exits with 0 when nothing changes
    in meaning, 2 when something does, 1 when something cannot be read.

    \b
    git worktree add ../main main && nsgb diff ../main/baselines baselines -o markdown
    """
    found = list(_revisions(_read(old), _read(new), yardstick))
    click.echo(FORMS[output](found))
    sys.exit(0 if all(one.revised.same for one in found) else DIFFERENCES)


def _revisions(old: list[Sourced], new: list[Sourced], yardstick: SeverityConfig) -> Iterator[Revision]:
    before, after = ({_nsg(one): one for one in some} for some in (old, new))
    for nsg in sorted(before | after):
        was, becomes = before.get(nsg), after.get(nsg)
        source = becomes or was
        if source is not None:
            yield Revision(source, diff_baselines(_spec(was), _spec(becomes), now(), yardstick))


def _read(place: str) -> list[Sourced]:
    """Read one side. A folder may be empty, as before the first baseline; a file without one is another file."""
    found = read_baselines([place])
    if not found and not Path(place).is_dir():
        raise Failure(f"{place}: there is no NSGBaseline in it")
    return found


def _spec(one: Sourced | None) -> BaselineSpec | None:
    return one.baseline.spec if one is not None else None


def _nsg(one: Sourced) -> str:
    return one.baseline.spec.target.resource_id.rstrip("/").lower()
